package xl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// realXL parses a deployment file with Debian's own xl (testdata/fetch-xl.sh) and says what it
// understood. Remarks are what xl printed besides; xl goes on after many mistakes.
func realXL(t *testing.T, text []byte) (understood Config, remarks string, err error) {
	t.Helper()
	parser := os.Getenv("XEN_XL_PARSER")
	if parser == "" {
		t.Skip("XEN_XL_PARSER is not set; `make test` provides it")
	}
	// Not t.TempDir, which is named for the test: xl takes an argument with a = for a line of configuration.
	dir, err := os.MkdirTemp("", "xl") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "domain.cfg")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(parser, file)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Fatalf("%s: %v\n%s", parser, err, stderr.String())
		}
		return Config{}, "", fmt.Errorf("%s", stderr.String())
	}
	_, remarks, _ = bytesCutLine(stderr.Bytes())
	var read understoodConfig
	if err := json.Unmarshal(stdout.Bytes(), &read); err != nil {
		t.Fatalf("xl printed %q: %v", stdout.String(), err)
	}
	return read.config(), remarks, nil
}

// bytesCutLine splits off xl's first line, "Parsing config from FILE".
func bytesCutLine(b []byte) (first, rest string, found bool) {
	before, after, found := bytes.Cut(b, []byte("\n"))
	return string(before), string(after), found
}

// understoodConfig is the JSON that xl prints.
type understoodConfig struct {
	CInfo struct{ Type, Name, UUID string } `json:"c_info"`
	BInfo struct {
		MaxVCPUs   int   `json:"max_vcpus"`
		AvailVCPUs []int `json:"avail_vcpus"`
		MaxKiB     int64 `json:"max_memkb"`
		TargetKiB  int64 `json:"target_memkb"`
		Sched      struct {
			Weight int
			Cap    int
		} `json:"sched_params"`
		Kernel, Ramdisk, Cmdline, Bootloader string
		HVM                                  struct {
			BIOS, Boot, Serial, Keymap string
			VNC                        understoodVNC
		} `json:"type.hvm"`
	} `json:"b_info"`
	Disks []struct {
		Path      string `json:"pdev_path"`
		VDev      string
		Format    string
		ReadWrite int
		IsCDROM   int `json:"is_cdrom"`
	}
	NICs []struct {
		MAC, IP, Bridge, Model, NicType, Script, IfName string
		MTU                                             int
		Rate                                            int64 `json:"rate_bytes_per_interval"`
		Interval                                        int64 `json:"rate_interval_usecs"`
	}
	VFBs []struct {
		VNC    understoodVNC
		Keymap string
	}
	OnPoweroff string `json:"on_poweroff"`
	OnReboot   string `json:"on_reboot"`
	OnCrash    string `json:"on_crash"`
}

type understoodVNC struct {
	Enable, Listen, Passwd, FindUnused string
	Display                            int
}

// config is what xl understood, in our words. xl leaves out what equals its own default.
func (u understoodConfig) config() Config {
	b := u.BInfo
	c := Config{
		Name: u.CInfo.Name, UUID: u.CInfo.UUID, Type: u.CInfo.Type,
		Memory: b.TargetKiB / 1024, MaxMemory: b.MaxKiB / 1024,
		VCPUs: len(b.AvailVCPUs), MaxVCPUs: b.MaxVCPUs, CPUWeight: b.Sched.Weight, CPUCap: b.Sched.Cap,
		Kernel: b.Kernel, Ramdisk: b.Ramdisk, Cmdline: b.Cmdline, Bootloader: b.Bootloader,
		Boot: b.HVM.Boot, Firmware: map[string]string{"seabios": "bios", "ovmf": "uefi"}[b.HVM.BIOS], Serial: b.HVM.Serial,
		OnPoweroff: action(u.OnPoweroff), OnReboot: action(u.OnReboot), OnCrash: action(u.OnCrash),
	}
	for _, d := range u.Disks {
		if d.Format == "empty" {
			d.Format = "raw"
		}
		c.Disks = append(c.Disks, Disk{VDev: d.VDev, Target: d.Path, Format: d.Format, ReadOnly: d.ReadWrite == 0, CDROM: d.IsCDROM == 1})
	}
	for _, n := range u.NICs {
		nic := NIC{
			MAC: n.MAC, IP: n.IP, Bridge: n.Bridge, Model: n.Model, Type: map[string]string{"vif_ioemu": "ioemu", "vif": "vif"}[n.NicType],
			Script: n.Script, VifName: n.IfName, MTU: n.MTU,
		}
		if n.Rate != 0 {
			nic.Rate = fmt.Sprintf("%d bytes in %d us", n.Rate, n.Interval)
		}
		c.NICs = append(c.NICs, nic)
	}
	if v := b.HVM.VNC; v.Enable == "True" {
		c.VNC = &VNC{Listen: v.Listen, Display: v.Display, Password: v.Passwd, Keymap: b.HVM.Keymap}
	}
	for _, v := range u.VFBs {
		c.VNC = &VNC{Listen: v.VNC.Listen, Display: v.VNC.Display, Password: v.VNC.Passwd, Keymap: v.Keymap}
	}
	return c.withDefaults()
}

// action is libxl's name of an action as xl.cfg(5) has it.
func action(understood string) string {
	return strings.ReplaceAll(strings.Replace(cmp.Or(understood, "destroy"), "restart_rename", "rename-restart", 1), "_", "-")
}
