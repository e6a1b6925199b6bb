package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// shape is what a domain has, or is to have. Its body is complete: with the template and the defaults.
type shape struct {
	body  model.VirtualMachineBody
	disks []model.AttachedDisk
}

func shapeOf(vm model.VirtualMachine) shape { return shape{body: vm.Effective, disks: vm.Disks} }

// transition leads a running domain from one shape to another as far as that goes without a boot.
type transition struct {
	steps   [][]string // of vm_change.sh, in their order
	pending []string   // attributes that wait for the next boot, sorted
	after   shape      // what the domain has when the steps are done
}

// changing is a transition that is being found out.
type changing struct {
	transition
	now, want shape
	detach    [][]string // what frees slots and addresses comes before what takes them
	attach    [][]string
}

// transit finds out what changes a running domain at once and what waits for its next boot. It asks nobody: the scheduler is the host's,
// as xl info names it.
func transit(now, want shape, scheduler string) (transition, error) {
	c := &changing{now: now, want: want, transition: transition{after: now}}
	c.bootSettings()
	if now.body.Type != want.body.Type {
		c.everythingWaits()
	} else {
		c.memory()
		c.processors(scheduler)
		if err := c.changeDisks(); err != nil {
			return transition{}, err
		}
		if err := c.changeNICs(); err != nil {
			return transition{}, err
		}
	}
	c.steps = slices.Concat(c.steps, c.detach, c.attach)
	slices.Sort(c.pending)
	c.pending = slices.Compact(c.pending)
	return c.transition, nil
}

func (c *changing) step(words ...string)   { c.steps = append(c.steps, words) }
func (c *changing) waits(attribute string) { c.pending = append(c.pending, attribute) }
func number(n int64) string                { return strconv.FormatInt(n, 10) }
func sameNumber(a, b *int64) bool          { return numberOr(a, 0) == numberOr(b, 0) }
func numberOr(n *int64, otherwise int64) int64 {
	if n == nil {
		return otherwise
	}
	return *n
}

// bootSettings are what Xen reads when a domain is created, and never again.
func (c *changing) bootSettings() {
	now, want := flatten(onlyBootSettings(c.now.body)), flatten(onlyBootSettings(c.want.body))
	for _, attribute := range unequal(now, want) {
		c.waits(strings.Replace(attribute, "graphics.password", "graphics.password_wo", 1))
	}
}

func onlyBootSettings(body model.VirtualMachineBody) model.VirtualMachineBody {
	return model.VirtualMachineBody{
		Type: body.Type, OS: body.OS, Graphics: body.Graphics, OnPoweroff: body.OnPoweroff, OnReboot: body.OnReboot, OnCrash: body.OnCrash,
	}
}

// everythingWaits is for another type of domain, which has other devices.
func (c *changing) everythingWaits() {
	now, want := flatten(c.now.body), flatten(c.want.body)
	for _, attribute := range unequal(now, want) {
		root, rest, _ := strings.Cut(attribute, ".")
		switch root {
		case "disks", "nics":
			key, _, _ := strings.Cut(rest, ".")
			c.waits(root + "." + key)
		case "context", "context_id":
			c.waits("context")
		case "memory", "memory_max", "vcpu", "vcpu_max", "cpu", "cpu_cap":
			c.waits(attribute)
		}
	}
}

// memory is given and taken while the domain runs.
func (c *changing) memory() {
	now, want := c.now.body, c.want.body
	if c.upTo("memory", "memory", now.Memory, now.MemoryMax, want.Memory, want.MemoryMax) {
		c.after.body.Memory = want.Memory
	}
}

// upTo sets an amount, as far as the maximum goes that the domain was created with, and tells whether it does. A maximum that only follows
// the amount is nobody's wish.
func (c *changing) upTo(attribute, step string, now, nowMax, want, wantMax *int64) (set bool) {
	if !sameNumber(now, want) {
		if set = *want <= numberOr(nowMax, *now); set {
			c.step(step, number(*want))
		} else {
			c.waits(attribute)
		}
	}
	if !sameNumber(nowMax, wantMax) && (!sameNumber(now, nowMax) || !sameNumber(want, wantMax)) {
		c.waits(attribute + "_max")
	}
	return set
}

// processors come and go while the domain runs; weight and cap are the scheduler's.
func (c *changing) processors(scheduler string) {
	now, want := c.now.body, c.want.body
	if c.upTo("vcpu", "processors", now.VCPU, now.VCPUMax, want.VCPU, want.VCPUMax) {
		c.after.body.VCPU = want.VCPU
	}
	if weight(now) == weight(want) && sameNumber(now.CPUCap, want.CPUCap) {
		return
	}
	if command := xl.SchedulerCommand(scheduler); command != "" {
		c.step("share", command, number(weight(want)), number(numberOr(want.CPUCap, 0)))
		c.after.body.CPU, c.after.body.CPUCap = want.CPU, want.CPUCap
		return
	}
	if weight(now) != weight(want) {
		c.waits("cpu")
	}
	if !sameNumber(now.CPUCap, want.CPUCap) {
		c.waits("cpu_cap")
	}
}

// weight is that of the scheduler, which is Xen's default when nothing is said.
func weight(body model.VirtualMachineBody) int64 {
	if body.CPU == nil {
		return creditPerCPU
	}
	return int64(math.Ceil(*body.CPU * creditPerCPU))
}

