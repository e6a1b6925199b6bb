package simhost

import (
	"fmt"
	"strings"
	"time"
)

// listHeader is the first line of xl list, xl_info.c.
const listHeader = "Name                                        ID   Mem VCPUs\tState\tTime(s)"

// dom0UUID is the identity that Xen gives dom0.
const dom0UUID = "00000000-0000-0000-0000-000000000000"

// xlList is `xl list [-l] [-v] [DOMAIN...]`.
func xlList(c *call) int {
	set, ok := c.options("lvZcn")
	if !ok {
		return 2
	}
	status := 0
	err := c.change(func(w *world) error {
		chosen, dom0, s := c.chosen(w)
		if status = s; s != 0 {
			return nil
		}
		if set['l'] {
			return c.printLong(w, chosen, dom0)
		}
		verbose := ""
		if set['v'] {
			verbose = "   UUID                            Reason-Code\tSecurity Label"
		}
		c.printf("%s%s\n", listHeader, verbose)
		if dom0 {
			c.line("Domain-0", 0, w.Dom0MiB, w.CPUs, "r-----", 1234.5, set['v'], dom0UUID)
		}
		for _, d := range chosen {
			c.line(d.Name, d.ID, d.listedMemory(), max(d.VCPUs, 1), d.flags(), d.seconds(), set['v'], d.UUID)
		}
		return nil
	})
	return c.result(err, status)
}

// chosen are the domains that a listing is about: those named, or all.
func (c *call) chosen(w *world) (list []Domain, dom0 bool, status int) {
	if len(c.args) == 0 {
		return w.list, true, 0
	}
	for _, word := range c.args {
		if word == "Domain-0" || word == "0" {
			dom0 = true
			continue
		}
		d, _, status := c.look(w, word, func(int) int {
			return c.fail(1, "Error: Domain '%s' does not exist.", word)
		})
		if status != 0 {
			return nil, false, status
		}
		list = append(list, d)
	}
	return list, dom0, 0
}

func (c *call) line(name string, id int, mem int64, vcpus int, flags string, seconds float64, verbose bool, uuid string) {
	c.printf("%-40s %5d %5d %5d     %s  %8.1f", name, id, mem, vcpus, flags, seconds)
	if verbose {
		c.printf(" %s %8s %16s", uuid, "-", "-")
	}
	c.printf("\n")
}

// flags are the six letters of the state column: running, blocked, paused, shut down, why, dying.
func (d Domain) flags() string {
	switch {
	case !d.Vanishes.IsZero():
		return "--psr-"
	case d.Stopped == poweroff:
		return "---s--"
	case d.Stopped == reboot:
		return "---sr-"
	case d.Stopped == crash:
		return "---sc-"
	case d.Paused:
		return "--p---"
	}
	return "-b----"
}

// listedMemory is none while the domain of a rebooting guest is built.
func (d Domain) listedMemory() int64 {
	if !d.Boots.IsZero() {
		return 0
	}
	return d.Memory
}

// seconds pretends a guest that needed a tenth of a second to start and a hundredth of a processor since; one that never ran used
// nothing.
func (d Domain) seconds() float64 {
	if !d.Ran {
		return 0
	}
	return 0.1 + time.Since(d.Started).Seconds()/100
}

// xlVMList is `xl vm-list`.
func xlVMList(c *call) int {
	return c.result(c.change(func(w *world) error {
		c.printf("UUID                                  ID    name\n")
		c.printf("%s  %d    %-30s\n", dom0UUID, 0, "Domain-0")
		for _, d := range w.list {
			c.printf("%s  %d    %-30s\n", d.UUID, d.ID, d.Name)
		}
		return nil
	}), 0)
}

func xlDomID(c *call) int {
	if len(c.args) == 0 {
		return c.usage("domid")
	}
	if c.args[0] == "Domain-0" {
		c.printf("0\n")
		return 0
	}
	found := false
	err := c.change(func(w *world) error {
		var d Domain
		if d, found = w.find(c.args[0]); found {
			c.printf("%d\n", d.ID)
		}
		return nil
	})
	if err == nil && !found {
		return c.fail(1, "Can't get domid of domain name '%s', maybe this domain does not exist.", c.args[0])
	}
	return c.result(err, 0)
}

func xlDomName(c *call) int {
	if len(c.args) == 0 {
		return c.usage("domname")
	}
	if _, number := domid(c.args[0]); !number {
		return c.fail(1, "Invalid domain id.\n")
	}
	return c.on("domname", func(id int) int {
		return c.fail(1, "Can't get domain name of domain id '%d', maybe it doesn't exist.", id)
	}, func(_ *world, d Domain) error {
		c.printf("%s\n", d.Name)
		return nil
	})
}

// xlUptime is `xl uptime [-s] [DOMAIN]`.
func xlUptime(c *call) int {
	set, ok := c.options("s")
	if !ok {
		return 2
	}
	status := 0
	err := c.change(func(w *world) error {
		list, _, s := c.chosen(w)
		if status = s; s != 0 {
			return nil
		}
		if !set['s'] {
			c.printf("%-33s %5s %s\n", "Name", "ID", "Uptime")
		}
		for _, d := range list {
			up := time.Since(d.Started).Truncate(time.Second)
			if set['s'] {
				c.printf(" %s up %s, %s (%d)\n", time.Now().Format(time.TimeOnly), clock(up), d.Name, d.ID)
			} else {
				c.printf("%-33s %5d %s\n", d.Name, d.ID, clock(up))
			}
		}
		return nil
	})
	return c.result(err, status)
}

// clock is a duration as xl uptime prints it: days when there are some, hours:minutes:seconds.
func clock(d time.Duration) string {
	var b strings.Builder
	if days := int(d.Hours()) / 24; days > 0 {
		fmt.Fprintf(&b, "%d days, ", days)
	}
	s := int(d.Seconds())
	fmt.Fprintf(&b, "%2d:%02d:%02d", s/3600%24, s/60%60, s%60)
	return b.String()
}
