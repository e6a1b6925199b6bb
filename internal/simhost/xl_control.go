package simhost

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// noType is what libxl says when it looks at a domid that is nobody's.
const noType = "libxl: error: libxl_dom.c:37:libxl__domain_type: unable to get domain type for domid=%d"

func xlPause(c *call) int {
	return c.on("pause", func(id int) int {
		return c.fail(0, "libxl: error: libxl_domain.c:587:libxl_domain_pause: Domain %d:Pausing domain: No such process", id)
	}, func(w *world, d Domain) error {
		d.Paused = true
		return w.put(d)
	})
}

// xlUnpause lets a guest run.
func xlUnpause(c *call) int {
	return c.on("unpause", func(id int) int { return c.fail(0, noType, id) }, func(w *world, d Domain) error {
		d.Paused, d.Ran = false, true
		return w.put(d)
	})
}

// obey sets the time at which a guest that was asked to shut down is gone.
func (w *world) obey(d Domain) Domain {
	if !w.IgnoresShutdown && d.Ends.IsZero() {
		d.Ends = time.Now().Add(w.ShutdownDelay)
	}
	return d
}

// xlShutdown is `xl shutdown [-w] [-F] DOMAIN`; -w waits until the guest has ended. A guest that does not take the
// request, because it is paused, makes it fail and forget the request; the real xl takes a minute to say so.
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
		return c.fail(1, "Shutting down domain %d\n"+noType+"\nshutdown failed (rc=-3)", id, id)
	}, func(w *world, d Domain) error {
		id = d.ID
		c.fail(0, "Shutting down domain %d", d.ID)
		switch {
		case d.Type == xl.TypeHVM && (w.NoPVDrivers || !d.Ran) && !set['F']:
			c.fail(0, "PV control interface not available: external graceful shutdown not possible.\n"+
				"Use \"-F\" to fallback to ACPI power event.\nshutdown failed (rc=-10)")
			return errRefused
		case d.Type == xl.TypeHVM && w.NoPVDrivers:
			c.fail(0, "PV control interface not available: sending ACPI power button event.")
		case d.Paused:
			c.fail(0, "libxl: error: libxl_domain.c:854:pvcontrol_cb: guest didn't acknowledge control request: -9\nshutdown failed (rc=-9)")
			return errRefused
		}
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
	return c.on("reboot", func(id int) int {
		return c.fail(1, "Rebooting domain %d\n"+noType+"\nreboot failed (rc=-3)", id, id)
	}, func(w *world, d Domain) error {
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
		return c.fail(1, "%s\ndestroy failed (rc=-21)", noDomainToDestroy(id))
	}, func(w *world, d Domain) error { return w.destroy(d) })
}

// noDomainToDestroy is what libxl says when it destroys a domain that is not there; it does so after each failed create.
func noDomainToDestroy(id int) string {
	return fmt.Sprintf("libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain %d:Non-existant domain\n"+ //nolint:misspell // libxl's own
		"libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain %d:Unable to destroy guest\n"+
		"libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain %d:Destruction of domain failed", id, id, id)
}

// xlRename is `xl rename DOMAIN NAME`.
func xlRename(c *call) int {
	if len(c.args) < 2 {
		return c.usage("rename")
	}
	return c.on("rename", c.nobody, func(w *world, d Domain) error {
		if other, taken := w.find(c.args[1]); taken && other.ID != d.ID {
			c.fail(0, "libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain %d:Domain with name \"%s\" already exists.\n"+
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
			c.fail(0, "libxl: error: libxl_mem.c:278:libxl_set_memory_target: Domain %d:memory_dynamic_max must be less than or equal to "+
				"memory_static_max\n\ncannot set domid %d dynamic max memory to : %s", d.ID, d.ID, c.args[1])
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
			c.fail(0, "libxl: error: libxl_domain.c:1869:libxl_set_vcpuonline: Domain %d:Requested %d VCPUs, however maxcpus is %d!: Function not implemented\n"+
				"libxl_set_vcpuonline failed domid=%d max_vcpus=%d, rc: -3", d.ID, count, limit, d.ID, count)
			return errRefused
		}
		d.VCPUs = count
		return w.put(d)
	})
}
