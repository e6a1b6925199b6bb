package xl

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// LongDomain is an element of `xl list -l`: a running domain's configuration as libxl keeps it,
// with devices that were attached since. It says nothing of the run state, and domains whose
// configuration cannot be read are left out: take the presence of a domain from ParseVMList.
type LongDomain struct {
	ID           int
	Name         string
	UUID         string
	Type         string // pv, pvh or hvm
	MemoryMiB    int64  // target
	MaxMemoryMiB int64
	VCPUs        int // online
	MaxVCPUs     int
	Disks        []Disk
	NICs         []NIC
	VNC          *VNC
}

// libxl's JSON, as far as it is read here.
type (
	longDomain struct {
		DomID  *int       `json:"domid"`
		Config longConfig `json:"config"`
	}
	longConfig struct {
		CInfo struct {
			Type string `json:"type"`
			Name string `json:"name"`
			UUID string `json:"uuid"`
		} `json:"c_info"`
		BInfo struct {
			MaxVCPUs   int   `json:"max_vcpus"`
			AvailVCPUs []int `json:"avail_vcpus"`
			MaxKiB     int64 `json:"max_memkb"`
			TargetKiB  int64 `json:"target_memkb"`
			HVM        struct {
				VNC    *longVNC `json:"vnc"`
				Keymap string   `json:"keymap"`
			} `json:"type.hvm"`
		} `json:"b_info"`
		Disks []struct {
			Path      string `json:"pdev_path"`
			VDev      string `json:"vdev"`
			Format    string `json:"format"`
			ReadWrite int    `json:"readwrite"`
			IsCDROM   int    `json:"is_cdrom"`
		} `json:"disks"`
		NICs []struct {
			MAC     string `json:"mac"`
			IP      string `json:"ip"`
			Bridge  string `json:"bridge"`
			Model   string `json:"model"`
			Type    string `json:"nictype"`
			Script  string `json:"script"`
			VifName string `json:"ifname"`
			MTU     int    `json:"mtu"`
		} `json:"nics"`
		VFBs []struct {
			VNC    *longVNC `json:"vnc"`
			Keymap string   `json:"keymap"`
		} `json:"vfbs"`
	}
	longVNC struct {
		Enable   string `json:"enable"`
		Listen   string `json:"listen"`
		Display  int    `json:"display"`
		Password string `json:"passwd"`
	}
)

// ParseListLong reads `xl list -l`, a JSON array (or, for one domain, its element).
func ParseListLong(output []byte) ([]LongDomain, error) {
	var read []longDomain
	text := strings.TrimSpace(string(output))
	if strings.HasPrefix(text, "{") {
		text = "[" + text + "]"
	}
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return nil, fmt.Errorf("xl list -l: %w (output_format in /etc/xen/xl.conf must be json)", err)
	}
	if read == nil {
		return nil, errors.New("xl list -l: null instead of a list")
	}
	domains := make([]LongDomain, 0, len(read))
	for _, d := range read {
		if d.DomID == nil {
			return nil, errors.New("xl list -l: an element without domid")
		}
		domains = append(domains, d.domain())
	}
	return domains, nil
}

func (l longDomain) domain() LongDomain {
	c := l.Config
	d := LongDomain{
		ID: *l.DomID, Name: c.CInfo.Name, UUID: strings.ToLower(cmp.Or(c.CInfo.UUID, nilUUID)), Type: c.CInfo.Type,
		MemoryMiB: (c.BInfo.TargetKiB + 1023) / 1024, MaxMemoryMiB: (c.BInfo.MaxKiB + 1023) / 1024, // dom0's target is 1 KiB short
		VCPUs: len(c.BInfo.AvailVCPUs), MaxVCPUs: c.BInfo.MaxVCPUs,
		VNC: c.BInfo.HVM.VNC.vnc(c.BInfo.HVM.Keymap),
	}
	for _, disk := range c.Disks {
		if disk.Format == "empty" { // a CD-ROM drive without a disc
			disk.Format = "raw"
		}
		d.Disks = append(d.Disks, Disk{VDev: disk.VDev, Target: disk.Path, Format: disk.Format, ReadOnly: disk.ReadWrite == 0, CDROM: disk.IsCDROM != 0})
	}
	for _, nic := range c.NICs {
		d.NICs = append(d.NICs, NIC{
			MAC: strings.ToLower(nic.MAC), IP: nic.IP, Bridge: nic.Bridge, Model: nic.Model,
			Type: strings.TrimPrefix(nic.Type, "vif_"), Script: nic.Script, VifName: nic.VifName, MTU: nic.MTU,
		})
	}
	for _, vfb := range c.VFBs {
		if d.VNC == nil {
			d.VNC = vfb.VNC.vnc(vfb.Keymap)
		}
	}
	return d
}

// nilUUID is that of dom0, which libxl leaves out.
const nilUUID = "00000000-0000-0000-0000-000000000000"

// vnc is nil when the server is off.
func (v *longVNC) vnc(keymap string) *VNC {
	if v == nil || v.Enable == "False" {
		return nil
	}
	return &VNC{Listen: v.Listen, Display: v.Display, Password: v.Password, Keymap: keymap}
}
