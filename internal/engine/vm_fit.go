package engine

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// wanted is the whole of what a virtual machine is to be, and the template that is laid under it: the one that it was made from as it was
// then, unless the virtual machine follows it or gets another one.
func (v *view) wanted(vm model.VirtualMachine, spec model.VirtualMachineSpec) (model.VirtualMachineBody, *model.VirtualMachineBody, error) {
	body, template := spec.Body, vm.Template
	switch {
	case spec.TemplateID == nil:
		template = nil
	case spec.Template != nil:
		template = spec.Template
	case template == nil || spec.FollowTemplate || vm.TemplateID == nil || *vm.TemplateID != *spec.TemplateID:
		record, err := v.template(*spec.TemplateID)
		if err != nil {
			return body, nil, v.missing("template_id", model.KindTemplate, *spec.TemplateID, err)
		}
		template = &record.Body
	}
	if template != nil {
		body = body.Over(*template)
	}
	body.NICs = maps.Clone(body.NICs)
	for name, nic := range body.NICs {
		if old, had := vm.Effective.NICs[name]; had && nic.MAC == "" && nic.IP == old.IP {
			nic.MAC = old.MAC
			body.NICs[name] = nic
		}
	}
	body = withDefaults(body)
	settleDevices(vm.ID, &body)
	return body, template, nil
}

// settleDevices gives devices what only the virtual machine as a whole can tell: MAC addresses, and the port of the screen.
func settleDevices(vid int, body *model.VirtualMachineBody) {
	for name, nic := range body.NICs {
		if nic.MAC == "" {
			nic.MAC = randomMAC()
			body.NICs[name] = nic
		}
	}
	if body.Graphics != nil && body.Graphics.Port == 0 {
		body.Graphics.Port = model.VNCBasePort + int64(vid)
	}
}

// isFirstDisk tells whether the slot is the disk that guests boot from: xvda, hda or sda.
func isFirstDisk(slot string) bool {
	index, err := xl.DiskIndex(slot)
	return err == nil && index == 0
}

// replacing names the attributes whose change needs a new virtual machine: its first disk has the system on it. A CD-ROM is only changed.
func (v *view) replacing(now, want model.VirtualMachineBody) []string {
	var attributes []string
	for _, slot := range slices.Sorted(maps.Keys(union(now.Disks, want.Disks))) {
		before, had := now.Disks[slot]
		after, has := want.Disks[slot]
		if !isFirstDisk(slot) || had == has && !otherSource(before, after) || v.isCDROM(before) && (!has || v.isCDROM(after)) || !had && v.isCDROM(after) {
			continue
		}
		switch {
		case had != has:
			attributes = append(attributes, "disks."+slot)
		case before.Path != after.Path:
			attributes = append(attributes, "disks."+slot+".path")
		case before.CDROM != after.CDROM:
			attributes = append(attributes, "disks."+slot+".cdrom")
		case before.Format != after.Format:
			attributes = append(attributes, "disks."+slot+".format")
		case before.Volatile != after.Volatile:
			attributes = append(attributes, "disks."+slot+".volatile")
		case before.FSType != after.FSType:
			attributes = append(attributes, "disks."+slot+".fstype")
		default:
			attributes = append(attributes, "disks."+slot+".image_id")
		}
	}
	return attributes
}

// otherSource tells whether a disk is made of something else than before.
func otherSource(before, after model.Disk) bool {
	same := before.ImageID == nil && after.ImageID == nil || before.ImageID != nil && after.ImageID != nil && *before.ImageID == *after.ImageID
	onHost := before.Path != after.Path || before.Format != after.Format || before.CDROM != after.CDROM
	return !same || onHost || before.Volatile != after.Volatile || before.Volatile == "fs" && before.FSType != after.FSType
}

func (v *view) isCDROM(disk model.Disk) bool {
	if disk.ImageID == nil {
		return disk.CDROM
	}
	image, err := v.image(*disk.ImageID)
	return err == nil && image.Type == model.ImageCDROM
}

// refit is how the disks of a virtual machine become those that it is to have.
type refit struct {
	disks []model.AttachedDisk // in the order of their slots, the context's last
	make  []model.AttachedDisk // of these: those to be made
	gone  []model.AttachedDisk // that it had, and has no longer

	dir  string
	next int // number of the next file
}

func (f *refit) nextFile() string {
	f.next++
	return path.Join(f.dir, "disk."+strconv.Itoa(f.next-1))
}

