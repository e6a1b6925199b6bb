package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// withRunning adds what the running guest and the template have to do with it. Right after an operation nobody else has changed anything.
func (m virtualMachineModel) withRunning(ctx context.Context, vm model.VirtualMachine, diags *diag.Diagnostics) virtualMachineModel {
	policy := vm.RestartPolicy
	if policy == "" {
		policy = model.RestartNever
	}
	m.RestartPolicy = types.StringValue(string(policy))
	m.FollowTemplate = types.BoolValue(vm.FollowTemplate)
	m.PendingRestart = stringListValue(ctx, vm.Pending, diags)
	m.TemplateValues = stringMapValue(ctx, templateValues(vm.Host, vm.Template, vm.Body), diags)
	m.Drift = stringMapValue(ctx, nil, diags)
	return m
}

// fromHost is fromRecord with what somebody else changed on the host.
func (m virtualMachineModel) fromHost(ctx context.Context, vm model.VirtualMachine, diags *diag.Diagnostics) virtualMachineModel {
	if vm.Seen != nil {
		vm.Body.Memory, vm.Body.VCPU, vm.Body.Disks, vm.Body.NICs = vm.Seen.Memory, vm.Seen.VCPU, vm.Seen.Disks, vm.Seen.NICs
	}
	seen := m.fromRecord(ctx, vm, diags)
	seen.Drift = stringMapValue(ctx, vm.Drift, diags)
	for _, attribute := range slices.Sorted(maps.Keys(vm.Drift)) {
		if found := vm.Drift[attribute]; strings.HasPrefix(attribute, "disks.") && strings.HasSuffix(found, "is missing") {
			diags.AddWarning(fmt.Sprintf("A disk of virtual machine %q on %s is missing", vm.Name, vm.Host),
				fmt.Sprintf("%s: %s. Put the file back. A volatile disk is made anew by an apply while the guest is off; a disk that was made from an image "+
					"only with the whole virtual machine (terraform apply -replace).", attribute, found))
		}
	}
	return seen
}

// templateValues shows ids as everywhere else.
func templateValues(host string, template *model.VirtualMachineBody, body model.VirtualMachineBody) map[string]string {
	values := engine.TemplateValues(template, body)
	for attribute, value := range values {
		if strings.HasSuffix(attribute, "_id") {
			values[attribute] = host + "/" + value
		}
	}
	return values
}

func stringMapValue(ctx context.Context, values map[string]string, diags *diag.Diagnostics) types.Map {
	if values == nil {
		values = map[string]string{}
	}
	m, d := types.MapValueFrom(ctx, types.StringType, values)
	diags.Append(d...)
	return m
}

// planUpdate shows what a change does: what is made in place, what waits for the next boot, what needs a new virtual machine, and what is
// refused because it would lose data. It tells whether anything but the record changes.
func (r *virtualMachineResource) planUpdate(ctx context.Context, plan *virtualMachineModel, config, state virtualMachineModel, resp *resource.ModifyPlanResponse) bool {
	plan.keepWords(state)
	plan.WaitFor = sameTimeout(plan.WaitFor, state.WaitFor, &resp.Diagnostics)
	changed := plan.changes(state, &resp.Diagnostics)
	secret := plan.passwordChanged(ctx, config, resp)
	if resp.Diagnostics.HasError() {
		return changed
	}
	plan.Drift = stringMapValue(ctx, nil, &resp.Diagnostics)
	plan.TemplateValues = state.TemplateValues
	follows := config.FollowTemplate.ValueBool() && !config.TemplateID.IsNull()
	if changed || secret || follows || len(state.Drift.Elements()) > 0 || !plan.Name.Equal(state.Name) {
		r.planChange(ctx, plan, config, state, resp)
	}
	changed = changed || secret || !plan.TemplateValues.Equal(or(state.TemplateValues, types.MapNull(types.StringType))) || len(state.Drift.Elements()) > 0
	plan.planComputed(state, changed)
	return changed
}

