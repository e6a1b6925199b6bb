package simhost

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// xlBlockAttach is `xl block-attach DOMAIN SPEC...`.
func xlBlockAttach(c *call) int {
	if len(c.args) < 2 {
		return c.usage("block-attach")
	}
	disk, err := xl.ParseDisk(strings.Join(c.args[1:], ","))
	if err != nil {
		return c.fail(1, "command line: config parsing error in disk specification: %v", err)
	}
	return c.on("block-attach", c.nobody, func(w *world, d Domain) error {
		disks := append(slices.Clone(d.Disks), disk)
		if r := cmp.Or(checkFile(disk), checkDisks(xl.Config{Disks: disks}, w.complainOf(d.ID))); r != nil {
			c.fail(0, "%s\nlibxl: error: libxl_device.c:1486:device_addrm_aocomplete: unable to add device\nlibxl_device_disk_add failed.", r.text)
			return errRefused
		}
		if err := w.plug(d, disk); err != nil {
			return err
		}
		d.Disks = disks
		return w.put(d)
	})
}

// plug gives a disk its loop device.
func (w *world) plug(d Domain, disk xl.Disk) error {
	if !usesLoop(d.Type, disk) {
		return nil
	}
	if err := w.attachLoop(d.ID, disk.Target); err != nil {
		return err
	}
	return w.setMachine(w.machine)
}

// xlBlockDetach is `xl block-detach DOMAIN VDEV [--force]`; a paused guest does not let go of its disk.
func xlBlockDetach(c *call) int {
	if len(c.args) < 2 {
		return c.usage("block-detach")
	}
	return c.on("block-detach", c.nobody, func(w *world, d Domain) error {
		at := slices.IndexFunc(d.Disks, func(disk xl.Disk) bool { return disk.VDev == c.args[1] })
		if at < 0 {
			c.fail(0, "Error: Device %s not connected.", c.args[1])
			return errRefused
		}
		if d.Paused && !slices.Contains(c.args, "--force") {
			c.fail(0, "libxl: error: libxl_device.c:1142:device_backend_callback: Domain %d:unable to remove device with path "+
				"/local/domain/0/backend/vbd/%d\nlibxl_device_disk_remove failed.", d.ID, d.ID)
			return errRefused
		}
		w.unplug(d, d.Disks[at].Target)
		if err := w.setMachine(w.machine); err != nil {
			return err
		}
		d.Disks = slices.Delete(d.Disks, at, at+1)
		return w.put(d)
	})
}

// unplug frees one loop device of a domain on a file.
func (w *world) unplug(d Domain, path string) {
	at := slices.IndexFunc(w.Loops, func(l Loop) bool { return l.Domain == d.ID && l.Path == path })
	if at >= 0 && !w.Loops[at].deleted() {
		w.Loops = slices.Delete(w.Loops, at, at+1)
	}
}

// xlNetworkAttach is `xl network-attach DOMAIN KEY=VALUE...`. An interface whose script failed stays in the domain's
// configuration, as on Xen: until network-detach, a saved domain cannot be restored.
func xlNetworkAttach(c *call) int {
	if len(c.args) == 0 {
		return c.usage("network-attach")
	}
	var nic xl.NIC
	var mtu string
	for _, word := range c.args[1:] {
		key, value, _ := strings.Cut(word, "=")
		field, known := map[string]*string{
			"mac": &nic.MAC, "bridge": &nic.Bridge, "ip": &nic.IP, "model": &nic.Model, "type": &nic.Type,
			"script": &nic.Script, "vifname": &nic.VifName, "rate": &nic.Rate, "mtu": &mtu,
		}[key]
		if !known {
			return c.fail(1, "unrecognized argument `%s'", word)
		}
		*field = value
	}
	nic.MTU, _ = strconv.Atoi(mtu)
	nic = withDefaults(nic)
	return c.on("network-attach", c.nobody, func(w *world, d Domain) error {
		d.NICs = append(d.NICs, nic)
		if err := w.put(d); err != nil {
			return err
		}
		if r := w.checkBridge(nic); r != nil {
			c.fail(0, "%s\nlibxl: error: libxl_device.c:1481:device_addrm_aocomplete: Domain %d:Unable to add vif with id %d\n"+
				"libxl_device_nic_add failed.", r.text, d.ID, len(d.NICs)-1)
			return errRefused
		}
		return nil
	})
}

