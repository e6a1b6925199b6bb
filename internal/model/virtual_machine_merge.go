package model

import (
	"maps"
	"slices"
)

// Over lays b over a template's body: what b says wins, disks, nics and context merge by key, and a device that both name is
// merged attribute by attribute. A disk keeps its source (image, volatile, path) from one side only.
func (b VirtualMachineBody) Over(template VirtualMachineBody) VirtualMachineBody {
	merged := template
	merged.Type = firstSet(b.Type, template.Type)
	merged.CPU = firstSet(b.CPU, template.CPU)
	merged.VCPU = firstSet(b.VCPU, template.VCPU)
	merged.CPUCap = firstSet(b.CPUCap, template.CPUCap)
	merged.VCPUMax = firstSet(b.VCPUMax, template.VCPUMax)
	merged.Memory = firstSet(b.Memory, template.Memory)
	merged.MemoryMax = firstSet(b.MemoryMax, template.MemoryMax)
	merged.OnPoweroff = firstSet(b.OnPoweroff, template.OnPoweroff)
	merged.OnReboot = firstSet(b.OnReboot, template.OnReboot)
	merged.OnCrash = firstSet(b.OnCrash, template.OnCrash)
	merged.ContextID = firstSet(b.ContextID, template.ContextID)
	merged.OS = mergePointer(b.OS, template.OS, OS.over)
	merged.Graphics = mergePointer(b.Graphics, template.Graphics, Graphics.over)
	merged.Disks = mergeMap(b.Disks, template.Disks, Disk.over)
	merged.NICs = mergeMap(b.NICs, template.NICs, NIC.over)
	merged.Context = mergeMap(b.Context, template.Context, func(mine, _ string) string { return mine })
	return merged
}

func (o OS) over(t OS) OS {
	return OS{
		KernelID:   firstSet(o.KernelID, t.KernelID),
		RamdiskID:  firstSet(o.RamdiskID, t.RamdiskID),
		Kernel:     firstSet(o.Kernel, t.Kernel),
		Ramdisk:    firstSet(o.Ramdisk, t.Ramdisk),
		Cmdline:    firstSet(o.Cmdline, t.Cmdline),
		Bootloader: firstSet(o.Bootloader, t.Bootloader),
		Boot:       firstFilled(o.Boot, t.Boot),
		Firmware:   firstSet(o.Firmware, t.Firmware),
	}
}

func (d Disk) over(t Disk) Disk {
	if !d.hasSource() {
		d.ImageID, d.Volatile, d.FSType = t.ImageID, t.Volatile, firstSet(d.FSType, t.FSType)
		d.Path, d.Format, d.CDROM = t.Path, t.Format, t.CDROM
	}
	if d.ImageID != nil {
		d.Clone = firstSet(d.Clone, t.Clone)
	}
	d.Size = firstSet(d.Size, t.Size)
	d.ReadOnly = d.ReadOnly || t.ReadOnly
	return d
}

func (g Graphics) over(t Graphics) Graphics {
	return Graphics{
		Type:     firstSet(g.Type, t.Type),
		Listen:   firstSet(g.Listen, t.Listen),
		Port:     firstSet(g.Port, t.Port),
		Keymap:   firstSet(g.Keymap, t.Keymap),
		Password: firstSet(g.Password, t.Password),
	}
}

func firstSet[T comparable](mine, other T) T {
	var zero T
	if mine != zero {
		return mine
	}
	return other
}

func firstFilled[T any](mine, other []T) []T {
	if len(mine) > 0 {
		return mine
	}
	return other
}

func mergePointer[T any](mine, other *T, over func(T, T) T) *T {
	if mine == nil || other == nil {
		return firstSet(mine, other)
	}
	merged := over(*mine, *other)
	return &merged
}

func mergeMap[V any](mine, other map[string]V, over func(V, V) V) map[string]V {
	if len(mine)+len(other) == 0 {
		return nil
	}
	merged := map[string]V{}
	maps.Copy(merged, other)
	for key, value := range mine {
		if below, both := other[key]; both {
			value = over(value, below)
		}
		merged[key] = value
	}
	return merged
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
