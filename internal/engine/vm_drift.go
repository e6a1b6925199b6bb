package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// inspect adds to a virtual machine what waits for its next boot and what somebody else changed on the host.
func (v *view) inspect(vm *model.VirtualMachine) error {
	vm.Drift = map[string]string{}
	v.inspectFiles(vm)
	body := vm.Body
	vm.Seen = &body
	if vm.DomID == 0 {
		return nil
	}
	expected := expectedShape(*vm)
	waiting, err := transit(expected, shapeOf(*vm), v.info.Scheduler)
	if err != nil {
		return err
	}
	vm.Pending = append(waiting.pending, waitingGrowth(*vm)...)
	long, there := v.long[vm.DomID]
	if !there || vm.State.Transient() {
		return nil // libxl cannot read its configuration just now
	}
	seen := observe(expected, long)
	maps.Copy(vm.Drift, deviations(expected, seen))
	body = seenBody(vm.Body, expected, seen)
	return nil
}

// expectedShape is what the domain of a virtual machine has when nobody else changed it.
func expectedShape(vm model.VirtualMachine) shape {
	if vm.Boot != nil && vm.Boot.DomID == vm.DomID {
		return shape{body: vm.Boot.Body, disks: vm.Boot.Disks}
	}
	return shapeOf(vm)
}

// waitingGrowth are the disks that grow when no domain has them.
func waitingGrowth(vm model.VirtualMachine) []string {
	var attributes []string
	for _, disk := range vm.Disks {
		if wanted := vm.Effective.Disks[disk.Slot].Size; !disk.Context && disk.Own && wanted > disk.Size {
			attributes = append(attributes, "disks."+disk.Slot+".size")
		}
	}
	return attributes
}

// inspectFiles looks at the files that belong to the virtual machine.
func (v *view) inspectFiles(vm *model.VirtualMachine) {
	for _, disk := range vm.Disks {
		file, there := v.snapshot.Files[disk.File]
		switch {
		case disk.Context && !there:
			vm.Drift["context"] = "its ISO is missing"
		case disk.Context && vm.ContextModified != 0 && (file.Bytes != vm.ContextBytes || file.Modified != vm.ContextModified):
			vm.Drift["context"] = "its ISO was changed"
		case disk.Own && !there && !vm.State.Transient():
			vm.Drift["disks."+disk.Slot] = "its file " + disk.File + " is missing"
		case disk.Own && !disk.Context && disk.Format == model.FormatRaw && there && mebibytes(file.Bytes) < disk.Size:
			vm.Drift["disks."+disk.Slot] = fmt.Sprintf("its file has %d MiB, not %d", mebibytes(file.Bytes), disk.Size)
		}
	}
	if left := v.abandoned(*vm); len(left) > 0 && !vm.State.Transient() {
		vm.Drift["files"] = "left over by a change that was cut off: " + strings.Join(left, ", ")
	}
	if vm.DeploymentSHA256 == "" || vm.DomID == 0 {
		return // a start writes a new one
	}
	text, there := v.snapshot.Texts[v.deployment(*vm)]
	switch digest := sha256.Sum256([]byte(text)); {
	case !there:
		vm.Drift["deployment_file"] = "it is missing"
	case hex.EncodeToString(digest[:]) != vm.DeploymentSHA256:
		vm.Drift["deployment_file"] = "it was edited"
	}
}

// strays are the files in the folder of a virtual machine that it does not have, of disks and of records that were not finished: its next
// change removes them.
func (v *view) strays(vm model.VirtualMachine) []string {
	return slices.DeleteFunc(slices.Clone(v.loose[v.store.Dir(model.KindVirtualMachine, vm.ID)]), func(file string) bool { return hasFile(vm.Disks, file) })
}

// abandoned are the strays that nobody waits for: what a guest has until it boots again may outlive that boot, and no change was cut off.
func (v *view) abandoned(vm model.VirtualMachine) []string {
	strays := v.strays(vm)
	if vm.Boot == nil {
		return strays
	}
	return slices.DeleteFunc(strays, func(file string) bool { return hasFile(vm.Boot.Disks, file) })
}

func hasFile(disks []model.AttachedDisk, file string) bool {
	return slices.ContainsFunc(disks, func(disk model.AttachedDisk) bool { return disk.File == file })
}

// observe is the expected shape with what xl sees of the domain laid over it. A card with a MAC address that nobody knows gets the first
// free name.
func observe(expected shape, long xl.LongDomain) shape {
	seen := shape{body: expected.body}
	if long.MemoryMiB > 0 {
		seen.body.Memory, seen.body.MemoryMax = &long.MemoryMiB, &long.MaxMemoryMiB
	}
	if long.VCPUs > 0 {
		online, most := int64(long.VCPUs), int64(long.MaxVCPUs)
		seen.body.VCPU, seen.body.VCPUMax = &online, &most
	}
	known := bySlots(expected.disks)
	for _, disk := range long.Disks {
		attached := known[disk.VDev] // nothing for one that nobody knows
		attached.Slot, attached.File, attached.ReadOnly, attached.CDROM = disk.VDev, disk.Target, disk.ReadOnly, disk.CDROM
		if disk.Target != "" {
			attached.Format = disk.Format
		}
		seen.disks = append(seen.disks, attached)
	}
	seen.body.NICs = observeNICs(expected.body.NICs, long.NICs)
	return seen
}