// xlNetworkDetach is `xl network-detach DOMAIN MAC`.
func xlNetworkDetach(c *call) int {
	if len(c.args) < 2 {
		return c.usage("network-detach")
	}
	return c.on("network-detach", c.nobody, func(w *world, d Domain) error {
		at := slices.IndexFunc(d.NICs, func(n xl.NIC) bool { return n.MAC == strings.ToLower(c.args[1]) })
		if at < 0 {
			c.fail(0, "Unknown device %s.", c.args[1])
			return errRefused
		}
		d.NICs = slices.Delete(d.NICs, at, at+1)
		return w.put(d)
	})
}

// xlCDInsert is `xl cd-insert DOMAIN VDEV FILE`: HVM guests only, into a drive that the domain was created with.
func xlCDInsert(c *call) int {
	if len(c.args) < 3 {
		return c.usage("cd-insert")
	}
	disk, err := xl.ParseDisk("vdev=" + c.args[1] + ",access=ro,devtype=cdrom,target=" + c.args[2])
	if err != nil {
		return c.fail(1, "command line: config parsing error in disk specification: %v", err)
	}
	return c.changeCD(disk.Target)
}

// xlCDEject is `xl cd-eject DOMAIN VDEV`.
func xlCDEject(c *call) int {
	if len(c.args) < 2 {
		return c.usage("cd-eject")
	}
	return c.changeCD("")
}

func (c *call) changeCD(target string) int {
	return c.on("cd-insert", c.nobody, func(w *world, d Domain) error {
		complain := w.complainOf(d.ID)
		at := slices.IndexFunc(d.Disks, func(disk xl.Disk) bool { return disk.CDROM && disk.VDev == c.args[1] })
		var r *refusal
		switch _, err := os.Stat(target); {
		case d.Type != xl.TypeHVM:
			r = complain("libxl_disk.c:838:libxl_cdrom_insert", "cdrom-insert requires an HVM domain")
		case at < 0:
			r = complain("libxl_disk.c:864:libxl_cdrom_insert", "Virtual device not found")
		case target != "" && err != nil:
			r = complain("libxl_device.c:265:libxl__device_disk_set_backend", "Disk vdev=%s failed to stat: %s: No such file or directory", c.args[1], target)
		}
		if r != nil {
			c.fail(0, "%s", r.text)
			return errRefused
		}
		d.Disks[at].Target = target
		return w.put(d)
	})
}

// xlBlockList is `xl block-list DOMAIN`, which ends with 0 also for a domain that is not there.
func xlBlockList(c *call) int {
	if len(c.args) == 0 {
		return c.usage("block-list")
	}
	return c.result(c.change(func(w *world) error {
		c.printf("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch", "ring-ref", "BE-path")
		d, found := w.find(c.args[0])
		if _, number := domid(c.args[0]); !found && !number {
			c.fail(0, "%s is an invalid domain identifier", c.args[0])
		}
		for _, disk := range d.Disks {
			n, err := xl.VDevNumber(disk.VDev)
			if err != nil {
				return err
			}
			backend := "vbd"
			if !usesLoop(d.Type, disk) {
				backend = "qdisk"
			}
			c.printf("%-5d %-3d %-6d %-5d %-6d %-8d /local/domain/0/backend/%s/%d/%d\n", n, 0, d.ID, d.deviceState(), -1, -1, backend, d.ID, n)
		}
		return nil
	}), 0)
}

// deviceState is 4 where a guest's driver has connected to the device, and 1 where nobody has looked at it yet.
func (d Domain) deviceState() int {
	if d.Ran {
		return 4
	}
	return 1
}

// xlNetworkList is `xl network-list DOMAIN`.
func xlNetworkList(c *call) int {
	if len(c.args) == 0 {
		return c.usage("network-list")
	}
	c.printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE", "Mac Addr.", "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path")
	return c.on("network-list", func(int) int { return 0 }, func(_ *world, d Domain) error {
		for i, nic := range d.NICs {
			c.printf("%-3d %-2d %-17s %6d %5d %6d %5d/%-11d /local/domain/0/backend/vif/%d/%d\n", i, 0, nic.MAC, i, d.deviceState(), -1, -1, -1, d.ID, i)
		}
		return nil
	})
}
