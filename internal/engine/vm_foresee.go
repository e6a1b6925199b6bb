package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// Foreseen is what a change of a virtual machine is going to be.
type Foreseen struct {
	Template *model.VirtualMachineBody // that is laid under it; nil: none
	Replace  []string                  // attributes whose change needs a new virtual machine
	Remade   []string                  // slots of disks that are made anew, so that what is on them is lost
	Pending  []string                  // attributes that the running guest takes at its next boot
}

// ForeseeUpdate finds out what UpdateVirtualMachine would do, and refuses with a FieldError what it would refuse. An id that is 0 is not
// known yet, and memory that is not said stays as it is.
func (e *Engine) ForeseeUpdate(ctx context.Context, ref model.Ref, spec model.VirtualMachineSpec) (Foreseen, error) {
	_, v, err := e.viewOn(ctx, ref.Host)
	if err != nil {
		return Foreseen{}, err
	}
	vm, err := v.virtualMachine(ref.ID)
	if err != nil {
		return Foreseen{}, err
	}
	return v.foreseeUpdate(vm, spec)
}

func (v *view) foreseeUpdate(vm model.VirtualMachine, spec model.VirtualMachineSpec) (Foreseen, error) {
	body, template, err := v.wanted(vm, spec)
	f := Foreseen{Template: template}
	if err != nil {
		return f, err
	}
	if body.Memory == nil {
		body.Memory, body.MemoryMax = vm.Effective.Memory, vm.Effective.MemoryMax
	}
	f.Replace, f.Remade = v.replacing(vm.Effective, body), v.remaking(vm, body)
	r := resolved{body: body, images: map[int]model.Image{}}
	for _, disk := range body.Disks {
		if disk.ImageID == nil {
			continue
		}
		if image, err := v.image(*disk.ImageID); err == nil {
			r.images[*disk.ImageID] = image
		}
	}
	if id := body.ContextID; id != nil {
		r.context = &model.Context{}
	}
	fitted, err := v.fit(vm, &r)
	if err != nil || len(f.Replace) > 0 || vm.DomID == 0 || spec.PowerState == model.VMPoweroff {
		return f, err
	}
	other := otherContext(vm.Effective, body) || spec.Name != "" && spec.Name != vm.Name && v.tellsName(body.ContextID)
	for i := range fitted.disks {
		if disk := &fitted.disks[i]; disk.Context && other {
			disk.File = fitted.nextFile()
		}
	}
	now := expectedShape(vm)
	if long, there := v.long[vm.DomID]; there {
		now = observe(now, long)
	}
	way, err := transit(now, shape{body: body, disks: fitted.disks}, v.info.Scheduler)
	vm.Effective, vm.Disks = body, slices.DeleteFunc(slices.Clone(fitted.disks), func(disk model.AttachedDisk) bool { return disk.Format == model.FormatRaw })
	f.Pending = append(way.pending, waitingGrowth(vm)...)
	return f, err
}

// remaking are the slots whose disks are made for the virtual machine and will be made of something else.
func (v *view) remaking(vm model.VirtualMachine, body model.VirtualMachineBody) []string {
	var slots []string
	before := bySlots(vm.Disks)
	for _, slot := range slices.Sorted(maps.Keys(body.Disks)) {
		now, had := vm.Effective.Disks[slot]
		if had && !isFirstDisk(slot) && before[slot].Own && otherSource(now, body.Disks[slot]) {
			slots = append(slots, slot)
		}
	}
	return slots
}

// otherContext tells whether the guest's context may read otherwise.
func otherContext(now, want model.VirtualMachineBody) bool {
	plain := func(body model.VirtualMachineBody) map[string]string {
		return flatten(model.VirtualMachineBody{ContextID: body.ContextID, Context: body.Context, NICs: body.NICs})
	}
	return len(unequal(plain(now), plain(want))) > 0
}

// tellsName tells whether a context makes the name of a virtual machine the host name of its guest.
func (v *view) tellsName(contextID *int) bool {
	if contextID == nil {
		return false
	}
	record, err := v.context(*contextID)
	return err == nil && record.HostnameFromName
}

// TemplateValues are the values of a body that come from the template under it, by the paths of their attributes.
func TemplateValues(template *model.VirtualMachineBody, body model.VirtualMachineBody) map[string]string {
	values := map[string]string{}
	if template == nil {
		return values
	}
	whole, without := flatten(body.Over(*template)), flatten(body)
	for attribute, value := range whole {
		if _, mine := without[attribute]; !mine {
			values[attribute] = value
		}
	}
	return values
}
