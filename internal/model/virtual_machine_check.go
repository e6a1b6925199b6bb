package model

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Limits of a virtual machine. The VNC display is the port less 5900.
const (
	VNCBasePort = 5900
	maxVNCPort  = 65535
	maxVCPU     = 512 // HVM_MAX_VCPUS is smaller, but the hypervisor says so itself
)

var (
	nicNamePattern = regexp.MustCompile(`^eth(0|[1-9][0-9]?)$`)
	// libxl looks a plain name up in its own folder.
	bootloaderPattern = regexp.MustCompile(`^/?[A-Za-z0-9][A-Za-z0-9/._+-]*$`)
	slotPattern       = regexp.MustCompile(`^(xvd[a-z]{1,3}|hd[a-d]|sd[a-p])$`)
)

// NICIndex is the number in a nic's name: 2 for eth2. The name must have been checked.
func NICIndex(name string) int {
	index := 0
	_, _ = fmt.Sscanf(name, "eth%d", &index)
	return index
}

// Check returns the first thing wrong with what is said, and the attribute it concerns. What is missing may still come from a
// template; CheckComplete looks at that.
func (b VirtualMachineBody) Check() *FieldError {
	switch {
	case b.Type != "" && !slices.Contains(DomainTypes, b.Type):
		return fieldError("type", "%q is not a type of domain: use one of %v", b.Type, DomainTypes)
	case b.CPU != nil && !(*b.CPU > 0 && *b.CPU <= maxVCPU):
		return fieldError("cpu", "cpu is the share of a processor, above 0 and at most %d, not %v", maxVCPU, *b.CPU)
	case b.VCPU != nil && (*b.VCPU < 1 || *b.VCPU > maxVCPU):
		return fieldError("vcpu", "vcpu is a number of virtual processors from 1 to %d, not %d", maxVCPU, *b.VCPU)
	case b.VCPUMax != nil && (*b.VCPUMax < 1 || *b.VCPUMax > maxVCPU):
		return fieldError("vcpu_max", "vcpu_max is a number of virtual processors from 1 to %d, not %d", maxVCPU, *b.VCPUMax)
	case b.VCPU != nil && b.VCPUMax != nil && *b.VCPUMax < *b.VCPU:
		return fieldError("vcpu_max", "vcpu_max (%d) is smaller than vcpu (%d)", *b.VCPUMax, *b.VCPU)
	case b.CPUCap != nil && (*b.CPUCap < 0 || *b.CPUCap > maxVCPU*100):
		return fieldError("cpu_cap", "cpu_cap is a percentage of one processor from 0 to %d, not %d", maxVCPU*100, *b.CPUCap)
	case b.Memory != nil && *b.Memory < 1:
		return fieldError("memory", "memory is a positive number of MiB, not %d", *b.Memory)
	case b.Memory != nil && b.MemoryMax != nil && *b.MemoryMax < *b.Memory:
		return fieldError("memory_max", "memory_max (%d MiB) is smaller than memory (%d MiB)", *b.MemoryMax, *b.Memory)
	}
	if err := b.checkEvents(); err != nil {
		return err
	}
	if err := b.OS.check(); err != nil {
		return err
	}
	for _, slot := range sortedKeys(b.Disks) {
		if err := b.Disks[slot].check(slot); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(b.NICs) {
		if err := b.NICs[name].check(name); err != nil {
			return err
		}
	}
	for _, key := range sortedKeys(b.Context) {
		if err := CheckVariable(key, b.Context[key]); err != nil {
			return fieldError("context."+key, "%s", err)
		}
	}
	return b.Graphics.check()
}

// CheckComplete checks a body that nothing else is laid over: what a domain cannot do without must be there, and the parts must
// fit each other.
func (b VirtualMachineBody) CheckComplete() *FieldError {
	if err := b.Check(); err != nil {
		return err
	}
	if b.Memory == nil {
		return fieldError("memory", "memory is set neither here nor in the template")
	}
	for _, slot := range sortedKeys(b.Disks) {
		switch disk := b.Disks[slot]; {
		case !disk.hasSource():
			return fieldError("disks."+slot, "the disk needs an image_id, or volatile and a size, or the path of a file or block device of the host")
		case disk.CDROM && disk.Path == "" && b.Type != TypeHVM:
			return fieldError("disks."+slot+".cdrom", "only a domain of type \"hvm\" has CD-ROM drives that can be empty")
		}
	}
	for _, name := range sortedKeys(b.NICs) {
		if err := b.NICs[name].checkComplete("nics."+name, b.Type); err != nil {
			return err
		}
	}
	if err := b.checkDuplicateNICs(); err != nil {
		return err
	}
	return b.checkBoot()
}

func (b VirtualMachineBody) checkBoot() *FieldError {
	os := OS{}
	if b.OS != nil {
		os = *b.OS
	}
	switch {
	case b.Type != TypeHVM && !os.HasKernel() && os.Bootloader == "":
		return fieldError("os", "a domain of type %s needs os.kernel_id, or type \"pv\" with os.bootloader", b.Type)
	case b.Type != TypePV && os.Bootloader != "":
		return fieldError("os.bootloader", "a boot loader on the host works for type \"pv\" only")
	case b.Type != TypeHVM && len(os.Boot) > 0:
		return fieldError("os.boot", "a boot order is for type \"hvm\" only")
	case b.Type != TypeHVM && os.Firmware != "":
		return fieldError("os.firmware", "firmware is for type \"hvm\" only")
	case b.Type == TypePVH && b.Graphics != nil:
		return fieldError("graphics", "a domain of type \"pvh\" has no graphics")
	}
	return nil
}

func (o *OS) check() *FieldError {
	switch {
	case o == nil:
		return nil
	case o.KernelID != nil && o.Kernel != "":
		return fieldError("os.kernel_path", "the kernel is either an image (kernel_id) or a file of the host, not both")
	case o.RamdiskID != nil && o.Ramdisk != "":
		return fieldError("os.ramdisk_path", "the ramdisk is either an image (ramdisk_id) or a file of the host, not both")
	case o.Kernel != "" && !isHostPath(o.Kernel):
		return fieldError("os.kernel_path", hostPathForm, o.Kernel)
	case o.Ramdisk != "" && !isHostPath(o.Ramdisk):
		return fieldError("os.ramdisk_path", hostPathForm, o.Ramdisk)
	case o.HasKernel() && o.Bootloader != "":
		return fieldError("os.bootloader", "a boot loader finds the kernel in the guest's disk, so it cannot stand beside a kernel")
	case o.KernelID == nil && o.RamdiskID != nil && o.Bootloader != "":
		return fieldError("os.ramdisk_id", "a ramdisk needs a kernel_id")
	case hasControl(o.Cmdline):
		return fieldError("os.cmdline", "the kernel's command line is one line without control characters")
	case o.Firmware != "" && o.Firmware != "bios" && o.Firmware != "uefi":
		return fieldError("os.firmware", "%q is not a firmware: use bios or uefi", o.Firmware)
	case o.Bootloader != "" && !bootloaderPattern.MatchString(o.Bootloader):
		return fieldError("os.bootloader", "%q is not a program: use pygrub or an absolute path", o.Bootloader)
	}
	for _, device := range o.Boot {
		if !slices.Contains([]string{"disk", "cdrom", "network"}, device) {
			return fieldError("os.boot", "%q cannot be booted from: use disk, cdrom, network", device)
		}
	}
	return nil
}

// HasKernel tells whether the domain is booted from a kernel on the host.
func (o *OS) HasKernel() bool { return o != nil && (o.KernelID != nil || o.Kernel != "") }

// hasSource tells whether it is said what the disk is made of.
func (d Disk) hasSource() bool { return d.ImageID != nil || d.Volatile != "" || d.OfHost() }

// OfHost tells whether the disk is a file or device of the host, or an empty CD-ROM drive: there is nothing to make and nothing to remove.
func (d Disk) OfHost() bool { return d.Path != "" || d.CDROM }

const hostPathForm = "%q is not a path on the host: an absolute one without commas, quotes, backslashes and control characters"

// isHostPath leaves out what a disk specification of xl or a claim in a record could not hold.
func isHostPath(s string) bool {
	return path.IsAbs(s) && path.Clean(s) == s && !strings.ContainsAny(s, `,"'\`) && !hasControl(s)
}

func (d Disk) checkHostPath(path string) *FieldError {
	switch {
	case !d.OfHost() && d.Format == "":
	case d.ImageID != nil || d.Volatile != "":
		return fieldError(path+".path", "a disk is one of image_id, volatile and path; format and cdrom belong to path")
	case d.Path == "" && d.Format != "":
		return fieldError(path+".format", "format is that of path, which is not given")
	case d.Path != "" && !isHostPath(d.Path):
		return fieldError(path+".path", hostPathForm, d.Path)
	case d.Format != "" && d.Format != FormatRaw && d.Format != FormatQcow2:
		return fieldError(path+".format", "%q is not the format of a disk: use %s or %s", d.Format, FormatRaw, FormatQcow2)
	case d.CDROM && d.Format == FormatQcow2:
		return fieldError(path+".format", "a CD-ROM is raw")
	case d.Size != 0:
		return fieldError(path+".size", "a disk of the host has the size that it has")
	case d.Clone != "":
		return fieldError(path+".clone", "a disk of the host is used in place, so there is nothing to clone")
	}
	return nil
}

func (d Disk) check(slot string) *FieldError {
	path := "disks." + slot
	if err := d.checkHostPath(path); err != nil {
		return err
	}
	switch {
	case !slotPattern.MatchString(slot):
		return fieldError(path, "%q is not a disk slot: use xvda, xvdb, ... (or hda to hdd, sda to sdp)", slot)
	case d.ImageID != nil && d.Volatile != "":
		return fieldError(path+".volatile", "a disk has either an image_id or volatile, not both")
	case d.Volatile != "" && d.Volatile != "fs" && d.Volatile != "swap":
		return fieldError(path+".volatile", "%q is not a volatile disk: use fs or swap", d.Volatile)
	case d.Volatile != "" && d.Size <= 0:
		return fieldError(path+".size", "a volatile disk needs a size in MiB")
	case d.Volatile != "" && d.ReadOnly:
		return fieldError(path+".read_only", "a volatile disk that cannot be written is of no use")
	case d.FSType != "" && d.Volatile != "fs":
		return fieldError(path+".fstype", "fstype is for a volatile disk of kind fs")
	case d.FSType != "" && !slices.Contains(FileSystems, d.FSType):
		return fieldError(path+".fstype", "%q is not a file system that can be made: use one of %v", d.FSType, FileSystems)
	case d.Size < 0:
		return fieldError(path+".size", "a size is a positive number of MiB, not %d", d.Size)
	case d.Clone != "" && !slices.Contains(Clones, d.Clone):
		return fieldError(path+".clone", "%q is not a way to make a disk from its image: use one of %v", d.Clone, Clones)
	case d.Clone != "" && d.Volatile != "":
		return fieldError(path+".clone", "a volatile disk is made empty, so there is nothing to clone")
	}
	return nil
}

func (g *Graphics) check() *FieldError {
	switch {
	case g == nil:
		return nil
	case g.Type != "" && g.Type != "vnc":
		return fieldError("graphics.type", "%q is not a kind of graphics: use vnc", g.Type)
	case g.Port != 0 && (g.Port < VNCBasePort || g.Port > maxVNCPort):
		return fieldError("graphics.port", "a VNC port is a number from %d to %d, not %d", VNCBasePort, maxVNCPort, g.Port)
	case g.Keymap != "" && !regexp.MustCompile(`^[a-z]{2}(-[a-z]{2,3})?$`).MatchString(g.Keymap):
		return fieldError("graphics.keymap", "%q is not a keymap such as en-us or de", g.Keymap)
	case strings.Contains(g.Password, ",") || hasControl(g.Password):
		return fieldError("graphics.password_wo", "a VNC password holds neither a comma nor control characters")
	case len(g.Password) > 8:
		return fieldError("graphics.password_wo", "a VNC password has at most 8 characters: the protocol ignores the rest")
	}
	if g.Listen != "" {
		if _, err := netip.ParseAddr(g.Listen); err != nil {
			return fieldError("graphics.listen", "%q is not an IP address", g.Listen)
		}
	}
	return nil
}

// Check returns the first thing wrong with the specification and the attribute it concerns. The body may still lack what a
// template gives it.
func (s VirtualMachineSpec) Check() *FieldError {
	if s.Name != "" {
		if err := CheckName(s.Name); err != nil {
			return fieldError("name", "%s", err)
		}
	}
	if s.ShutdownTimeout < 0 {
		return fieldError("shutdown_timeout", "a timeout is not negative")
	}
	if err := s.checkPower(); err != nil {
		return err
	}
	return s.Body.Check()
}

// CheckMAC refuses what is not the address of one network card.
func CheckMAC(mac string) error {
	address, err := net.ParseMAC(mac)
	if err != nil || len(address) != 6 || strings.Count(mac, ":") != 5 {
		return fmt.Errorf("%q is not a MAC address such as 02:00:c0:a8:46:96", mac)
	}
	if address[0]&1 == 1 {
		return fmt.Errorf("%q is a multicast address: the first octet of a network card's address is even", mac)
	}
	return nil
}

func isNetmask(mask string) bool {
	ip := net.ParseIP(mask).To4()
	if ip == nil {
		return false
	}
	_, bits := net.IPMask(ip).Size()
	return bits == 32
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
