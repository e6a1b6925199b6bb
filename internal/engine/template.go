package engine

import (
	"context"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// CreateTemplate writes the record of a template.
func (e *Engine) CreateTemplate(ctx context.Context, hostName string, spec model.TemplateSpec, reserved func(model.Template)) (model.Template, error) {
	if err := spec.Check(); err != nil {
		return model.Template{}, err
	}
	s, err := e.site(hostName)
	if err != nil {
		return model.Template{}, err
	}
	var template model.Template
	id, err := s.carryOut(ctx, creation{
		kind: model.KindTemplate,
		record: func(id int) (model.Header, any, error) {
			template = model.Template{
				Header:  model.Header{Host: hostName, ID: id, Name: spec.Name, Labels: spec.Labels, Claims: []string{claimName(spec.Name)}},
				Body:    spec.Body,
				Created: time.Now().UTC().Truncate(time.Second),
			}
			return template.Header, template, nil
		},
		begun: func() {
			if reserved != nil {
				reserved(template)
			}
		},
	})
	if err != nil {
		return model.Template{}, err
	}
	return e.Template(ctx, model.Ref{Host: hostName, ID: id})
}

// Template reads a template; ErrAbsent when the host says that there is none.
func (e *Engine) Template(ctx context.Context, ref model.Ref) (model.Template, error) {
	_, v, err := e.settledOn(ctx, ref.Host)
	if err != nil {
		return model.Template{}, err
	}
	return v.template(ref.ID)
}

// UpdateTemplate changes anything of a template. Virtual machines that were made from it stay as they are.
func (e *Engine) UpdateTemplate(ctx context.Context, ref model.Ref, spec model.TemplateSpec) (model.Template, error) {
	if err := spec.Check(); err != nil {
		return model.Template{}, err
	}
	s, err := e.site(ref.Host)
	if err != nil {
		return model.Template{}, err
	}
	err = s.locked(ctx, model.KindTemplate, ref.ID, func(ctx context.Context) error {
		v, err := s.fresh(ctx)
		if err != nil {
			return err
		}
		template, err := datastore.Decode[model.Template](v.snapshot, model.KindTemplate, ref.ID)
		if err != nil {
			return err
		}
		template.Name, template.Labels, template.Body = spec.Name, spec.Labels, spec.Body
		template.Claims = []string{claimName(spec.Name)}
		return s.explainConflict(s.update(ctx, model.KindTemplate, template.Header, template))
	})
	if err != nil {
		return model.Template{}, err
	}
	return e.Template(ctx, ref)
}

// DeleteTemplate removes a template. Virtual machines that were made from it stay as they are.
func (e *Engine) DeleteTemplate(ctx context.Context, ref model.Ref) error {
	return e.deleteRecord(ctx, model.KindTemplate, ref)
}

// deleteRecord removes a record that has nothing running, unless a virtual machine uses it.
func (e *Engine) deleteRecord(ctx context.Context, kind model.Kind, ref model.Ref) error {
	s, err := e.site(ref.Host)
	if err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.locked(ctx, kind, ref.ID, func(ctx context.Context) error {
		return s.explainInUse(ctx, s.remove(ctx, kind, ref.ID))
	})
}
