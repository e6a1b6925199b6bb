package provider

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	_ resource.ResourceWithConfigure      = (*virtualMachineResource)(nil)
	_ resource.ResourceWithImportState    = (*virtualMachineResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*virtualMachineResource)(nil)
	_ resource.ResourceWithValidateConfig = (*virtualMachineResource)(nil)
)

const virtualMachineTimeout = 20 * time.Minute

type virtualMachineResource struct{ base }

func newVirtualMachineResource() resource.Resource { return &virtualMachineResource{} }

func (r *virtualMachineResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_virtual_machine"
}

func (r *virtualMachineResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config virtualMachineModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	timeout, diags := plan.Timeouts.Create(ctx, virtualMachineTimeout)
	resp.Diagnostics.Append(diags...)
	spec := config.toSpec(ctx, &resp.Diagnostics)
	spec.Foreseen = plan.foreseen()
	if resp.Diagnostics.HasError() {
		return
	}
	eng, host, err := r.backend.on(plan.Host.ValueString())
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindVirtualMachine, spec.Name, host, err)
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.create")
	defer cancel()
	var ref model.Ref
	vm, err := eng.CreateVirtualMachine(ctx, host, spec, func(vm model.VirtualMachine) {
		ref = vm.Ref()
		resp.Diagnostics.Append(resp.State.Set(ctx, plan.reserved(ctx, vm, &resp.Diagnostics))...)
	})
	if err != nil {
		failed(&resp.Diagnostics, "create", model.KindVirtualMachine, spec.Name, host, err)
		afterFailedCreate(ctx, &resp.State, func(ctx context.Context) error {
			_, err := eng.VirtualMachine(ctx, ref)
			return err
		})
		return
	}
	resp.Diagnostics.Append(rememberPassword(ctx, resp.Private, vm)...)
	vm = await(ctx, eng, vm, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.fromRecord(ctx, vm, &resp.Diagnostics))...)
}

func (r *virtualMachineResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state virtualMachineModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel := looking(ctx, state.Timeouts, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	eng, ref, err := r.refOf(state.ID)
	var vm model.VirtualMachine
	if err == nil {
		vm, err = eng.VirtualMachine(ctx, ref)
	}
	switch {
	case errors.Is(err, engine.ErrAbsent):
		gone(ctx, &resp.State, eng, ref)
	case err != nil:
		failed(&resp.Diagnostics, "read", model.KindVirtualMachine, state.Name.ValueString(), ref.Host, err)
	default:
		warnOfFailure(&resp.Diagnostics, model.KindVirtualMachine, vm.Header, string(vm.State), vm.Failure)
		resp.Diagnostics.Append(rememberPassword(ctx, resp.Private, vm)...)
		state = state.fromHost(ctx, vm, &resp.Diagnostics).keepAddresses(state)
		state.PowerState = powerState(state.PowerState, vm)
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	}
}

func (r *virtualMachineResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, config, state virtualMachineModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, virtualMachineTimeout)
	resp.Diagnostics.Append(diags...)
	spec := config.toSpec(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, timeout, "timeouts.update")
	defer cancel()
	eng, ref, err := r.refOf(plan.ID)
	var vm model.VirtualMachine
	if err == nil {
		vm, err = eng.UpdateVirtualMachine(ctx, ref, spec)
	}
	if err != nil {
		failed(&resp.Diagnostics, "update", model.KindVirtualMachine, plan.Name.ValueString(), ref.Host, err)
		return
	}
	resp.Diagnostics.Append(rememberPassword(ctx, resp.Private, vm)...)
	if started := state.DomID.ValueInt64() != int64(vm.DomID); started {
		vm = await(ctx, eng, vm, &resp.Diagnostics)
	}
	updated := plan.fromRecord(ctx, vm, &resp.Diagnostics)
	updated.Addresses = known(plan.Addresses, updated.Addresses)
	resp.Diagnostics.Append(resp.State.Set(ctx, updated)...)
}

func (r *virtualMachineResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.destroy(ctx, req, resp, model.KindVirtualMachine, virtualMachineTimeout, (*engine.Engine).DeleteVirtualMachine)
}

func (r *virtualMachineResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importFound(ctx, model.KindVirtualMachine, req.ID, resp, func(eng *engine.Engine, host, nameOrNumber string) (model.Ref, error) {
		return eng.FindOrAdopt(ctx, host, nameOrNumber, defaultShutdownTimeout)
	})
}

func rememberPassword(ctx context.Context, private privateState, vm model.VirtualMachine) diag.Diagnostics {
	return rememberSecret(ctx, private, passwordKey, passwordOf(vm.Body))
}
