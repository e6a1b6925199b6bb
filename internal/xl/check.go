package xl

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}$`)
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	deviceForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$`)                // a network interface of Linux: 15 bytes
	bridgeForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}(\.[0-9]{1,4})?$`) // vif-openvswitch takes NAME.VLAN
	wordForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	rateForm   = regexp.MustCompile(`^[0-9]+[KMG]?[Bb]/s(@[0-9]+(us|ms|s)?)?$`)
	bootForm   = regexp.MustCompile(`^[cdn]{1,3}$`)
)

// actions are the values of on_poweroff, on_reboot and on_crash, xl.cfg(5).
var actions = []string{"destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset"}

// CheckName says whether a domain can have the name: letters, digits and "_.+-", up to 128
// bytes, and not digits alone, which every xl command takes for a domain id.
func CheckName(name string) error {
	switch {
	case strings.Trim(name, "0123456789") == "" && name != "":
		return fmt.Errorf("%q holds digits only, which xl takes for a domain id; add a letter", name)
	case !nameForm.MatchString(name):
		return fmt.Errorf("%q is no domain name; use up to 128 letters, digits and _.+- and begin with a letter or digit", name)
	}
	return nil
}

// check refuses what xl would refuse, misread, or quietly ignore.
func (c Config) check() error {
	return errors.Join(
		field("name", CheckName(c.Name)),
		c.checkWords(),
		c.checkCapacity(),
		c.checkBoot(),
		c.checkDisks(),
		c.checkNICs(),
		field("vnc", c.checkVNC()),
	)
}

// checkWords refuses what ends xl when it reads the file.
func (c Config) checkWords() error {
	return errors.Join(
		field("uuid", form(c.UUID, uuidForm, "a UUID such as 5b1e7a52-90d5-4a77-9a0f-30e1a9f0c1d2")),
		field("type", oneOf(c.Type, TypePV, TypePVH, TypeHVM)),
		field("on_poweroff", oneOf(c.OnPoweroff, actions...)),
		field("on_reboot", oneOf(c.OnReboot, actions...)),
		field("on_crash", oneOf(c.OnCrash, actions...)),
	)
}

func (c Config) checkCapacity() error {
	return errors.Join(
		field("memory", between(c.Memory, 1, 1<<30)),
		field("maxmem", between(c.MaxMemory, c.Memory, 1<<30)),
		field("vcpus", between(int64(c.VCPUs), 1, 4096)),
		field("maxvcpus", between(int64(c.MaxVCPUs), int64(c.VCPUs), 4096)),
		field("cpu_weight", between(int64(c.CPUWeight), 0, math.MaxUint16)),
		field("cap", between(int64(c.CPUCap), 0, math.MaxUint16)),
	)
}

func (c Config) checkBoot() error {
	errs := []error{
		field("kernel", path(c.Kernel)),
		field("ramdisk", path(c.Ramdisk)),
		field("cmdline", printable(c.Cmdline)),
		field("serial", printable(c.Serial)),
	}
	if strings.Contains(c.Bootloader, "/") {
		errs = append(errs, field("bootloader", path(c.Bootloader)))
	} else {
		errs = append(errs, field("bootloader", form(c.Bootloader, wordForm, `"pygrub" or a path`)))
	}
	errs = append(errs, field("boot", form(c.Boot, bootForm, "up to three letters of c (disk), d (CD-ROM), n (network)")))
	if c.Firmware != "" {
		errs = append(errs, field("firmware", oneOf(c.Firmware, "bios", "uefi")))
	}
	for _, use := range []struct{ name, value, typ string }{
		{"boot", c.Boot, TypeHVM}, {"firmware", c.Firmware, TypeHVM}, {"serial", c.Serial, TypeHVM}, {"bootloader", c.Bootloader, TypePV},
	} {
		if use.value != "" && c.Type != use.typ {
			errs = append(errs, fmt.Errorf("%s: only a guest of type %s has it", use.name, use.typ))
		}
	}
	switch {
	case c.Kernel != "" && c.Bootloader != "":
		errs = append(errs, errors.New("kernel: give either a kernel or a bootloader"))
	case c.Kernel == "" && c.Bootloader == "" && c.Type == TypePV:
		errs = append(errs, errors.New("kernel: a pv guest needs a kernel or a bootloader"))
	case c.Kernel == "" && c.Type == TypePVH:
		errs = append(errs, errors.New("kernel: a pvh guest needs a kernel"))
	case c.Kernel == "" && (c.Ramdisk != "" || c.Cmdline != "" && c.Bootloader == ""):
		errs = append(errs, errors.New("kernel: ramdisk and cmdline need a kernel"))
	}
	return errors.Join(errs...)
}

func (c Config) checkDisks() error {
	errs := []error{field("disk", CheckDisks(c.Type, c.Disks))}
	for _, d := range c.Disks {
		errs = append(errs, field("disk "+d.VDev, errors.Join(oneOf(d.Format, "raw", "qcow2"), noComma(path(d.Target), d.Target))))
		if d.Target == "" && !d.CDROM {
			errs = append(errs, fmt.Errorf("disk %s: no target; only a CD-ROM drive may be empty", d.VDev))
		}
	}
	return errors.Join(errs...)
}

func (c Config) checkNICs() error {
	var errs []error
	for i, n := range c.NICs {
		errs = append(errs, field(fmt.Sprintf("vif %d", i), errors.Join(
			mac(n.MAC),
			address(n.IP),
			form(n.Bridge, bridgeForm, "the name of a bridge"),
			form(n.Model, wordForm, "the model of a network card"),
			form(n.VifName, deviceForm, "the name of an interface"),
			CheckRate(n.Rate),
			script(n.Script),
			n.checkType(c.Type),
		)))
		if n.MTU != 0 {
			errs = append(errs, field(fmt.Sprintf("vif %d: mtu", i), between(int64(n.MTU), 68, math.MaxUint16)))
		}
	}
	return errors.Join(errs...)
}

// CheckRate says whether a network card can have the limit, xl-network-configuration(5) "rate"; empty is no limit.
func CheckRate(rate string) error {
	return form(rate, rateForm, `a rate such as "10Mb/s" or "1GB/s@20ms"`)
}

// script is the name of a file in /etc/xen/scripts, or a path.
func script(value string) error {
	if !strings.Contains(value, "/") {
		return noComma(printable(value), value)
	}
	return noComma(path(value), value)
}

func (n NIC) checkType(guest string) error {
	switch {
	case n.Type != "" && n.Type != "vif" && n.Type != "ioemu":
		return fmt.Errorf("type %q: use vif or ioemu", n.Type)
	case guest != TypeHVM && (n.Type == "ioemu" || n.Model != ""):
		return errors.New("only an hvm guest has emulated network cards")
	}
	return nil
}

func (c Config) checkVNC() error {
	if c.VNC == nil {
		return nil
	}
	if c.Type == TypePVH {
		return errors.New("a pvh guest has no graphics")
	}
	v := c.VNC
	errs := []error{
		field("display", between(int64(v.Display), 0, math.MaxUint16-VNCBasePort)),
		field("keymap", form(v.Keymap, wordForm, `a keyboard layout such as "en-us"`)),
	}
	if ip := net.ParseIP(v.Listen); v.Listen != "" && (ip.To4() == nil || strings.Contains(v.Listen, ":")) {
		errs = append(errs, fmt.Errorf("listen %q: libxl listens on IPv4 addresses only", v.Listen))
	}
	if len(v.Password) > 8 {
		errs = append(errs, errors.New("password: VNC compares the first 8 characters only; give a shorter one"))
	}
	if noComma(printable(v.Password), v.Password) != nil {
		errs = append(errs, errors.New("password: commas, control characters and invalid UTF-8 cannot be written in a deployment file"))
	}
	return errors.Join(errs...)
}

// field puts the name of a field before what is wrong with it.
func field(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

func between(n, low, high int64) error {
	if n < low || n > high {
		return fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	return nil
}

func oneOf(value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", "))
}

// form accepts the empty value, which is not written.
func form(value string, pattern *regexp.Regexp, what string) error {
	if value == "" || pattern.MatchString(value) {
		return nil
	}
	return fmt.Errorf("%q is not %s", value, what)
}

// printable refuses what an xl string cannot hold: xl's lexer ends a string at a newline, and
// the JSON in which libxl keeps the configuration needs UTF-8.
func printable(value string) error {
	if !utf8.ValidString(value) {
		return errors.New("the text is not UTF-8")
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%q holds a control character, which a deployment file cannot hold", value)
	}
	return nil
}

func path(value string) error {
	if err := printable(value); err != nil || value == "" {
		return err
	}
	if !strings.HasPrefix(value, "/") {
		return fmt.Errorf("%q is no absolute path on the host", value)
	}
	return nil
}

// noComma adds a refusal to what is already wrong with a value inside a disk or vif.
func noComma(err error, value string) error {
	if err == nil && strings.Contains(value, ",") {
		return fmt.Errorf("%q holds a comma, which separates the parts of a disk or vif", value)
	}
	return err
}

func mac(value string) error {
	if value == "" {
		return nil
	}
	hw, err := net.ParseMAC(value)
	if err != nil || len(hw) != 6 || strings.Count(value, ":") != 5 {
		return fmt.Errorf("%q is no MAC address such as 02:00:c0:a8:46:96", value)
	}
	if hw[0]&1 != 0 || value == "00:00:00:00:00:00" {
		return fmt.Errorf("MAC %s: an interface needs an address of its own, neither multicast nor zero", value)
	}
	return nil
}

func address(value string) error {
	if value == "" {
		return nil
	}
	if ip, err := netip.ParseAddr(value); err != nil || ip.Zone() != "" {
		return fmt.Errorf("ip %q is no IP address", value)
	}
	return nil
}