// changeDisks goes through the slots. An emulated CD-ROM drive comes and goes with a boot only, but what lies in it changes at once
// (libxl_cdrom_insert). The context's disk is never taken from a running guest, which may be reading it.
func (c *changing) changeDisks() error {
	before, after := bySlots(c.now.disks), bySlots(c.want.disks)
	disks := maps.Clone(before)
	for _, slot := range slices.SortedFunc(maps.Keys(union(before, after)), bySlot) {
		now, had := before[slot]
		want, has := after[slot]
		attribute := "disks." + slot
		if now.Context || want.Context {
			attribute = "context"
		}
		switch {
		case had && has && sameMedium(now, want):
			disks[slot] = want
		case had && has && now.CDROM && want.CDROM:
			c.insert(want)
			disks[slot] = want
		case now.CDROM || want.CDROM || now.Context || want.Context:
			if had && now.CDROM && now.File != "" && !now.Context {
				c.insert(model.AttachedDisk{Slot: slot})
				now.File = ""
				disks[slot] = now
			}
			c.waits(attribute)
		default:
			if had {
				c.detach = append(c.detach, []string{"detach", slot, onlyOf(now)})
				delete(disks, slot)
			}
			if has {
				spec, err := xlDisk(want).Spec()
				if err != nil {
					return &model.FieldError{Field: attribute, Err: err}
				}
				c.attach = append(c.attach, []string{"attach", slot, spec, onlyOf(want)})
				disks[slot] = want
			}
		}
	}
	c.after.disks = nil
	for _, slot := range slices.SortedFunc(maps.Keys(disks), bySlot) {
		c.after.disks = append(c.after.disks, disks[slot])
	}
	return nil
}

// onlyOf is the file of a disk when no other domain may have it; several read one image at the same time.
func onlyOf(disk model.AttachedDisk) string {
	if disk.ReadOnly && !disk.Own {
		return ""
	}
	return disk.File
}

func (c *changing) insert(disk model.AttachedDisk) {
	c.attach = append(c.attach, []string{"insert", disk.Slot, disk.File})
}

// sameMedium tells whether the guest sees the same disk.
func sameMedium(a, b model.AttachedDisk) bool {
	return a.File == b.File && (a.File == "" || a.Format == b.Format) && a.ReadOnly == b.ReadOnly && a.CDROM == b.CDROM
}

// changeNICs goes through the network cards. One that differs in what xl knows of it is unplugged and plugged in anew.
func (c *changing) changeNICs() error {
	before, after := c.now.body.NICs, c.want.body.NICs
	for _, name := range slices.SortedFunc(maps.Keys(union(before, after)), byNICIndex) {
		now, had := before[name]
		want, has := after[name]
		if had && has && sameCard(now, want) {
			continue
		}
		if had {
			c.detach = append(c.detach, []string{"unplug", strings.ToLower(now.MAC)})
		}
		if has {
			card := xlNIC(want)
			card.Model = "" // QEMU makes the emulated card at a boot only
			spec, err := card.Spec()
			if err != nil {
				return &model.FieldError{Field: "nics." + name, Err: err}
			}
			c.attach = append(c.attach, []string{"plug", card.MAC, card.Bridge, spec})
		}
	}
	c.after.body.NICs = after
	return nil
}

// sameCard compares what xl knows of a card; the address is the guest's business, and the context's.
func sameCard(a, b model.NIC) bool { return xlNIC(a) == xlNIC(b) }

func xlDisk(disk model.AttachedDisk) xl.Disk {
	return xl.Disk{VDev: disk.Slot, Target: disk.File, Format: disk.Format, ReadOnly: disk.ReadOnly, CDROM: disk.CDROM}
}

func xlNIC(nic model.NIC) xl.NIC {
	return xl.NIC{
		MAC: strings.ToLower(nic.MAC), Bridge: xlBridge(nic), Model: nic.Model, MTU: int(nic.MTU), Rate: nic.Rate, Script: nic.Script,
	}
}

// xlBridge is the bridge and the VLAN in it, as vif-openvswitch takes them.
func xlBridge(nic model.NIC) string {
	if nic.VLAN == 0 {
		return nic.Bridge
	}
	return nic.Bridge + "." + number(nic.VLAN)
}

func bySlots(disks []model.AttachedDisk) map[string]model.AttachedDisk {
	slots := map[string]model.AttachedDisk{}
	for _, disk := range disks {
		slots[disk.Slot] = disk
	}
	return slots
}

func union[V any](a, b map[string]V) map[string]V {
	both := maps.Clone(a)
	if both == nil {
		both = map[string]V{}
	}
	maps.Copy(both, b)
	return both
}

// flatten names every value of a body by its path, "nics.eth0.bridge". A list is one value.
func flatten(body model.VirtualMachineBody) map[string]string {
	text, _ := json.Marshal(body) // holds nothing that JSON cannot
	var tree map[string]any
	_ = json.Unmarshal(text, &tree)
	flat := map[string]string{}
	flattenInto(flat, "", tree)
	for _, file := range []string{"os.kernel", "os.ramdisk"} {
		if value, said := flat[file]; said {
			flat[file+"_path"] = value
			delete(flat, file)
		}
	}
	return flat
}

func flattenInto(flat map[string]string, prefix string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			flattenInto(flat, strings.TrimPrefix(prefix+"."+key, "."), child)
		}
	case []any:
		var words []string
		for _, word := range value {
			words = append(words, fmt.Sprint(word))
		}
		flat[prefix] = strings.Join(words, ", ")
	case float64:
		flat[prefix] = strconv.FormatFloat(value, 'f', -1, 64)
	default:
		flat[prefix] = fmt.Sprint(value)
	}
}

// unequal are the keys in which two maps differ, sorted.
func unequal(a, b map[string]string) []string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(union(a, b))) {
		if a[key] != b[key] {
			keys = append(keys, key)
		}
	}
	return keys
}
