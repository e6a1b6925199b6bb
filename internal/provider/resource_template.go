package provider

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	_ resource.ResourceWithConfigure      = (*templateResource)(nil)
	_ resource.ResourceWithImportState    = (*templateResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*templateResource)(nil)
	_ resource.ResourceWithValidateConfig = (*templateResource)(nil)
)

const templateCreateTimeout = 5 * time.Minute

type templateResource struct{ base }

func newTemplateResource() resource.Resource { return &templateResource{} }

func (r *templateResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_template"
}

func (r *templateResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan templateModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, templateCreateTimeout)
	resp.Diagnostics.Append(diags...)
	spec := plan.toSpec(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	eng, host, err := r.backend.on(plan.Host.ValueString())
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindTemplate, spec.Name, host, err)
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.create")
	defer cancel()
	var ref model.Ref
	template, err := eng.CreateTemplate(ctx, host, spec, func(template model.Template) {
		ref = template.Ref()
		resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, template, &resp.Diagnostics))...)
	})
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindTemplate, spec.Name, host, err)
		afterFailedCreate(ctx, &resp.State, func(ctx context.Context) error { return exists(ctx, eng, model.KindTemplate, ref) })
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, template, &resp.Diagnostics))...)
}

func (r *templateResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state templateModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel := looking(ctx, state.Timeouts, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	eng, ref, err := r.refOf(state.ID)
	var template model.Template
	if err == nil {
		template, err = eng.Template(ctx, ref)
	}
	switch {
	case errors.Is(err, engine.ErrAbsent):
		gone(ctx, &resp.State, eng, ref)
	case err != nil:
		failed(&resp.Diagnostics, "read", model.KindTemplate, state.Name.ValueString(), ref.Host, err)
	default:
		resp.Diagnostics.Append(resp.State.Set(ctx, state.fromRecord(ctx, template, &resp.Diagnostics))...)
	}
}

func (r *templateResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan templateModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Update(ctx, updateTimeout)
	resp.Diagnostics.Append(diags...)
	spec := plan.toSpec(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.update")
	defer cancel()
	eng, ref, err := r.refOf(plan.ID)
	var template model.Template
	if err == nil {
		template, err = eng.UpdateTemplate(ctx, ref, spec)
	}
	if err != nil {
		failed(&resp.Diagnostics, "update", model.KindTemplate, spec.Name, ref.Host, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, template, &resp.Diagnostics))...)
}

func (r *templateResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.destroy(ctx, req, resp, model.KindTemplate, deleteTimeout, (*engine.Engine).DeleteTemplate)
}

func (r *templateResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importState(ctx, model.KindTemplate, req.ID, resp)
}
