package xl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ForeignDomain is a running domain as a deployment file that would make it again, read from its element of `xl list -l`.
type ForeignDomain struct {
	ID       int
	Config   Config
	FindsVNC bool     // the VNC server took the first free display from Config.VNC.Display on
	Beyond   []string // what the domain has beyond Config, in libxl's words and sorted: "pcidevs", "b_info.type.hvm.usb"
}

// What ForeignDomain reads of libxl's JSON beside LongDomain.
type foreignConfig struct {
	Config struct {
		BInfo struct {
			Kernel     string `json:"kernel"`
			Ramdisk    string `json:"ramdisk"`
			Cmdline    string `json:"cmdline"`
			Bootloader string `json:"bootloader"`
			Sched      struct {
				Weight int `json:"weight"`
				Cap    int `json:"cap"`
			} `json:"sched_params"`
			HVM struct {
				BIOS   string     `json:"bios"`
				Boot   string     `json:"boot"`
				Serial string     `json:"serial"`
				VNC    foreignVNC `json:"vnc"`
			} `json:"type.hvm"`
		} `json:"b_info"`
		VFBs []struct {
			VNC foreignVNC `json:"vnc"`
		} `json:"vfbs"`
		OnPoweroff string `json:"on_poweroff"`
		OnReboot   string `json:"on_reboot"`
		OnCrash    string `json:"on_crash"`
	} `json:"config"`
}

type foreignVNC struct {
	FindUnused string `json:"findunused"`
}

// ParseForeign reads what `xl list -l DOMAIN` prints of one domain.
func ParseForeign(output []byte) (ForeignDomain, error) {
	long, err := ParseListLong(output)
	if err != nil {
		return ForeignDomain{}, err
	}
	if len(long) != 1 {
		return ForeignDomain{}, fmt.Errorf("xl list -l: %d domains, not one", len(long))
	}
	element := bytes.Trim(bytes.TrimSpace(output), "[]")
	var read foreignConfig
	var all struct {
		Config map[string]any `json:"config"`
	}
	if err := errors.Join(json.Unmarshal(element, &read), json.Unmarshal(element, &all)); err != nil {
		return ForeignDomain{}, fmt.Errorf("xl list -l: %w", err)
	}
	d, c := long[0], read.Config
	config := Config{
		Name: d.Name, UUID: d.UUID, Type: d.Type, Memory: d.MemoryMiB, MaxMemory: d.MaxMemoryMiB, VCPUs: d.VCPUs, MaxVCPUs: d.MaxVCPUs,
		CPUWeight: c.BInfo.Sched.Weight, CPUCap: c.BInfo.Sched.Cap,
		Kernel: c.BInfo.Kernel, Ramdisk: c.BInfo.Ramdisk, Cmdline: c.BInfo.Cmdline, Bootloader: c.BInfo.Bootloader,
		Boot: c.BInfo.HVM.Boot, Firmware: firmwareOfBIOS[c.BInfo.HVM.BIOS], Serial: c.BInfo.HVM.Serial,
		Disks: d.Disks, NICs: d.NICs, VNC: d.VNC,
		OnPoweroff: dashed(c.OnPoweroff), OnReboot: dashed(c.OnReboot), OnCrash: dashed(c.OnCrash),
	}
	for i := range config.NICs {
		config.NICs[i] = config.NICs[i].withoutDefaults(d.Type)
	}
	finds := c.BInfo.HVM.VNC.FindUnused != "False"
	for _, vfb := range c.VFBs {
		finds = vfb.VNC.FindUnused != "False"
	}
	return ForeignDomain{ID: d.ID, Config: config.withDefaults(), FindsVNC: finds && config.VNC != nil, Beyond: beyond("", all.Config)}, nil
}

var firmwareOfBIOS = map[string]string{"seabios": "bios", "ovmf": "uefi"}

// dashed is an action as xl.cfg(5) writes it. libxl leaves out its default, destroy.
func dashed(action string) string {
	if action == "" {
		return "destroy"
	}
	return strings.ReplaceAll(action, "_", "-")
}

// withoutDefaults leaves out what libxl fills in of itself.
func (n NIC) withoutDefaults(typ string) NIC {
	n.Script = strings.TrimPrefix(n.Script, "/etc/xen/scripts/")
	if n.Script == "vif-bridge" {
		n.Script = ""
	}
	if n.Type == "vif" && typ != TypeHVM || n.Type == "ioemu" && typ == TypeHVM {
		n.Type = ""
	}
	return n
}

// readHere are the parts of libxl's JSON, libxl_types.idl, that Config holds, that follow from it, or that are of no account when the
// domain is made again.
var readHere = map[string]bool{}

func init() {
	for _, path := range strings.Fields(`
		c_info.type c_info.name c_info.uuid c_info.domid c_info.run_hotplug_scripts
		b_info.max_vcpus b_info.avail_vcpus b_info.max_memkb b_info.target_memkb b_info.video_memkb b_info.shadow_memkb b_info.iommu_memkb
		b_info.sched_params.sched b_info.sched_params.weight b_info.sched_params.cap b_info.claim_mode b_info.numa_placement
		b_info.kernel b_info.ramdisk b_info.cmdline b_info.bootloader
		b_info.type.hvm.vnc.enable b_info.type.hvm.vnc.listen b_info.type.hvm.vnc.display b_info.type.hvm.vnc.findunused b_info.type.hvm.vnc.passwd
		b_info.type.hvm.keymap b_info.type.hvm.boot b_info.type.hvm.serial
		disks.pdev_path disks.vdev disks.readwrite disks.removable disks.is_cdrom disks.backend
		nics.devid nics.mtu nics.model nics.mac nics.ip nics.bridge nics.ifname nics.script nics.nictype nics.rate_interval_usecs
		vfbs.devid vfbs.vnc.enable vfbs.vnc.listen vfbs.vnc.display vfbs.vnc.findunused vfbs.vnc.passwd vfbs.keymap vkbs.devid
		on_poweroff on_reboot on_crash`) {
		readHere[path] = true
	}
}

// harmless are values that are the same as saying nothing.
var harmless = regexp.MustCompile(`^(?:.*=(?:|0|-1|False|unknown|default|none)|` +
	`c_info\.(?:hap|oos)=True|b_info\.device_model_version=qemu_xen|b_info\.type\.hvm\.(?:pae|apic|acpi|xen_platform_pci)=True|` +
	`b_info\.type\.hvm\.bios=(?:seabios|ovmf)|disks\.format=(?:raw|qcow2|empty)|disks\.discard_enable=True|on_watchdog=destroy|on_soft_reset=soft_reset)$`)

// beyond walks libxl's JSON and names what is neither read nor harmless.
func beyond(path string, value any) (found []string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			found = append(found, beyond(strings.TrimPrefix(path+"."+key, "."), value[key])...)
		}
	case []any:
		switch {
		case readHere[path] || len(value) == 0:
		case !slices.Contains([]string{"disks", "nics", "vfbs", "vkbs"}, path):
			found = []string{path}
		default:
			for _, element := range value {
				found = append(found, beyond(path, element)...)
			}
		}
	case nil:
	default:
		if !readHere[path] && !harmless.MatchString(fmt.Sprintf("%s=%v", path, value)) {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
