package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// passwordKey is where the private state keeps the fingerprint of graphics.password_wo.
const passwordKey = "password_wo"

func passwordOf(body model.VirtualMachineBody) string {
	if body.Graphics == nil {
		return ""
	}
	return body.Graphics.Password
}

func (r *virtualMachineResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config virtualMachineModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	refuse := func(field string, err error) {
		refused(&resp.Diagnostics, model.KindVirtualMachine, &model.FieldError{Field: field, Err: err})
	}
	if !config.Name.IsUnknown() && !config.Name.IsNull() {
		if err := model.CheckName(config.Name.ValueString()); err != nil {
			refuse("name", err)
		}
	}
	config.checkPower(ctx, func(err *model.FieldError) { refused(&resp.Diagnostics, model.KindVirtualMachine, err) }, &resp.Diagnostics)
	if policy := config.RestartPolicy; !policy.IsNull() && !policy.IsUnknown() && !slices.Contains(model.RestartPolicies, model.RestartPolicy(policy.ValueString())) {
		refuse("restart_policy", fmt.Errorf("%q is not a restart policy: use never or on_change", policy.ValueString()))
	}
	refID(path.Root("template_id"), config.TemplateID, &resp.Diagnostics)
	config.check(ctx, model.KindVirtualMachine, nil, config.TemplateID.IsNull(), &resp.Diagnostics)
}

func (r *virtualMachineResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	host := r.planHost(ctx, req, resp)
	var plan, config virtualMachineModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	var state *virtualMachineModel
	if !req.State.Raw.IsNull() {
		state = &virtualMachineModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	ctx, cancel := looking(ctx, plan.Timeouts, &resp.Diagnostics)
	defer cancel()
	if resp.Diagnostics.HasError() {
		return
	}
	plan.planMACs(ctx, config, state, &resp.Diagnostics)
	template := r.checkUses(ctx, host, config, state, &resp.Diagnostics)
	plan.planMethods(state, r.foresee(ctx, host, config, template, state, &resp.Diagnostics), &resp.Diagnostics)
	changed := false
	if state != nil && !resp.Diagnostics.HasError() {
		changed = r.planUpdate(ctx, &plan, config, *state, resp)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if changed {
		return
	}
	settle(ctx, req, resp, "domid", "state", "vnc_port", "addresses", "deployment_file", "context_md5", "context_sha256", "pending_restart", "template_values", "drift")
}

// planMACs shows the MAC addresses that follow from IP addresses, and keeps those that the virtual machine has.
func (m *virtualMachineModel) planMACs(ctx context.Context, config virtualMachineModel, state *virtualMachineModel, diags *diag.Diagnostics) {
	planned := elements[nicModel](ctx, m.NICs, diags)
	if len(planned) == 0 {
		return
	}
	before := map[string]nicModel{}
	if state != nil {
		before = elements[nicModel](ctx, state.NICs, diags)
	}
	configured := elements[nicModel](ctx, config.NICs, diags)
	for name, nic := range planned {
		old, had := before[name]
		switch {
		case !configured[name].MAC.IsNull():
			if sameMAC(nic.MAC, old.MAC) {
				nic.MAC = old.MAC
			}
		case had && !old.MAC.IsNull() && nic.IP.Equal(old.IP):
			nic.MAC = old.MAC
		case nic.IP.IsUnknown() || nic.IP.IsNull():
			nic.MAC = types.StringUnknown()
		default:
			mac, err := engine.MACFromIP(nic.IP.ValueString())
			if err != nil {
				addErrorAt(diags, path.Root("nics").AtMapKey(name).AtName("ip"), "Unable to make a MAC address", err.Error())
			}
			nic.MAC = types.StringValue(mac)
		}
		planned[name] = nic
	}
	m.NICs = devicesOrNull(ctx, nicType, planned, diags)
}

// checkUses looks at the host whether all that the virtual machine names is there, and checks the whole of it and its template, which it
// returns when it is known and a new virtual machine is to be made of it.
func (r *virtualMachineResource) checkUses(ctx context.Context, host string, config virtualMachineModel, state *virtualMachineModel, diags *diag.Diagnostics) *model.VirtualMachineBody {
	var before []reference
	if state != nil {
		before = append(state.references(ctx, diags), reference{path.Root("template_id"), state.TemplateID, model.KindTemplate})
	}
	refs := append(config.references(ctx, diags), reference{path.Root("template_id"), config.TemplateID, model.KindTemplate})
	r.backend.checkReferences(ctx, host, refs, before, diags)
	if state != nil || diags.HasError() || config.TemplateID.IsNull() || config.TemplateID.IsUnknown() {
		return nil
	}
	eng, ref, err := r.refOf(config.TemplateID)
	if err != nil {
		return nil // not known yet; the apply asks again
	}
	template, err := eng.Template(ctx, ref)
	if err != nil {
		addErrorAt(diags, path.Root("template_id"), "Unable to read the template", err.Error())
		return nil
	}
	config.check(ctx, model.KindVirtualMachine, &template.Body, true, diags)
	return &template.Body
}

// keepWords keeps what the state says in other words: 60s is 1m, and a number has more digits in a configuration than on the host.
func (m *virtualMachineModel) keepWords(state virtualMachineModel) {
	if !m.CPU.IsNull() && len(differences(path.Root("cpu"), state.CPU, m.CPU)) == 0 {
		m.CPU = state.CPU
	}
	now, err := parseDuration(m.ShutdownTimeout.ValueString())
	if before, errBefore := parseDuration(state.ShutdownTimeout.ValueString()); err == nil && errBefore == nil && now == before {
		m.ShutdownTimeout = state.ShutdownTimeout
	}
}
