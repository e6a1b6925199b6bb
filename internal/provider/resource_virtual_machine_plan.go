package provider

import (
	"context"
	"fmt"
	"maps"
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
	if resp.Diagnostics.HasError() {
		return
	}
	plan.planMACs(ctx, config, state, &resp.Diagnostics)
	template := r.checkUses(ctx, host, config, state, &resp.Diagnostics)
	plan.planMethods(state, r.foresee(ctx, host, config, template, state, &resp.Diagnostics), &resp.Diagnostics)
	if state != nil && !resp.Diagnostics.HasError() {
		plan.planUpdate(ctx, config, *state, resp)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	settle(ctx, req, resp, "domid", "state", "vnc_port", "deployment_file")
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

// planUpdate decides what is changed in place, what makes a new virtual machine, and what is refused because it would lose data.
func (m *virtualMachineModel) planUpdate(ctx context.Context, config, state virtualMachineModel, resp *resource.ModifyPlanResponse) {
	asMade := m.asMade(state, &resp.Diagnostics)
	now, before := asMade.values(), state.values()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if slices.Contains(eventNames, name) {
			continue
		}
		for _, at := range differences(path.Root(name), before[name], now[name]) {
			if slot, attribute, remade := remadeDisk(at, state, asMade); remade {
				refuseRemaking(ctx, at, slot, attribute, state, *m, &resp.Diagnostics)
				continue
			}
			resp.RequiresReplace.Append(at)
		}
	}
	resp.RequiresReplace.Append(differences(path.Root("template_id"), state.TemplateID, m.TemplateID)...)
	m.planPassword(ctx, config, resp)
	m.keepWords(state)
	m.WaitFor = sameTimeout(m.WaitFor, state.WaitFor, &resp.Diagnostics)
	m.planPower(state)
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

func (m *virtualMachineModel) planPassword(ctx context.Context, config virtualMachineModel, resp *resource.ModifyPlanResponse) {
	if !fullyKnown(ctx, config.Graphics) {
		return
	}
	password := ""
	if graphics := toGraphics(config.Graphics); graphics != nil {
		password = graphics.Password
	}
	changed, diags := secretChanged(ctx, resp.Private, passwordKey, password)
	resp.Diagnostics.Append(diags...)
	if changed {
		// A write-only value shows no difference, so the id does.
		m.ID = types.StringUnknown()
		resp.RequiresReplace.Append(path.Root("id"))
		resp.Diagnostics.AddAttributeWarning(path.Root("graphics").AtName("password_wo"), "The write-only password has changed",
			"It differs from the one on the host, so the virtual machine is replaced.")
	}
}

// remadeDisk tells whether the path is the size or the clone of a disk that stays the same but for these.
func remadeDisk(at path.Path, state, plan virtualMachineModel) (slot, attribute string, remade bool) {
	for slot, before := range state.Disks.Elements() {
		now, stays := plan.Disks.Elements()[slot]
		if !stays {
			continue
		}
		disk := path.Root("disks").AtMapKey(slot)
		size, clone := disk.AtName("size"), disk.AtName("clone")
		others := slices.ContainsFunc(differences(disk, before, now), func(p path.Path) bool { return !p.Equal(size) && !p.Equal(clone) })
		switch {
		case others:
		case at.Equal(size):
			return slot, "size", true
		case at.Equal(clone):
			return slot, "clone", true
		}
	}
	return "", "", false
}

func refuseRemaking(ctx context.Context, at path.Path, slot, attribute string, state, plan virtualMachineModel, diags *diag.Diagnostics) {
	before, now := diskModels(ctx, state.Disks, diags)[slot], diskModels(ctx, plan.Disks, diags)[slot]
	difference := fmt.Sprintf("The disk has %s and %s is wanted. A disk keeps its size", sizeText(before.Size), sizeText(now.Size))
	if attribute == "clone" {
		method := textOf(diskAttributeValues(state.Disks)[slot], cloneMethod)
		difference = fmt.Sprintf("The clone_method of the disk is %q and clone = %s is wanted. A disk is made once", method, now.Clone)
	}
	addErrorAt(diags, at, fmt.Sprintf("Unable to change the %s of disk %s of virtual machine %s", attribute, slot, state.Name),
		fmt.Sprintf("%s: a new virtual machine in its place would lose the data on it. %s", difference, giveUp))
}

func sizeText(size types.Int64) string {
	switch {
	case size.IsUnknown():
		return "another size"
	case size.IsNull():
		return "the size of its image"
	}
	return fmt.Sprintf("%d MiB", size.ValueInt64())
}
