package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// cloneMethod is the one attribute that the disks of virtual machines have and those of templates have not.
const cloneMethod = "clone_method"

// diskModels reads the disks of a template or a virtual machine, without their clone_method: nothing for null and unknown.
func diskModels(ctx context.Context, disks types.Map, diags *diag.Diagnostics) map[string]diskModel {
	models := map[string]diskModel{}
	for slot, attributes := range diskAttributeValues(disks) {
		delete(attributes, cloneMethod)
		value, d := types.ObjectValue(diskType.AttrTypes, attributes)
		diags.Append(d...)
		if disk := object[diskModel](ctx, value, diags); disk != nil {
			models[slot] = *disk
		}
	}
	return models
}

// diskAttributeValues are the attributes of each disk that is known to be there.
func diskAttributeValues(disks types.Map) map[string]map[string]attr.Value {
	values := map[string]map[string]attr.Value{}
	for slot, element := range disks.Elements() {
		if disk, ok := element.(types.Object); ok && !disk.IsNull() && !disk.IsUnknown() {
			values[slot] = disk.Attributes()
		}
	}
	return values
}

// changeDisks gives the disks of a virtual machine, each with its attributes changed.
func changeDisks(disks types.Map, diags *diag.Diagnostics, change func(slot string, attributes map[string]attr.Value)) types.Map {
	elements := disks.Elements()
	if len(elements) == 0 {
		return disks
	}
	for slot, attributes := range diskAttributeValues(disks) {
		change(slot, attributes)
		value, d := types.ObjectValue(virtualMachineTypes.disk.AttrTypes, attributes)
		diags.Append(d...)
		elements[slot] = value
	}
	changed, d := types.MapValue(virtualMachineTypes.disk, elements)
	diags.Append(d...)
	return changed
}

// withMethods gives each disk the method by which the host made it: null while it is not made.
func withMethods(disks types.Map, host []model.AttachedDisk, diags *diag.Diagnostics) types.Map {
	methods := map[string]model.CloneMethod{}
	for _, disk := range host {
		methods[disk.Slot] = disk.Method
	}
	return changeDisks(disks, diags, func(slot string, disk map[string]attr.Value) {
		disk[cloneMethod] = stringOrNull(methods[slot])
	})
}

// foreseen are the methods that the plan has promised.
func (m virtualMachineModel) foreseen() map[string]model.CloneMethod {
	methods := map[string]model.CloneMethod{}
	for slot, disk := range diskAttributeValues(m.Disks) {
		if method := textOf(disk, cloneMethod); method != "" {
			methods[slot] = model.CloneMethod(method)
		}
	}
	return methods
}

// planMethods keeps the method of a disk that stays, and shows of a new one what is foreseen.
func (m *virtualMachineModel) planMethods(state *virtualMachineModel, foreseen map[string]model.CloneMethod, diags *diag.Diagnostics) {
	before := map[string]map[string]attr.Value{}
	if state != nil {
		before = diskAttributeValues(state.Disks)
	}
	m.Disks = changeDisks(m.Disks, diags, func(slot string, disk map[string]attr.Value) {
		old, had := before[slot]
		switch method := foreseen[slot]; {
		case had && sameSource(old, disk):
			disk[cloneMethod] = old[cloneMethod]
		case method != "":
			disk[cloneMethod] = types.StringValue(string(method))
		default:
			disk[cloneMethod] = types.StringUnknown()
		}
	})
}

// sameSource tells whether the disk is made of the same as it was.
func sameSource(old, now map[string]attr.Value) bool {
	same := func(name string) bool { return len(differences(path.Root(name), old[name], now[name])) == 0 }
	return same("image_id") && same("volatile") && same("path") && same("cdrom")
}

// asMade is the plan for comparing it with the state: a changed clone that allows the disk as it was made is no change of the disk.
func (m virtualMachineModel) asMade(state virtualMachineModel, diags *diag.Diagnostics) virtualMachineModel {
	before := diskAttributeValues(state.Disks)
	m.Disks = changeDisks(m.Disks, diags, func(slot string, disk map[string]attr.Value) {
		old, had := before[slot]
		if had && !disk["clone"].IsUnknown() && model.Clone(textOf(disk, "clone")).Allows(model.CloneMethod(textOf(old, cloneMethod))) {
			disk["clone"] = old["clone"]
		}
	})
	return m
}

// foresee asks the host how the disks of a new virtual machine will be made, and refuses what it could not do. What may still change
// before the apply is left out: what comes from a template, and the use of an image that the same plan changes.
func (r *virtualMachineResource) foresee(ctx context.Context, host string, config virtualMachineModel, template *model.VirtualMachineBody, state *virtualMachineModel, diags *diag.Diagnostics) map[string]model.CloneMethod {
	if state != nil || host == "" || diags.HasError() {
		return nil
	}
	body := config.toBody(ctx, diags)
	if template != nil {
		body = body.Over(*template)
	}
	eng, host, err := r.backend.on(host)
	if err != nil {
		return nil // not known yet; the apply asks again
	}
	for slot, disk := range body.Disks {
		if entry, mine := config.Disks.Elements()[slot]; mine && undecided(entry) || r.isChanging(refValue(host, disk.ImageID)) {
			delete(body.Disks, slot)
		}
	}
	if len(body.Disks) == 0 {
		return nil
	}
	methods, err := eng.ForeseeDisks(ctx, host, body.Disks)
	if refusal, ok := errors.AsType[*model.FieldError](err); ok {
		refused(diags, model.KindVirtualMachine, refusal)
	} else if err != nil {
		diags.AddError("Unable to find out how host "+host+" would make the disks", err.Error())
	}
	entries := diskAttributeValues(config.Disks)
	for slot := range methods {
		decided := textOf(entries[slot], "volatile") != "" || textOf(entries[slot], "image_id") != "" && textOf(entries[slot], "clone") != ""
		if !config.TemplateID.IsNull() && !decided {
			delete(methods, slot)
		}
	}
	return methods
}

// isChanging tells whether the plan changes how virtual machines use the image.
func (r *virtualMachineResource) isChanging(image types.String) bool {
	_, changing := r.backend.changing.Load(image.ValueString())
	return changing
}

// textOf is an attribute that is a text: nothing for null and unknown.
func textOf(attributes map[string]attr.Value, name string) string {
	text, _ := attributes[name].(types.String)
	return text.ValueString()
}
