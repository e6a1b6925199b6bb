package xl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// space is what C's isspace takes for white.
const space = " \t\n\v\f\r"

// The lexical rules of a disk specification, libxlu_disk_l.l.
var (
	diskPrefix = regexp.MustCompile(`^([a-z][a-z0-9]*):`)
	diskKey    = regexp.MustCompile(`^([a-z][-a-z0-9]*)=([^,]*)(?:,|$)`)
	diskWord   = regexp.MustCompile(`^(cdrom|direct-io-safe|discard|no-discard)(?:,|$)`)
)

// formatOfPrefix are the deprecated words before a path and the format they stand for; today
// libxl chooses the back end without them.
var formatOfPrefix = map[string]string{
	"raw": "raw", "qcow": "qcow", "qcow2": "qcow2", "vhd": "vhd",
	"tap": "raw", "tap2": "raw", "tapdisk": "raw", "aio": "raw", "ioemu": "raw", "file": "raw", "phy": "raw",
}

// diskFormats are those of xl-disk-configuration(5).
var diskFormats = []string{"raw", "qcow", "qcow2", "vhd", "qed", "empty"}

// ParseDisk reads one entry of "disk", xl-disk-configuration(5), as `xl block-attach` takes it,
// too: key=value pairs, the positional form `path,format,vdev,access`, and the older
// `file:path,vdev:cdrom,mode`.
func ParseDisk(text string) (Disk, error) {
	p := diskParser{
		disk:       Disk{Format: "raw"},
		rest:       strings.TrimLeft(text, space),
		positional: []string{"target", "format", "vdev", "access"},
	}
	var err error
	for err == nil && p.rest != "" {
		err = p.part()
		p.rest = strings.TrimLeft(p.rest, space)
	}
	d := p.disk
	d.ReadOnly = d.ReadOnly || d.CDROM
	if d.Target == "" {
		d.Format = "raw" // of an empty drive it says nothing
	}
	switch {
	case err != nil:
	case d.VDev == "":
		err = errors.New("no vdev")
	case d.Target == "" && !d.CDROM:
		err = errors.New("no target")
	}
	if err != nil {
		return Disk{}, fmt.Errorf("disk %q: %w", text, err)
	}
	return d, nil
}

// diskParser is a disk and the text that is still to be read.
type diskParser struct {
	disk       Disk
	rest       string
	positional []string // names of the parts that may follow without a key
}

// part reads a prefix, or up to the next comma, or after target= to the end.
func (p *diskParser) part() error {
	if m := diskPrefix.FindStringSubmatch(p.rest); m != nil && formatOfPrefix[m[1]] != "" {
		p.rest = p.rest[len(m[0]):]
		if format := formatOfPrefix[m[1]]; format != "raw" || m[1] == "raw" {
			p.disk.Format = format
		}
		p.positional = slices.DeleteFunc(p.positional, func(key string) bool { return key == "format" })
		return nil
	}
	if target, found := strings.CutPrefix(p.rest, "target="); found {
		if p.disk.Target != "" {
			return errors.New("two targets")
		}
		p.disk.Target, p.rest = strings.TrimSuffix(target, ","), ""
		return nil
	}
	if m := diskKey.FindStringSubmatch(p.rest); m != nil {
		p.rest = p.rest[len(m[0]):]
		return p.disk.set(m[1], m[2])
	}
	if m := diskWord.FindStringSubmatch(p.rest); m != nil {
		p.rest = p.rest[len(m[0]):]
		p.disk.CDROM = p.disk.CDROM || m[1] == "cdrom"
		return nil
	}
	return p.positionalPart()
}

func (p *diskParser) positionalPart() error {
	value, rest, _ := strings.Cut(p.rest, ",")
	if len(p.positional) == 0 {
		return errors.New("more parts than path, format, vdev and access")
	}
	key := p.positional[0]
	p.positional, p.rest = p.positional[1:], rest
	if name, found := strings.CutSuffix(value, ":cdrom"); found && key == "vdev" {
		p.disk.CDROM, value = true, name
	}
	if name, found := strings.CutSuffix(value, ":disk"); found && key == "vdev" {
		p.disk.CDROM, value = false, name
	}
	if value == "" {
		return nil
	}
	return p.disk.set(key, value)
}

// set takes one part of a disk; parts that say how the host provides it are left to libxl.
func (d *Disk) set(key, value string) error {
	switch key {
	case "target":
		d.Target = value
	case "format":
		d.Format = value
		return oneOf(value, diskFormats...)
	case "vdev":
		d.VDev = value
	case "access":
		switch value {
		case "r", "ro":
			d.ReadOnly = true
		case "w", "rw":
			d.ReadOnly = false
		default:
			return fmt.Errorf("access %q is neither ro nor rw", value)
		}
	case "devtype":
		d.CDROM = value == "cdrom"
		return oneOf(value, "cdrom", "disk")
	case "backendtype", "backend", "script":
	default:
		return fmt.Errorf("unknown part %s=", key)
	}
	return nil
}

// pairs splits `key=value,key=value`. White space before a key means nothing, as in
// OpenNebula's `' mac=...'`; elsewhere xl keeps it.
func pairs(text string) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimLeft(part, space), "=")
		found[key] = value
	}
	return found
}

// parseNIC reads one entry of "vif", xl-network-configuration(5).
func parseNIC(text string) (NIC, error) {
	p := pairs(text)
	n := NIC{MAC: p["mac"], IP: p["ip"], Bridge: p["bridge"], Model: p["model"], Type: p["type"], Script: p["script"], VifName: p["vifname"], Rate: p["rate"]}
	if mtu, given := p["mtu"]; given {
		number, err := parseNumber(mtu)
		if err != nil {
			return NIC{}, fmt.Errorf("vif %q: mtu %q is not a number", text, mtu)
		}
		n.MTU = int(number)
	}
	return n, nil
}

// parseVFB reads the virtual frame buffer of a PV guest, whose VNC server is on unless vnc=0.
// The error does not repeat the text, which may hold a password.
func parseVFB(text string) (*VNC, error) {
	p := pairs(text)
	if p["vnc"] == "0" {
		return nil, nil
	}
	v := &VNC{Listen: p["vnclisten"], Password: p["vncpasswd"], Keymap: p["keymap"]}
	if display, given := p["vncdisplay"]; given {
		number, err := parseNumber(display)
		if err != nil {
			return nil, fmt.Errorf("vfb: vncdisplay %q is not a number", display)
		}
		v.Display = int(number)
	}
	return v, nil
}
