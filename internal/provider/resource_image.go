package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	_ resource.ResourceWithConfigure      = (*imageResource)(nil)
	_ resource.ResourceWithImportState    = (*imageResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*imageResource)(nil)
	_ resource.ResourceWithValidateConfig = (*imageResource)(nil)
)

// Default timeouts.
const (
	imageCreateTimeout = time.Hour
	imageUpdateTimeout = 30 * time.Minute // the digest of a large content takes its time
	readTimeout        = 5 * time.Minute
	updateTimeout      = 5 * time.Minute
	deleteTimeout      = 10 * time.Minute
	importTimeout      = 10 * time.Minute // one who waits for a lock shall hear who holds it
)

type imageResource struct{ base }

func newImageResource() resource.Resource { return &imageResource{} }

func (r *imageResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
}

func (r *imageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan imageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, imageCreateTimeout)
	resp.Diagnostics.Append(diags...)
	spec := plan.toSpec(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	eng, host, err := r.backend.on(plan.Host.ValueString())
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindImage, plan.Name.ValueString(), host, err)
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.create")
	defer cancel()
	var ref model.Ref
	image, err := eng.CreateImage(ctx, host, spec, func(image model.Image) {
		ref = image.Ref()
		resp.Diagnostics.Append(resp.State.Set(ctx, plan.reserved(image))...)
	})
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindImage, plan.Name.ValueString(), host, err)
		afterFailedCreate(ctx, &resp.State, func(ctx context.Context) error {
			_, err := eng.Image(ctx, ref)
			return err
		})
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, image, &resp.Diagnostics))...)
	if planned := plan.SourceChecksum; !planned.IsUnknown() && planned.ValueString() != image.Delivered {
		resp.Diagnostics.AddError(fmt.Sprintf("Unable to keep image %q on %s", image.Name, host),
			fmt.Sprintf("%s changed between plan and apply: planned %s, delivered %s. The image is replaced by the next apply.",
				plan.source(), planned.ValueString(), image.Delivered))
	}
}

func (r *imageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state imageModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel := looking(ctx, state.Timeouts, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	eng, ref, err := r.refOf(state.ID)
	var image model.Image
	if err == nil {
		image, err = eng.Image(ctx, ref)
	}
	switch {
	case errors.Is(err, engine.ErrAbsent):
		gone(ctx, &resp.State, eng, ref)
	case err != nil:
		failed(&resp.Diagnostics, "read", model.KindImage, state.Name.ValueString(), ref.Host, err)
	default:
		if image.Failure != "" {
			resp.Diagnostics.AddWarning(fmt.Sprintf("The image %q on %s is in the state %s", image.Name, image.Host, image.State),
				image.Failure+".\n\nAn apply verifies the content on the host and makes the image READY again when it is in order. To make it anew, "+
					"run `terraform apply -replace` with the address of the resource.")
		}
		refreshSource(ctx, resp.Private, image.Path)
		resp.Diagnostics.Append(resp.State.Set(ctx, state.fromRecord(ctx, image, &resp.Diagnostics))...)
	}
}

func (r *imageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan imageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Update(ctx, imageUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	spec := plan.toSpec(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.update")
	defer cancel()
	eng, ref, err := r.refOf(plan.ID)
	var image model.Image
	if err == nil {
		image, err = eng.UpdateImage(ctx, ref, spec)
	}
	if err != nil {
		failed(&resp.Diagnostics, "update", model.KindImage, plan.Name.ValueString(), ref.Host, err)
		return
	}
	now := plan.fromRecord(ctx, image, &resp.Diagnostics)
	now.State = known(plan.State, now.State) // a virtual machine may use the image by now; the next read tells
	resp.Diagnostics.Append(resp.State.Set(ctx, now)...)
}

func (r *imageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.destroy(ctx, req, resp, model.KindImage, deleteTimeout, (*engine.Engine).DeleteImage)
}

func (r *imageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importState(ctx, model.KindImage, req.ID, resp)
}