func observeNICs(expected map[string]model.NIC, found []xl.NIC) map[string]model.NIC {
	seen := map[string]model.NIC{}
	var strange []model.NIC
	for _, card := range found {
		name := nameOfMAC(expected, card.MAC)
		if name == "" {
			strange = append(strange, model.NIC{MAC: card.MAC, Bridge: card.Bridge})
			continue
		}
		nic := expected[name]
		if card.Bridge != xlBridge(nic) {
			nic.Bridge, nic.VLAN = card.Bridge, 0
		}
		seen[name] = nic
	}
	for _, nic := range strange {
		index := 0
		for name := "eth0"; ; name = fmt.Sprintf("eth%d", index) {
			if _, taken := union(expected, seen)[name]; !taken {
				seen[name] = nic
				break
			}
			index++
		}
	}
	return seen
}

func nameOfMAC(nics map[string]model.NIC, mac string) string {
	for name, nic := range nics {
		if strings.EqualFold(nic.MAC, mac) {
			return name
		}
	}
	return ""
}

// deviations says by attribute in what the domain is not what is expected.
func deviations(expected, seen shape) map[string]string {
	found := map[string]string{}
	for attribute, of := range map[string]struct {
		want, have *int64
		unit       string
	}{
		"memory": {expected.body.Memory, seen.body.Memory, " MiB"},
		"vcpu":   {expected.body.VCPU, seen.body.VCPU, ""},
	} {
		if !sameNumber(of.want, of.have) {
			found[attribute] = fmt.Sprintf("%d%s, not %d", numberOr(of.have, 0), of.unit, numberOr(of.want, 0))
		}
	}
	wanted, has := bySlots(expected.disks), bySlots(seen.disks)
	for slot := range union(wanted, has) {
		attribute := "disks." + slot
		if wanted[slot].Context {
			attribute = "context"
		}
		want, known := wanted[slot]
		disk, there := has[slot]
		switch {
		case known && !there:
			found[attribute] = "detached"
		case !known:
			found[attribute] = "attached by somebody else: " + disk.File
		case !sameMedium(want, disk):
			found[attribute] = "changed to " + strings.TrimSpace(disk.File+" "+map[bool]string{true: "read-only"}[disk.ReadOnly && !want.ReadOnly])
		}
	}
	for name := range union(expected.body.NICs, seen.body.NICs) {
		want, known := expected.body.NICs[name]
		nic, there := seen.body.NICs[name]
		switch {
		case known && !there:
			found["nics."+name] = "detached"
		case !known:
			found["nics."+name] = "attached by somebody else: " + nic.MAC + " on " + nic.Bridge
		case xlBridge(want) != xlBridge(nic):
			found["nics."+name] = fmt.Sprintf("on %s, not %s", xlBridge(nic), xlBridge(want))
		}
	}
	return found
}

// seenBody is what the user wrote, but where the domain differs from what is expected, what it has.
func seenBody(body model.VirtualMachineBody, expected, seen shape) model.VirtualMachineBody {
	if !sameNumber(expected.body.Memory, seen.body.Memory) {
		body.Memory = seen.body.Memory
	}
	if !sameNumber(expected.body.VCPU, seen.body.VCPU) {
		body.VCPU = seen.body.VCPU
	}
	body.Disks, body.NICs = maps.Clone(body.Disks), maps.Clone(body.NICs)
	wanted, has := bySlots(expected.disks), bySlots(seen.disks)
	for slot := range union(wanted, has) {
		disk, there := has[slot]
		switch want, known := wanted[slot]; {
		case want.Context:
		case known && !there:
			delete(body.Disks, slot)
		case !known:
			body.Disks = put(body.Disks, slot, model.Disk{ReadOnly: disk.ReadOnly})
		case want.ReadOnly != disk.ReadOnly:
			mine := body.Disks[slot]
			mine.ReadOnly = disk.ReadOnly
			body.Disks = put(body.Disks, slot, mine)
		}
	}
	for name := range union(expected.body.NICs, seen.body.NICs) {
		nic, there := seen.body.NICs[name]
		switch want, known := expected.body.NICs[name]; {
		case known && !there:
			delete(body.NICs, name)
		case !known:
			body.NICs = put(body.NICs, name, nic)
		case xlBridge(want) != xlBridge(nic):
			mine := body.NICs[name]
			mine.Bridge, mine.VLAN = nic.Bridge, nic.VLAN
			body.NICs = put(body.NICs, name, mine)
		}
	}
	return body
}

func put[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// missingDisks names the disks whose files are gone although nobody can make them again: what was written to a clone is lost with it.
func (v *view) missingDisks(vm model.VirtualMachine) error {
	for _, disk := range vm.Disks {
		if _, there := v.snapshot.Files[disk.File]; there || disk.Context || disk.ImageID == nil || !strings.HasPrefix(disk.File, path.Clean(v.store.Root())+"/") {
			continue
		}
		return &model.FieldError{Field: "disks." + disk.Slot, Err: fmt.Errorf("the file %s of the disk is missing on host %s. Put it back and apply again; "+
			"or give up what was on it and make the virtual machine anew with terraform apply -replace", disk.File, v.host)}
	}
	return nil
}

// lostVolatiles are the volatile disks whose files are gone: they are made anew.
func (v *view) lostVolatiles(vm model.VirtualMachine) []string {
	var slots []string
	for _, disk := range vm.Disks {
		if _, there := v.snapshot.Files[disk.File]; !there && disk.Own && !disk.Context && disk.ImageID == nil {
			slots = append(slots, disk.Slot)
		}
	}
	slices.Sort(slots)
	return slots
}
