package simhost

import (
	"fmt"
	"os"
	"strings"
)

// xlInfo is `xl info [FIELD]`: with a field it prints the values of all lines that begin so.
func xlInfo(c *call) int {
	if _, ok := c.options("n"); !ok {
		return 2
	}
	return c.result(c.change(func(w *world) error {
		for _, line := range w.info() {
			switch {
			case len(c.args) == 0:
				c.printf("%-22s : %s\n", line[0], line[1])
			case strings.HasPrefix(line[0], c.args[0]):
				c.printf("%s\n", line[1])
			}
		}
		return nil
	}), 0)
}

// info are the lines of xl info in their order, xl_info.c.
func (w *world) info() [][2]string {
	name, err := os.Hostname()
	if err != nil {
		name = "xen"
	}
	major, rest, _ := strings.Cut(w.Version, ".")
	minor, extra, _ := strings.Cut(rest, ".")
	text := func(n any) string { return fmt.Sprint(n) }
	return [][2]string{
		{"host", name},
		{"release", "6.1.0-50-amd64"},
		{"version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 (2026-04-14)"},
		{"machine", "x86_64"},
		{"nr_cpus", text(w.CPUs)},
		{"max_cpu_id", text(w.CPUs - 1)},
		{"nr_nodes", "1"},
		{"cores_per_socket", text(w.CPUs)},
		{"threads_per_core", "1"},
		{"cpu_mhz", "2400.000"},
		{"hw_caps", "178bfbff:80002001:20100800:00000001:00000000:00000000:00000000:00000000"},
		{"virt_caps", w.Capabilities},
		{"total_memory", text(w.MemoryMiB)},
		{"free_memory", text(w.freeMiB())},
		{"sharing_freed_memory", "0"},
		{"sharing_used_memory", "0"},
		{"outstanding_claims", "0"},
		{"free_cpus", "0"},
		{"xen_major", major},
		{"xen_minor", minor},
		{"xen_extra", "." + extra},
		{"xen_version", w.Version},
		{"xen_caps", w.guestKinds()},
		{"xen_scheduler", "credit2"},
		{"xen_pagesize", "4096"},
		{"platform_params", "virt_start=0xffff800000000000"},
		{"xen_changeset", ""},
		{"xen_commandline", fmt.Sprintf("placeholder dom0_mem=%dM,max:%dM", w.Dom0MiB, w.Dom0MiB)},
		{"cc_compiler", "x86_64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0"},
		{"cc_compile_by", "pkg-xen-devel"},
		{"cc_compile_domain", "lists.alioth.debian.org"},
		{"cc_compile_date", "Thu Jan  1 00:00:00 UTC 2026"},
		{"build_id", "0000000000000000000000000000000000000000"},
		{"xend_config_format", "4"},
	}
}

// guestKinds is the xen_caps line that follows from the capabilities.
func (w *world) guestKinds() string {
	var kinds []string
	if w.capable("pv") {
		kinds = append(kinds, "xen-3.0-x86_64")
	}
	if w.capable("hvm") {
		kinds = append(kinds, "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64")
	}
	return strings.Join(kinds, " ") + " "
}

func (w *world) capable(of string) bool {
	for word := range strings.FieldsSeq(w.Capabilities) {
		if word == of {
			return true
		}
	}
	return false
}