// fit decides for each disk whether it stays or is made. Numbers of files are not used twice: a domain may still have the file.
func (v *view) fit(vm model.VirtualMachine, r *resolved) (refit, error) {
	f := refit{dir: v.store.Dir(model.KindVirtualMachine, vm.ID)}
	for _, file := range v.loose[f.dir] {
		if number, err := strconv.Atoi(strings.TrimPrefix(path.Base(file), "disk.")); err == nil {
			f.next = max(f.next, number+1)
		}
	}
	f.next = max(f.next, len(vm.Disks))
	lost, before := v.lostVolatiles(vm), bySlots(vm.Disks)
	for _, slot := range slices.SortedFunc(maps.Keys(r.body.Disks), bySlot) {
		old, had := before[slot]
		if had && !old.Context && !otherSource(vm.Effective.Disks[slot], r.body.Disks[slot]) && !slices.Contains(lost, slot) {
			kept, err := r.keep(slot, old)
			if err != nil {
				return f, err
			}
			f.disks = append(f.disks, kept)
			continue
		}
		made := r.attachOne(v, f.dir, f.next, slot)
		if made.Own {
			f.next++
			f.make = append(f.make, made)
		}
		f.disks = append(f.disks, made)
	}
	if r.context != nil || len(r.body.Context) > 0 {
		disk, err := v.keepContext(vm, r, f.disks)
		if err != nil {
			return f, err
		}
		f.disks = append(f.disks, disk)
	}
	for _, old := range vm.Disks {
		if !slices.ContainsFunc(f.disks, func(disk model.AttachedDisk) bool { return disk.File == old.File }) {
			f.gone = append(f.gone, old)
		}
	}
	return f, r.checkDisks(f.disks)
}

// keep is a disk that stays, as it is to be attached. It may grow; what else was asked of its making cannot be changed afterwards.
func (r *resolved) keep(slot string, old model.AttachedDisk) (model.AttachedDisk, error) {
	want := r.body.Disks[slot]
	if want.OfHost() {
		return hostDisk(slot, want, r.body.Type), nil
	}
	refuse := func(attribute, format string, args ...any) (model.AttachedDisk, error) {
		return old, &model.FieldError{Field: "disks." + slot + "." + attribute, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case want.Size != 0 && want.Size < old.Size:
		return refuse("size", "the disk has %d MiB and cannot shrink to %d MiB without losing data", old.Size, want.Size)
	case want.Size > old.Size && !old.Own:
		return refuse("size", "the disk is image %d itself, with %d MiB: grow the image", *old.ImageID, old.Size)
	case old.Method != "" && old.ImageID != nil && !want.Clone.Allows(old.Method):
		return refuse("clone", "the disk was made once, by the method %q, which clone = %q does not allow", old.Method, want.Clone)
	}
	kept := old
	kept.ReadOnly = want.ReadOnly
	if old.ImageID != nil && r.images[*old.ImageID].Type == model.ImageCDROM {
		kept.ReadOnly, kept.CDROM = true, r.body.Type == model.TypeHVM
	}
	return kept, nil
}

// keepContext keeps the context's slot where it can.
func (v *view) keepContext(vm model.VirtualMachine, r *resolved, disks []model.AttachedDisk) (model.AttachedDisk, error) {
	context := model.AttachedDisk{Own: true, Format: model.FormatRaw, ReadOnly: true, CDROM: r.body.Type == model.TypeHVM, Context: true}
	for _, old := range vm.Disks {
		if old.Context {
			context.Slot, context.File = old.Slot, old.File
		}
	}
	taken := slices.ContainsFunc(disks, func(disk model.AttachedDisk) bool { return bySlot(disk.Slot, context.Slot) == 0 })
	if context.Slot != "" && !taken && vm.Effective.Type == r.body.Type {
		return context, nil
	}
	slot, err := contextSlot(r.body.Type, disks)
	context.Slot = slot
	return context, err
}

// missingVolatile refuses to go on while a guest runs on a volatile disk whose file is gone.
func (v *view) missingVolatile(vm model.VirtualMachine) error {
	lost := v.lostVolatiles(vm)
	if len(lost) == 0 {
		return nil
	}
	return &model.FieldError{Field: "disks." + lost[0], Err: fmt.Errorf("the file of the volatile disk was removed on host %s while the guest runs on it. "+
		"Save in the guest what you need of it, then apply once with power_state = \"poweroff\": the disk is made anew and empty", v.host)}
}
