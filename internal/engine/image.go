package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// Image reads an image; ErrAbsent when the host says that there is none.
func (e *Engine) Image(ctx context.Context, ref model.Ref) (model.Image, error) {
	s, err := e.site(ref.Host)
	if err != nil {
		return model.Image{}, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return model.Image{}, err
	}
	return v.image(ref.ID)
}

// UpdateImage changes name and labels at any time; type (OS, CDROM, DATABLOCK into each other) and persistent while no virtual
// machine uses the image.
func (e *Engine) UpdateImage(ctx context.Context, ref model.Ref, spec model.ImageSpec) (model.Image, error) {
	s, err := e.site(ref.Host)
	if err != nil {
		return model.Image{}, err
	}
	err = s.locked(ctx, model.KindImage, ref.ID, func(ctx context.Context) error { return s.updateImage(ctx, ref.ID, spec) })
	if err != nil {
		return model.Image{}, err
	}
	return e.Image(ctx, ref)
}

func (s *site) updateImage(ctx context.Context, id int, spec model.ImageSpec) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	record, err := datastore.Decode[model.Image](v.snapshot, model.KindImage, id)
	if err != nil {
		return err
	}
	if spec.Type != record.Type && (!spec.Type.IsDisk() || !record.Type.IsDisk()) {
		return &model.FieldError{Field: "type", Err: fmt.Errorf("an image of type %s cannot become one of type %s", record.Type, spec.Type)}
	}
	idle := spec.Type != record.Type || spec.Persistent != record.Persistent
	record.Name, record.Labels, record.Path, record.Checksum = spec.Name, spec.Labels, spec.Path, spec.Checksum
	record.Type, record.Persistent = spec.Type, spec.Persistent
	record.Claims = []string{claimName(spec.Name)}
	write := s.store.Update
	if idle {
		write = s.store.UpdateIdle
	}
	defer s.changed()
	err = write(ctx, model.KindImage, record.Header, record)
	if inUse, ok := errors.AsType[*datastore.InUseError](err); ok {
		return fmt.Errorf("type and persistent of an image change only while no virtual machine uses it, but image %q is used by %s: remove that use first", record.Name, v.names(inUse.By))
	}
	return s.explainConflict(err)
}

// DeleteImage removes an image and its content, unless a virtual machine uses it.
func (e *Engine) DeleteImage(ctx context.Context, ref model.Ref) error {
	return e.deleteRecord(ctx, model.KindImage, ref)
}

// explainInUse names the virtual machines that use what was to be removed.
func (s *site) explainInUse(ctx context.Context, err error) error {
	inUse, ok := errors.AsType[*datastore.InUseError](err)
	if !ok {
		return err
	}
	v, viewErr := s.fresh(ctx)
	if viewErr != nil {
		return err
	}
	return fmt.Errorf("it is used by %s on host %s: destroy them first", v.names(inUse.By), s.name)
}

// names lists virtual machines for an error text.
func (v *view) names(ids []int) string {
	names := []string{}
	for _, id := range ids {
		name := fmt.Sprintf("virtual machine %d", id)
		if vm, err := datastore.Decode[model.Header](v.snapshot, model.KindVirtualMachine, id); err == nil {
			name = fmt.Sprintf("virtual machine %q", vm.Name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func claimName(name string) string { return "name " + name }

// explainConflict says which attribute has to change, and who has its value.
func (s *site) explainConflict(err error) error {
	conflict, ok := errors.AsType[*datastore.ConflictError](err)
	if !ok {
		return err
	}
	what, value, _ := strings.Cut(conflict.Claim, " ")
	holder := model.Ref{Host: s.name, ID: conflict.ID}
	var text, field string
	switch what {
	case "name":
		field, text = "name", fmt.Sprintf("the name %q is taken by %s %s: choose another name, or import that one", value, conflict.Kind.Noun(), holder)
	case "mac":
		field, text = "nics", fmt.Sprintf("the MAC address %s is taken by %s %s: two network cards of one host need different ones", value, conflict.Kind.Noun(), holder)
	case "vnc":
		field, text = "graphics.port", fmt.Sprintf("the VNC port %s is taken by %s %s: choose another graphics.port", value, conflict.Kind.Noun(), holder)
	case "image":
		field, text = "disks", fmt.Sprintf("image %s/%s is persistent and in use by %s %s: only one virtual machine may write to it", s.name, value, conflict.Kind.Noun(), holder)
	default:
		return err
	}
	return &model.FieldError{Field: field, Err: errors.New(text)}
}
