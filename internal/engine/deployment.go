package engine

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// creditPerCPU is the scheduler's weight of one whole processor, OpenNebula's and Xen's default.
const creditPerCPU = 256

// PlainDomain is a domain whose files are known by their paths on the host.
type PlainDomain struct {
	Name, UUID      string
	Body            model.VirtualMachineBody
	Disks           []model.AttachedDisk
	Kernel, Ramdisk string
}

// DeploymentFile is the text that xl creates the domain from, xl.cfg(5).
func DeploymentFile(d PlainDomain) (string, error) {
	text, err := d.config().Encode()
	return string(text), err
}

// config translates OpenNebula's words into Xen's.
func (d PlainDomain) config() xl.Config {
	body := withDefaults(d.Body)
	config := xl.Config{
		Name:       d.Name,
		UUID:       d.UUID,
		Type:       string(body.Type),
		VCPUs:      int(*body.VCPU),
		MaxVCPUs:   int(*body.VCPUMax),
		Kernel:     d.Kernel,
		Ramdisk:    d.Ramdisk,
		OnPoweroff: cmp.Or(body.OnPoweroff, "destroy"),
		OnReboot:   cmp.Or(body.OnReboot, "restart"),
		OnCrash:    cmp.Or(body.OnCrash, "destroy"),
	}
	if body.Memory != nil {
		config.Memory, config.MaxMemory = *body.Memory, *body.MemoryMax
	}
	if body.CPU != nil {
		config.CPUWeight = int(weight(body))
	}
	if body.CPUCap != nil {
		config.CPUCap = int(*body.CPUCap)
	}
	if os := body.OS; os != nil {
		config.Cmdline, config.Bootloader, config.Firmware = os.Cmdline, os.Bootloader, os.Firmware
		config.Boot = bootLetters(os.Boot)
	}
	if body.Type == model.TypeHVM {
		config.Serial = "pty"
	}
	for _, disk := range d.Disks {
		config.Disks = append(config.Disks, xlDisk(disk))
	}
	for _, name := range slices.SortedFunc(maps.Keys(body.NICs), byNICIndex) {
		config.NICs = append(config.NICs, xlNIC(body.NICs[name]))
	}
	if g := body.Graphics; g != nil {
		config.VNC = &xl.VNC{Listen: g.Listen, Display: int(g.Port - model.VNCBasePort), Password: g.Password, Keymap: g.Keymap}
	}
	return config
}

func byNICIndex(a, b string) int { return model.NICIndex(a) - model.NICIndex(b) }

// bootLetter is a device to boot from as xl.cfg(5) writes it: c is the disk, d the CD-ROM, n the network.
var bootLetter = map[string]string{"disk": "c", "cdrom": "d", "network": "n"}

func bootLetters(devices []string) string {
	var boot strings.Builder
	for _, device := range devices {
		boot.WriteString(bootLetter[device])
	}
	return boot.String()
}

// bootDevices reads such letters; one that is none of these names no device.
func bootDevices(letters string) (devices []string) {
	for _, letter := range letters {
		for device, known := range bootLetter {
			if known == string(letter) {
				devices = append(devices, device)
			}
		}
	}
	return devices
}

// passwordLine ends where xl's string or option does: not at an escaped quote.
var passwordLine = regexp.MustCompile(`(vncpasswd ?= ?"?)(?:[^"\\,\n]|\\.)*`)

// withoutPassword is a deployment file that may be shown.
func withoutPassword(text string) string {
	return passwordLine.ReplaceAllString(text, "${1}********")
}
