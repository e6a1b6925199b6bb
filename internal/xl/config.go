// Package xl writes and reads what Xen's xl tool speaks: deployment files (xl.cfg(5)) and the
// output of its listing commands. It is pure text and talks to no host.
package xl

import (
	"slices"
	"strings"
)

// The types of a guest, xl.cfg(5) "type".
const (
	TypePV  = "pv"
	TypePVH = "pvh"
	TypeHVM = "hvm"
)

// Config is a deployment file, xl.cfg(5).
type Config struct {
	Name string // domain name; holds a character that is no digit, or xl takes it for a domain id
	UUID string // identity on the host; empty lets xl invent one at each create
	Type string // pv, pvh or hvm

	Memory    int64 // MiB at boot
	MaxMemory int64 // MiB the guest may grow to without a reboot; 0: Memory
	VCPUs     int   // online at boot; 0: one
	MaxVCPUs  int   // may be plugged without a reboot; 0: VCPUs
	CPUWeight int   // scheduler weight 1..65535; 0: the scheduler's own default
	CPUCap    int   // percent of one physical processor; 0: no cap

	Kernel     string // path on the host, direct boot
	Ramdisk    string // path on the host
	Cmdline    string // kernel command line
	Bootloader string // PV only: "pygrub" or a path on the host
	Boot       string // HVM only: letters c (disk), d (CD-ROM), n (network) in order of trial
	Firmware   string // HVM only: "bios" or "uefi"; empty: the host's default

	Disks []Disk
	NICs  []NIC
	VNC   *VNC // nil: no VNC server

	OnPoweroff, OnReboot, OnCrash string // empty: destroy, restart, destroy
	Serial                        string // HVM only: "pty" or another QEMU character device
}

// Disk is one entry of "disk", xl-disk-configuration(5).
type Disk struct {
	VDev     string // xvda, hda, sda, ...
	Target   string // absolute path on the host; empty only for an empty CD-ROM drive
	Format   string // raw or qcow2; empty: raw
	ReadOnly bool   // always true of a CD-ROM
	CDROM    bool   // an emulated CD-ROM drive, HVM only
}

// NIC is one entry of "vif", xl-network-configuration(5).
type NIC struct {
	MAC     string // empty: xl invents one at each create
	IP      string // IPv4 or IPv6 address the bridge script lets through
	Bridge  string // empty: the host's default bridge
	Model   string // emulated card of an HVM guest: e1000, rtl8139, ...
	Type    string // vif or ioemu; empty: the guest type's default
	Script  string // hotplug script on the host
	VifName string // name of the interface in dom0
	Rate    string // as xl writes it: "10Mb/s", "1GB/s@20ms"
	MTU     int    // 0: the bridge's
}

// VNC is the guest's graphical console.
type VNC struct {
	Listen   string // IPv4 address; empty: the host's default, 127.0.0.1
	Display  int    // TCP port less 5900
	Password string // at most 8 characters, all that VNC knows; Debian 12's QEMU for Xen has no DES and refuses any
	Keymap   string // QEMU's name of a keyboard layout, "en-us"
}

// VNCBasePort is the TCP port of VNC display 0.
const VNCBasePort = 5900

// withDefaults states what xl would assume, so that equal domains are equal Configs.
func (c Config) withDefaults() Config {
	c.UUID = strings.ToLower(c.UUID)
	c.VCPUs = max(c.VCPUs, 1)
	if c.MaxMemory == 0 {
		c.MaxMemory = c.Memory
	}
	if c.MaxVCPUs == 0 {
		c.MaxVCPUs = c.VCPUs
	}
	for _, action := range []struct {
		set     *string
		byXenXL string
	}{{&c.OnPoweroff, "destroy"}, {&c.OnReboot, "restart"}, {&c.OnCrash, "destroy"}} {
		if *action.set == "" {
			*action.set = action.byXenXL
		}
	}
	c.Disks = slices.Clone(c.Disks)
	for i := range c.Disks {
		if c.Disks[i].Format == "" {
			c.Disks[i].Format = "raw"
		}
		c.Disks[i].ReadOnly = c.Disks[i].ReadOnly || c.Disks[i].CDROM
	}
	c.NICs = slices.Clone(c.NICs)
	for i := range c.NICs {
		c.NICs[i].MAC = strings.ToLower(c.NICs[i].MAC)
	}
	return c
}
