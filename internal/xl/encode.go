package xl

import (
	"strconv"
	"strings"
)

// Encode writes the deployment file that `xl create` reads. Equal Configs give equal bytes.
// Every value is checked first; the error names the field and says what is wrong with it, and
// never repeats the VNC password.
func (c Config) Encode() ([]byte, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	var w writer
	w.text("name", c.Name)
	w.text("uuid", c.UUID)
	w.text("type", c.Type)
	w.number("memory", c.Memory)
	w.number("maxmem", c.MaxMemory)
	w.number("vcpus", int64(c.VCPUs))
	w.number("maxvcpus", int64(c.MaxVCPUs))
	w.number("cpu_weight", int64(c.CPUWeight))
	w.number("cap", int64(c.CPUCap))
	w.text("kernel", c.Kernel)
	w.text("ramdisk", c.Ramdisk)
	w.text("cmdline", c.Cmdline)
	w.text("bootloader", c.Bootloader)
	w.text("boot", c.Boot)
	w.text("bios", biosOfFirmware[c.Firmware])
	w.list("disk", mapped(c.Disks, Disk.spec))
	w.list("vif", mapped(c.NICs, NIC.spec))
	c.encodeVNC(&w)
	w.text("serial", c.Serial)
	w.text("on_poweroff", c.OnPoweroff)
	w.text("on_reboot", c.OnReboot)
	w.text("on_crash", c.OnCrash)
	return []byte(w.String()), nil
}

// biosOfFirmware says what xl calls our words, xl.cfg(5) "bios".
var biosOfFirmware = map[string]string{"bios": "seabios", "uefi": "ovmf"}

// encodeVNC writes lines for an HVM guest and a virtual frame buffer for a PV guest. An HVM
// guest without VNC needs a line that says so: libxl would turn it on.
func (c Config) encodeVNC(w *writer) {
	switch {
	case c.VNC != nil && c.Type == TypeHVM:
		w.line("vnc", "1")
		w.text("vnclisten", c.VNC.Listen)
		w.line("vncdisplay", strconv.Itoa(c.VNC.Display))
		w.line("vncunused", "0")
		w.text("vncpasswd", c.VNC.Password)
		w.text("keymap", c.VNC.Keymap)
	case c.VNC != nil:
		w.list("vfb", []string{c.VNC.spec()})
	case c.Type == TypeHVM:
		w.line("vnc", "0")
	}
}

// spec is the disk as xl-disk-configuration(5) key=value pairs, target last because it takes
// the rest of the string.
func (d Disk) spec() string {
	var s spec
	s.add("format", d.Format)
	s.add("vdev", d.VDev)
	s.add("access", map[bool]string{true: "ro", false: "rw"}[d.ReadOnly])
	if d.CDROM {
		s.add("devtype", "cdrom")
	}
	return s.String() + ",target=" + d.Target
}

func (n NIC) spec() string {
	var s spec
	s.add("mac", n.MAC)
	s.add("ip", n.IP)
	s.add("bridge", n.Bridge)
	s.add("type", n.Type)
	s.add("model", n.Model)
	s.add("script", n.Script)
	s.add("vifname", n.VifName)
	s.add("rate", n.Rate)
	if n.MTU != 0 {
		s.add("mtu", strconv.Itoa(n.MTU))
	}
	return s.String()
}

func (v VNC) spec() string {
	var s spec
	s.add("vnc", "1")
	s.add("vnclisten", v.Listen)
	s.add("vncdisplay", strconv.Itoa(v.Display))
	s.add("vncunused", "0")
	s.add("vncpasswd", v.Password)
	s.add("keymap", v.Keymap)
	return s.String()
}

// spec collects key=value pairs separated by commas; empty values are left out.
type spec struct{ strings.Builder }

func (s *spec) add(key, value string) {
	if value == "" {
		return
	}
	if s.Len() > 0 {
		s.WriteByte(',')
	}
	s.WriteString(key + "=" + value)
}

// writer collects the lines of a deployment file; empty values are left out.
type writer struct{ strings.Builder }

func (w *writer) line(key, value string) { w.WriteString(key + " = " + value + "\n") }

func (w *writer) text(key, value string) {
	if value != "" {
		w.line(key, quote(value))
	}
}

// number writes digits without quotes: xl reads a leading zero inside quotes as octal.
func (w *writer) number(key string, value int64) {
	if value != 0 {
		w.line(key, strconv.FormatInt(value, 10))
	}
}

func (w *writer) list(key string, items []string) {
	if len(items) == 0 {
		return
	}
	w.line(key, "[")
	for _, item := range items {
		w.WriteString("  " + quote(item) + ",\n")
	}
	w.WriteString("]\n")
}

// quote writes an xl string. Only the quote and the backslash need an escape, and both are
// among the few that xl knows; check has refused control characters.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func mapped[T any](items []T, text func(T) string) []string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, text(item))
	}
	return texts
}
