package simhost

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// The JSON of `xl list -l`, libxl_types.idl: what has its default value is left out, booleans are 0 and 1 in devices
// and "True" and "False" elsewhere.
type (
	longDomain struct {
		DomID  int        `json:"domid"`
		Config longConfig `json:"config"`
	}
	longConfig struct {
		CInfo      longCreate `json:"c_info"`
		BInfo      longBuild  `json:"b_info"`
		Disks      []longDisk `json:"disks,omitempty"`
		NICs       []longNIC  `json:"nics,omitempty"`
		VFBs       []longVFB  `json:"vfbs,omitempty"`
		OnPoweroff string     `json:"on_poweroff,omitempty"`
		OnReboot   string     `json:"on_reboot,omitempty"`
		OnCrash    string     `json:"on_crash,omitempty"`
	}
	longCreate struct {
		Type       string `json:"type"`
		Name       string `json:"name"`
		DomID      uint32 `json:"domid,omitempty"`
		UUID       string `json:"uuid"`
		RunHotplug string `json:"run_hotplug_scripts,omitempty"`
	}
	longBuild struct {
		MaxVCPUs   int        `json:"max_vcpus"`
		AvailVCPUs []int      `json:"avail_vcpus"`
		MaxKiB     int64      `json:"max_memkb"`
		TargetKiB  int64      `json:"target_memkb"`
		Sched      *longSched `json:"sched_params,omitempty"`
		Claim      string     `json:"claim_mode,omitempty"`
		Bootloader string     `json:"bootloader,omitempty"`
		Kernel     string     `json:"kernel,omitempty"`
		Cmdline    string     `json:"cmdline,omitempty"`
		Ramdisk    string     `json:"ramdisk,omitempty"`
		HVM        *longHVM   `json:"type.hvm,omitempty"`
		PV         *struct{}  `json:"type.pv,omitempty"`
		PVH        *struct{}  `json:"type.pvh,omitempty"`
	}
	longSched struct {
		Name   string `json:"sched,omitempty"`
		Weight int    `json:"weight"`
		Cap    int    `json:"cap"`
	}
	longHVM struct {
		VNC    *longVNC `json:"vnc,omitempty"`
		Keymap string   `json:"keymap,omitempty"`
		BIOS   string   `json:"bios,omitempty"`
		Boot   string   `json:"boot,omitempty"`
		Serial string   `json:"serial,omitempty"`
	}
	longVNC struct {
		Enable   string `json:"enable"`
		Listen   string `json:"listen,omitempty"`
		Password string `json:"passwd,omitempty"`
		Display  int    `json:"display,omitempty"`
		FindFree string `json:"findunused,omitempty"`
	}
	longVFB struct {
		VNC    longVNC `json:"vnc"`
		Keymap string  `json:"keymap,omitempty"`
	}
	longDisk struct {
		Path      string `json:"pdev_path,omitempty"`
		VDev      string `json:"vdev"`
		Format    string `json:"format"`
		Removable int    `json:"removable,omitempty"`
		ReadWrite int    `json:"readwrite,omitempty"`
		IsCDROM   int    `json:"is_cdrom,omitempty"`
	}
	longNIC struct {
		DevID  int    `json:"devid"`
		MTU    int    `json:"mtu,omitempty"`
		Model  string `json:"model,omitempty"`
		MAC    string `json:"mac"`
		IP     string `json:"ip,omitempty"`
		Bridge string `json:"bridge,omitempty"`
		IfName string `json:"ifname,omitempty"`
		Script string `json:"script,omitempty"`
		Type   string `json:"nictype,omitempty"`
	}
)

// printLong prints the domains as one JSON array. libxl prints in its own indentation; only the content counts.
func (c *call) printLong(w *world, list []Domain, dom0 bool) error {
	long := make([]longDomain, 0, len(list)+1)
	if dom0 {
		long = append(long, longDomain{Config: longConfig{
			CInfo: longCreate{Type: xl.TypePV, Name: "Domain-0", UUID: dom0UUID},
			BInfo: longBuild{MaxVCPUs: w.CPUs, AvailVCPUs: upTo(w.CPUs), MaxKiB: w.Dom0MiB << 10, TargetKiB: w.Dom0MiB << 10, PV: &struct{}{}},
		}})
	}
	for _, d := range list {
		c := longOf(d.Config)
		c.CInfo.DomID = math.MaxUint32 // what the file asked for: any
		long = append(long, longDomain{DomID: d.ID, Config: c})
	}
	text, err := json.MarshalIndent(long, "", "    ")
	if err != nil {
		return err
	}
	c.printf("%s\n", text)
	return nil
}

func longOf(d xl.Config) longConfig {
	c := longConfig{
		CInfo: longCreate{Type: d.Type, Name: d.Name, UUID: d.UUID, RunHotplug: "True"},
		BInfo: longBuild{
			MaxVCPUs: max(d.MaxVCPUs, d.VCPUs, 1), AvailVCPUs: upTo(max(d.VCPUs, 1)),
			MaxKiB: max(d.MaxMemory, d.Memory) << 10, TargetKiB: d.Memory << 10,
			Sched: &longSched{Name: "credit2", Weight: cmp.Or(d.CPUWeight, 256), Cap: d.CPUCap}, Claim: "True",
			Bootloader: d.Bootloader, Kernel: d.Kernel, Cmdline: d.Cmdline, Ramdisk: d.Ramdisk,
		},
		OnPoweroff: unlessDestroy(d.OnPoweroff), OnReboot: unlessDestroy(d.OnReboot), OnCrash: unlessDestroy(d.OnCrash),
	}
	switch d.Type {
	case xl.TypeHVM:
		c.BInfo.HVM = &longHVM{VNC: &longVNC{Enable: "False"}, BIOS: map[string]string{"bios": "seabios", "uefi": "ovmf"}[d.Firmware], Boot: d.Boot, Serial: d.Serial}
		if d.VNC != nil {
			c.BInfo.HVM.VNC, c.BInfo.HVM.Keymap = longVNCOf(d.VNC), d.VNC.Keymap
		}
	case xl.TypePVH:
		c.BInfo.PVH = &struct{}{}
	default:
		c.BInfo.PV = &struct{}{}
		if d.VNC != nil {
			c.VFBs = []longVFB{{VNC: *longVNCOf(d.VNC), Keymap: d.VNC.Keymap}}
		}
	}
	for _, disk := range d.Disks {
		c.Disks = append(c.Disks, longDisk{
			Path: disk.Target, VDev: disk.VDev, Format: disk.Format,
			Removable: number(disk.CDROM), ReadWrite: number(!disk.ReadOnly), IsCDROM: number(disk.CDROM),
		})
	}
	for i, nic := range d.NICs {
		c.NICs = append(c.NICs, longNIC{
			DevID: i, MTU: nic.MTU, Model: nic.Model, MAC: nic.MAC, IP: nic.IP, Bridge: nic.Bridge,
			IfName: nic.VifName, Script: nic.Script, Type: strings.Replace(nic.Type, "ioemu", "vif_ioemu", 1),
		})
	}
	return c
}

// unlessDestroy is an action as libxl prints it: destroy is its default, and others are written with underscores.
func unlessDestroy(action string) string {
	if action == "destroy" {
		return ""
	}
	return strings.ReplaceAll(action, "-", "_")
}

func longVNCOf(v *xl.VNC) *longVNC {
	listen := v.Listen
	if listen == "" {
		listen = "127.0.0.1"
	}
	return &longVNC{Enable: "True", Listen: listen, Password: v.Password, Display: v.Display, FindFree: "False"}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
