package xl

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// diskPrefix are the deprecated words before a path; they say nothing today but the format.
	diskPrefix = regexp.MustCompile(`^(raw|qcow2?|vhd|tapdisk|tap2?|aio|ioemu|file|phy):`)
	diskKey    = regexp.MustCompile(`^([a-z][-a-z0-9]*)=([^,]*)(?:,|$)`)
)

// ParseDisk reads one entry of "disk", xl-disk-configuration(5): key=value pairs, the positional
// form `path,format,vdev,access`, and the older `file:path,vdev:cdrom,mode`.
func ParseDisk(text string) (Disk, error) {
	d := Disk{Format: "raw"}
	rest := strings.TrimSpace(text)
	formatGiven := false
	for m := diskPrefix.FindStringSubmatch(rest); m != nil; m = diskPrefix.FindStringSubmatch(rest) {
		if format := m[1]; format == "qcow" || format == "qcow2" || format == "vhd" {
			d.Format = format
		}
		formatGiven = true
		rest = rest[len(m[0]):]
	}
	position := 0
	for rest != "" {
		if target, found := strings.CutPrefix(rest, "target="); found {
			d.Target, rest = strings.TrimSuffix(target, ","), ""
			break
		}
		if m := diskKey.FindStringSubmatch(rest); m != nil {
			rest = rest[len(m[0]):]
			if err := d.set(m[1], m[2]); err != nil {
				return Disk{}, fmt.Errorf("disk %q: %w", text, err)
			}
			continue
		}
		if rest == "cdrom" || rest == "devtype=cdrom" {
			d.CDROM, rest = true, ""
			break
		}
		var value string
		value, rest, _ = strings.Cut(rest, ",")
		if position == 1 && formatGiven {
			position++
		}
		if position > 3 {
			return Disk{}, fmt.Errorf("disk %q: more than path, format, vdev and access", text)
		}
		key := [...]string{"target", "format", "vdev", "access"}[position]
		position++
		if value == "" {
			continue
		}
		if err := d.set(key, value); err != nil {
			return Disk{}, fmt.Errorf("disk %q: %w", text, err)
		}
	}
	if d.VDev == "" {
		return Disk{}, fmt.Errorf("disk %q: no vdev", text)
	}
	d.ReadOnly = d.ReadOnly || d.CDROM
	return d, nil
}

// set takes one part of a disk; parts that say how the host provides it are left to libxl.
func (d *Disk) set(key, value string) error {
	switch key {
	case "target":
		d.Target = value
	case "format":
		d.Format = value
		if value == "aio" {
			d.Format = "raw"
		}
	case "vdev":
		d.VDev = value
		if name, found := strings.CutSuffix(value, ":cdrom"); found {
			d.VDev, d.CDROM = name, true
		}
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
	}
	return nil
}

// pairs splits `key=value,key=value`; spaces around a key mean nothing, as in OpenNebula's
// `' mac=...'`.
func pairs(text string) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		found[strings.TrimSpace(key)] = strings.TrimSpace(value)
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