// planComputed keeps what the change leaves as it is.
func (m *virtualMachineModel) planComputed(state virtualMachineModel, changed bool) {
	if changed {
		m.DomID, m.State, m.DeploymentFile = types.Int64Unknown(), types.StringUnknown(), types.StringUnknown()
		m.PendingRestart, m.Addresses = types.ListUnknown(types.StringType), types.ListUnknown(types.StringType)
		m.VNCPort = types.Int64Unknown()
		m.ContextMD5, m.ContextSHA256 = types.StringUnknown(), types.StringUnknown()
		return
	}
	restarts := !m.RestartTrigger.Equal(state.RestartTrigger) && m.RestartTrigger.ValueString() != ""
	if restarts || !m.PowerState.Equal(state.PowerState) {
		m.Addresses = types.ListUnknown(types.StringType)
		return
	}
	m.VNCPort = state.VNCPort
	if !m.Name.Equal(state.Name) {
		return // the guest may be told its name
	}
	m.DeploymentFile, m.ContextMD5, m.ContextSHA256 = state.DeploymentFile, state.ContextMD5, state.ContextSHA256
	if len(state.PendingRestart.Elements()) == 0 {
		m.PendingRestart = state.PendingRestart
	}
}

// changes tells whether the virtual machine differs from what it is on the host, and refuses what cannot be changed of its disks.
func (m *virtualMachineModel) changes(state virtualMachineModel, diags *diag.Diagnostics) bool {
	asMade := m.asMade(state, diags)
	now, before := asMade.values(), state.values()
	changed := len(differences(path.Root("template_id"), state.TemplateID, m.TemplateID)) > 0 ||
		m.RestartPolicy.ValueString() == string(model.RestartOnChange) && len(state.PendingRestart.Elements()) > 0
	for _, name := range slices.Sorted(maps.Keys(now)) {
		for _, at := range differences(path.Root(name), before[name], now[name]) {
			changed = true
			if slot := slotOfClone(at, state, asMade); slot != "" {
				refuseRemaking(at, slot, state, *m, diags)
			}
		}
	}
	return changed
}

// slotOfClone is the slot of a disk that stays the same but for its clone; empty for every other path.
func slotOfClone(at path.Path, state, plan virtualMachineModel) string {
	before := diskAttributeValues(state.Disks)
	for slot, now := range diskAttributeValues(plan.Disks) {
		if old, had := before[slot]; had && at.Equal(path.Root("disks").AtMapKey(slot).AtName("clone")) && sameSource(old, now) {
			return slot
		}
	}
	return ""
}

func refuseRemaking(at path.Path, slot string, state, plan virtualMachineModel, diags *diag.Diagnostics) {
	method, wanted := textOf(diskAttributeValues(state.Disks)[slot], cloneMethod), textOf(diskAttributeValues(plan.Disks)[slot], "clone")
	addErrorAt(diags, at, fmt.Sprintf("Unable to change the clone of disk %s of virtual machine %s", slot, state.Name),
		fmt.Sprintf("The clone_method of the disk is %q and clone = %q is wanted. A disk is made once: a new virtual machine in its place would lose the data on it. %s", method, wanted, giveUp))
}

func (m *virtualMachineModel) passwordChanged(ctx context.Context, config virtualMachineModel, resp *resource.ModifyPlanResponse) bool {
	if !fullyKnown(ctx, config.Graphics) {
		return false
	}
	password := ""
	if graphics := toGraphics(config.Graphics); graphics != nil {
		password = graphics.Password
	}
	changed, diags := secretChanged(ctx, resp.Private, passwordKey, password)
	resp.Diagnostics.Append(diags...)
	if changed {
		resp.Diagnostics.AddAttributeWarning(path.Root("graphics").AtName("password_wo"), "The write-only password has changed",
			"It differs from the one on the host; the guest gets it at its next boot.")
	}
	return changed
}

