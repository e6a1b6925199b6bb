package xl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Info is what `xl info` says of a host.
type Info struct {
	Host            string // its own name
	Release         string // kernel of dom0
	Machine         string // x86_64
	XenVersion      string // 4.17.7-...
	Scheduler       string // credit, credit2, null, ...
	CPUs            int    // online threads
	CPUMHz          float64
	CoresPerSocket  int
	ThreadsPerCore  int
	TotalMemoryMiB  int64
	FreeMemoryMiB   int64    // net of claims
	SharingFreedMiB int64    // saved by page sharing
	VirtCaps        []string // pv, hvm, hap, shadow, ...
	XenCommandLine  string
	XenCaps         []string          // guest ABIs: xen-3.0-x86_64, hvm-3.0-x86_64, ...
	Values          map[string]string // every line, by xl's own key
}

// HasCap says whether the host's hardware and Xen offer a capability such as pv, hvm or hap.
func (i Info) HasCap(name string) bool { return slices.Contains(i.VirtCaps, name) }

// ParseInfo reads `xl info`. Output without the memory figures is an error; figures that another
// version of xl leaves out stay zero.
func ParseInfo(output []byte) (Info, error) {
	values := map[string]string{}
	for line := range strings.SplitSeq(string(output), "\n") {
		if key, value, found := strings.Cut(line, ":"); found {
			values[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	info := Info{
		Host: values["host"], Release: values["release"], Machine: values["machine"],
		XenVersion: values["xen_version"], Scheduler: values["xen_scheduler"], XenCommandLine: values["xen_commandline"],
		VirtCaps: strings.Fields(values["virt_caps"]), XenCaps: strings.Fields(values["xen_caps"]),
		Values: values,
	}
	numbers := []struct {
		key string
		set func(float64)
	}{
		{"total_memory", func(n float64) { info.TotalMemoryMiB = int64(n) }},
		{"free_memory", func(n float64) { info.FreeMemoryMiB = int64(n) }},
		{"sharing_freed_memory", func(n float64) { info.SharingFreedMiB = int64(n) }},
		{"nr_cpus", func(n float64) { info.CPUs = int(n) }},
		{"cores_per_socket", func(n float64) { info.CoresPerSocket = int(n) }},
		{"threads_per_core", func(n float64) { info.ThreadsPerCore = int(n) }},
		{"cpu_mhz", func(n float64) { info.CPUMHz = n }},
	}
	for _, number := range numbers {
		text, given := values[number.key]
		if !given {
			continue
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Info{}, fmt.Errorf("xl info: %s is %q, not a number", number.key, text)
		}
		number.set(n)
	}
	for _, needed := range []string{"total_memory", "free_memory"} {
		if values[needed] == "" {
			return Info{}, fmt.Errorf("xl info: no %s in its output", needed)
		}
	}
	return info, nil
}
