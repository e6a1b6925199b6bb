package simhost

import (
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

func xlPause(c *call) int {
	return c.on("pause", func(int) int { return 0 }, func(w *world, d Domain) error {
		d.Paused = true
		return w.put(d)
	})
}

// xlUnpause lets a guest run; one that was asked to shut down meanwhile obeys now.
func xlUnpause(c *call) int {
	return c.on("unpause", func(int) int { return 0 }, func(w *world, d Domain) error {
		d.Paused = false
		return w.put(w.obey(d))
	})
}

// obey sets the time at which a guest that was asked to shut down is gone.
func (w *world) obey(d Domain) Domain {
	if d.Asked && !d.Paused && !w.IgnoresShutdown && d.Ends.IsZero() {
		d.Ends = time.Now().Add(w.ShutdownDelay)
	}
	return d
}

// xlShutdown is `xl shutdown [-w] [-F] DOMAIN`; -w waits until the guest has ended.
func xlShutdown(c *call) int {
	set, ok := c.options("awF")
	if !ok {
		return 2
	}
	if len(c.args) == 0 {
		return c.fail(1, "You must specify -a or a domain id.\n")
	}
	id := 0
	status := c.on("shutdown", func(id int) int {
		return c.fail(1, "Shutting down domain %d\nshutdown failed (rc=-6)", id)
	}, func(w *world, d Domain) error {
		id = d.ID
		c.fail(0, "Shutting down domain %d", d.ID)
		if d.Type == xl.TypeHVM && w.NoPVDrivers {
			if !set['F'] {
				c.fail(0, "PV control interface not available: external graceful shutdown not possible.\n"+
					"Use \"-F\" to fallback to ACPI power event.\nshutdown failed (rc=-10)")
				return errRefused
			}
			c.fail(0, "PV control interface not available: sending ACPI power button event.")
		}
		d.Asked = true
		return w.put(w.obey(d))
	})
	if status != 0 || !set['w'] {
		return status
	}
	c.fail(0, "Waiting for 1 domains")
	return c.waitFor(id)
}

// waitFor returns when the domain has gone.
func (c *call) waitFor(id int) int {
	for {
		gone := false
		err := c.change(func(w *world) error {
			d, found := w.find(strconv.Itoa(id))
			gone = !found || d.Stopped != ""
			return nil
		})
		if err != nil {
			return c.fail(1, "simhost: %v", err)
		}
		if gone {
			c.fail(0, "Domain %d has been destroyed", id)
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// xlReboot is `xl reboot [-F] DOMAIN`: the guest obeys at once.
func xlReboot(c *call) int {
	if _, ok := c.options("awF"); !ok {
		return 2
	}
	return c.on("reboot", c.nobody, func(w *world, d Domain) error {
		c.fail(0, "Rebooting domain %d", d.ID)
		return w.end(d, reboot)
	})
}

// xlTrigger is `xl trigger DOMAIN reset|power|...`, which ends with 0 even where it does nothing.
func xlTrigger(c *call) int {
	return c.on("trigger", func(int) int { return 0 }, func(w *world, d Domain) error {
		if d.Type != xl.TypeHVM || len(c.args) < 2 {
			return nil
		}
		switch c.args[1] {
		case "reset":
			return w.end(d, reboot)
		case "power":
			d.Asked = true
			return w.put(w.obey(d))
		}
		return nil
	})
}

// xlDestroy is `xl destroy [-f] DOMAIN`.
func xlDestroy(c *call) int {
	if _, ok := c.options("f"); !ok {
		return 2
	}
	if len(c.args) > 0 && (c.args[0] == "0" || c.args[0] == "Domain-0") {
		return c.fail(1, "Not destroying domain 0; use -f to force.\n"+
			"This can only be done when using a disaggregated hardware domain and toolstack.\n")
	}
	set, err := c.settings()
	if err != nil {
		return c.fail(1, "simhost: %v", err)
	}
	time.Sleep(set.DestroyTakes)
	return c.on("destroy", func(id int) int {
		return c.fail(1, "libxl: error: libxl_domain.c:1157:libxl__destroy_domid: Domain %d:Non-existant domain\n"+
			"libxl: error: libxl_domain.c:1111:domain_destroy_callback: Domain %d:Unable to destroy guest\n"+
			"libxl: error: libxl_domain.c:1038:domain_destroy_cb: Domain %d:Destruction of domain failed\n"+
			"destroy failed (rc=-21)", id, id, id)
	}, func(w *world, d Domain) error { return w.destroy(d) })
}

// xlRename is `xl rename DOMAIN NAME`.
func xlRename(c *call) int {
	if len(c.args) < 2 {
		return c.usage("rename")
	}
	return c.on("rename", c.nobody, func(w *world, d Domain) error {
		if other, taken := w.find(c.args[1]); taken && other.ID != d.ID {
			c.fail(0, "libxl: error: libxl_domain.c:96:libxl__domain_rename: Domain %d:Domain with name \"%s\" already exists.\n"+
				"Can't rename domain '%s'.", d.ID, c.args[1], c.args[0])
			return errRefused
		}
		d.Name = c.args[1]
		return w.put(d)
	})
}

// xlMemSet is `xl mem-set DOMAIN SIZE` and `xl mem-max`; a bare number is MiB in 4.17, whatever the man page says.
func xlMemSet(c *call) int {
	if len(c.args) < 2 {
		return c.usage("mem-set")
	}
	size, ok := mebibytes(c.args[1])
	if !ok {
		return c.fail(1, "invalid memory size: %s", c.args[1])
	}
	return c.on("mem-set", c.nobody, func(w *world, d Domain) error {
		if limit := max(d.MaxMemory, d.Memory); size > limit {
			c.fail(0, "libxl: error: libxl_mem.c:249:libxl_set_memory_target: Domain %d:memory_dynamic_max must be less than or equal to "+
				"memory_static_max", d.ID)
			return errRefused
		}
		d.Memory = size
		return w.put(d)
	})
}

// mebibytes reads a size with xl's suffixes b, k, m, g, t.
func mebibytes(text string) (int64, bool) {
	digits := strings.TrimRight(strings.ToLower(text), "bkmgt")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || len(text)-len(digits) > 1 {
		return 0, false
	}
	switch strings.ToLower(text[len(digits):]) {
	case "b":
		n >>= 20
	case "k":
		n >>= 10
	case "g":
		n <<= 10
	case "t":
		n <<= 20
	}
	return n, true
}

// xlVCPUSet is `xl vcpu-set DOMAIN COUNT`.
func xlVCPUSet(c *call) int {
	set, ok := c.options("i")
	if !ok {
		return 2
	}
	if len(c.args) < 2 {
		return c.usage("vcpu-set")
	}
	count, err := strconv.Atoi(c.args[1])
	if err != nil || count < 1 {
		return c.fail(1, "Error: Invalid argument %s as VCPUS count", c.args[1])
	}
	return c.on("vcpu-set", c.nobody, func(w *world, d Domain) error {
		if count > w.CPUs && !set['i'] {
			c.fail(0, "You are overcommmitting! You have %d physical CPUs and want %d vCPUs! Aborting, use --ignore-host to continue", w.CPUs, count)
			return errRefused
		}
		if limit := max(d.MaxVCPUs, d.VCPUs, 1); count > limit {
			c.fail(0, "libxl: error: libxl_domain.c:1784:libxl_set_vcpuonline: Domain %d:Requested %d VCPUs, however maxcpus is %d!: Numerical result out of range\n"+
				"libxl_set_vcpuonline failed domid=%d max_vcpus=%d, rc: -6", d.ID, count, limit, d.ID, count)
			return errRefused
		}
		d.VCPUs = count
		return w.put(d)
	})
}

// xlBlockList is `xl block-list DOMAIN`.
func xlBlockList(c *call) int {
	return c.on("block-list", c.nobody, func(_ *world, d Domain) error {
		c.printf("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch", "ring-ref", "BE-path")
		for i, disk := range d.Disks {
			n, err := xl.VDevNumber(disk.VDev)
			if err != nil {
				return err
			}
			backend := "vbd"
			if !usesLoop(d.Type, disk) {
				backend = "qdisk"
			}
			c.printf("%-5d %-3d %-6d %-5d %-6d %-8d /local/domain/0/backend/%s/%d/%d\n", n, 0, d.ID, 4, 15+i, 8+i, backend, d.ID, n)
		}
		return nil
	})
}

// xlNetworkList is `xl network-list DOMAIN`.
func xlNetworkList(c *call) int {
	return c.on("network-list", c.nobody, func(_ *world, d Domain) error {
		c.printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE", "Mac Addr.", "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path")
		for i, nic := range d.NICs {
			c.printf("%-3d %-2d %-17s %-6d %-5d %-6d %5d/%-11d /local/domain/0/backend/vif/%d/%d\n", i, 0, nic.MAC, i, 4, 20+i, 768+i, 769+i, d.ID, i)
		}
		return nil
	})
}