// planChange asks the engine what the change is going to be.
func (r *virtualMachineResource) planChange(ctx context.Context, plan *virtualMachineModel, config, state virtualMachineModel, resp *resource.ModifyPlanResponse) {
	diags := &resp.Diagnostics
	eng, ref, err := r.refOf(state.ID)
	if err != nil {
		return // not known yet; the apply asks again
	}
	spec := config.toSpec(ctx, diags)
	if config.TemplateID.IsUnknown() {
		plan.TemplateValues = types.MapUnknown(types.StringType)
		spec.TemplateID = nil
	} else if planned, ok := r.backend.templates.Load(config.TemplateID.ValueString()); ok && (spec.FollowTemplate || !config.TemplateID.Equal(state.TemplateID)) {
		template, _ := planned.(plannedTemplate)
		if spec.Template = template.body; spec.Template == nil {
			plan.TemplateValues = types.MapUnknown(types.StringType)
			return
		}
	}
	foreseen, err := eng.ForeseeUpdate(ctx, ref, spec)
	if field, ok := errors.AsType[*model.FieldError](err); ok {
		refused(diags, model.KindVirtualMachine, field)
		return
	}
	if errors.Is(err, engine.ErrAbsent) {
		return
	}
	if err != nil {
		diags.AddError(fmt.Sprintf("Unable to find out what the change of virtual machine %s does", state.Name), err.Error())
		return
	}
	if !plan.TemplateValues.IsUnknown() {
		plan.planTemplateValues(ctx, ref.Host, config, foreseen, diags)
		config.check(ctx, model.KindVirtualMachine, foreseen.Template, true, diags)
	}
	tell(foreseen, spec, plan, state, resp)
}

func (m *virtualMachineModel) planTemplateValues(ctx context.Context, host string, config virtualMachineModel, foreseen engine.Foreseen, diags *diag.Diagnostics) {
	for _, value := range config.values() {
		if !fullyKnown(ctx, value) {
			m.TemplateValues = types.MapUnknown(types.StringType)
			return
		}
	}
	m.TemplateValues = stringMapValue(ctx, templateValues(host, foreseen.Template, config.toBody(ctx, diags)), diags)
}

// tell puts into the plan what a reader would otherwise miss.
func tell(foreseen engine.Foreseen, spec model.VirtualMachineSpec, plan *virtualMachineModel, state virtualMachineModel, resp *resource.ModifyPlanResponse) {
	for _, attribute := range foreseen.Replace {
		resp.RequiresReplace.Append(differingPath(attribute, state, *plan))
	}
	if len(foreseen.Replace) > 0 {
		return
	}
	if len(foreseen.Remade) > 0 {
		resp.Diagnostics.AddAttributeWarning(path.Root("disks"), fmt.Sprintf("Disks of virtual machine %s are re-created", state.Name),
			fmt.Sprintf("What is on %s is lost: another image or kind of disk is wanted there.", listed(foreseen.Remade)))
	}
	switch {
	case len(foreseen.Pending) == 0:
	case spec.RestartPolicy == model.RestartOnChange:
		resp.Diagnostics.AddWarning(fmt.Sprintf("Virtual machine %s is going to reboot", state.Name),
			fmt.Sprintf("The running guest takes %s at its next boot only, and restart_policy is on_change.", listed(foreseen.Pending)))
	default:
		resp.Diagnostics.AddWarning(fmt.Sprintf("A change of virtual machine %s waits for its next boot", state.Name),
			fmt.Sprintf("The running guest takes %s at its next boot only. With restart_policy = \"on_change\" the apply would reboot it.", listed(foreseen.Pending)))
	}
}

// differingPath is the path of a device's attribute, or that of the values from the template where the device comes from there: Terraform
// replaces only for what differs.
func differingPath(attribute string, state, plan virtualMachineModel) path.Path {
	_, rest, _ := strings.Cut(attribute, ".")
	slot, _, _ := strings.Cut(rest, ".")
	_, had := state.Disks.Elements()[slot]
	if _, has := plan.Disks.Elements()[slot]; had || has {
		return fieldPath(attribute)
	}
	return path.Root("template_values")
}
