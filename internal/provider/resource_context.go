package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	_ resource.ResourceWithConfigure      = (*contextResource)(nil)
	_ resource.ResourceWithImportState    = (*contextResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*contextResource)(nil)
	_ resource.ResourceWithValidateConfig = (*contextResource)(nil)
)

const contextCreateTimeout = 10 * time.Minute

type contextResource struct{ base }

func newContextResource() resource.Resource { return &contextResource{} }

func (r *contextResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_context"
}

func (r *contextResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config contextModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	timeout, diags := plan.Timeouts.Create(ctx, contextCreateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	spec := config.toSpec(ctx, &resp.Diagnostics)
	spec.Files = config.readFiles(ctx, &resp.Diagnostics)
	plan.checkFiles(ctx, spec.Files, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	eng, host, err := r.backend.on(plan.Host.ValueString())
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindContext, spec.Name, host, err)
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.create")
	defer cancel()
	var ref model.Ref
	record, err := eng.CreateContext(ctx, host, spec, func(record model.Context) {
		ref = record.Ref()
		resp.Diagnostics.Append(resp.State.Set(ctx, plan.reserved(record))...)
	})
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindContext, spec.Name, host, err)
		afterFailedCreate(ctx, &resp.State, func(ctx context.Context) error {
			_, err := eng.Context(ctx, ref)
			return err
		})
		return
	}
	resp.Diagnostics.Append(rememberSecret(ctx, resp.Private, variablesKey, record.Secrets)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, record, &resp.Diagnostics))...)
}

// checkFiles refuses files that are not those of the plan.
func (m contextModel) checkFiles(ctx context.Context, files map[string]model.ContextFile, diags *diag.Diagnostics) {
	for name, planned := range elements[contextFileModel](ctx, m.Files, diags) {
		if !planned.SHA256.IsUnknown() && planned.SHA256.ValueString() != files[name].SHA256 {
			addErrorAt(diags, path.Root("files").AtMapKey(name), "Unable to use a file of the context",
				fmt.Sprintf("%s changed between plan and apply: apply again.", name))
		}
	}
}

func (r *contextResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state contextModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel := looking(ctx, state.Timeouts, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	eng, ref, err := r.refOf(state.ID)
	var record model.Context
	if err == nil {
		record, err = eng.Context(ctx, ref)
	}
	switch {
	case errors.Is(err, engine.ErrAbsent):
		gone(ctx, &resp.State, eng, ref)
	case err != nil:
		failed(&resp.Diagnostics, "read", model.KindContext, state.Name.ValueString(), ref.Host, err)
	default:
		resp.Diagnostics.Append(rememberSecret(ctx, resp.Private, variablesKey, record.Secrets)...)
		resp.Diagnostics.Append(resp.State.Set(ctx, state.fromRecord(ctx, record, &resp.Diagnostics))...)
	}
}

func (r *contextResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan contextModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Update(ctx, updateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.update")
	defer cancel()
	eng, ref, err := r.refOf(plan.ID)
	var record model.Context
	if err == nil {
		record, err = eng.UpdateContext(ctx, ref, plan.Name.ValueString(), stringMap(plan.Labels))
	}
	if err != nil {
		failed(&resp.Diagnostics, "update", model.KindContext, plan.Name.ValueString(), ref.Host, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, record, &resp.Diagnostics))...)
}

func (r *contextResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.destroy(ctx, req, resp, model.KindContext, deleteTimeout, (*engine.Engine).DeleteContext)
}

func (r *contextResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importState(ctx, model.KindContext, req.ID, resp)
}
