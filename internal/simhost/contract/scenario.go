package contract

import "strings"

// The identities of the scenario's domains.
const (
	uuid0 = "c0117ac7-0000-4000-8000-000000000000"
	uuid1 = "c0117ac7-0000-4000-8000-000000000001"
)

// Prepare makes the files of the scenario but the kernel and the ramdisk, which lie in @W@ already.
const prepare = `cd @W@ && truncate -s 8M d0.img d1.img d2.img cd.iso && ls`

// pv is the deployment file of a small PV guest.
func pv(name string, more ...string) string {
	return strings.Join(append([]string{
		"name = '" + Prefix + name + "'", "type = 'pv'", "memory = 128", "vcpus = 1",
		"kernel = '@W@/kernel'", "ramdisk = '@W@/ramdisk'", "cmdline = 'console=hvc0 quiet'", "on_crash = 'preserve'",
	}, more...), "\n") + "\n"
}

// hvm is the deployment file of a small HVM guest.
func hvm(name string, more ...string) string {
	return strings.Join(append([]string{
		"name = '" + Prefix + name + "'", "type = 'hvm'", "memory = 64", "vcpus = 1", "boot = 'c'", "vnc = 0",
	}, more...), "\n") + "\n"
}

func disks(specs ...string) string { return "disk = ['" + strings.Join(specs, "', '") + "']" }

const (
	disk0  = "format=raw,vdev=xvda,access=rw,target=@W@/d0.img"
	disk1  = "format=raw,vdev=xvda,access=rw,target=@W@/d1.img"
	create = "xl create -p @W@/cfg"
)

// Steps is the scenario. Creates are paused ones where the guest need not run: on an emulated machine that saves minutes.
func Steps() []Step {
	steps := []Step{
		{Name: "prepare", Do: prepare, Domains: []string{}, Loops: []string{}},
		{Name: "the columns of xl list", Do: "xl list | head -n 1",
			Stdout: `^Name {40}ID   Mem VCPUs\tState\tTime\(s\)\n$`},
		{Name: "the columns of xl vm-list", Do: "xl vm-list | head -n 2",
			Stdout: `^UUID {34}ID    name\n00000000-0000-0000-0000-000000000000  0    Domain-0 +\n$`},
		{Name: "the lines of xl info", Do: "xl info | sed 's/ *:.*//'", Stdout: "^" + strings.Join(infoKeys, "\n") + "\n$"},
		{Name: "one line of xl info", Do: "xl info xen_scheduler", Stdout: `^credit2\n$`},
	}
	for _, part := range [][]Step{refusedByParser(), pvSteps(), refusedByLibxl(), hvmSteps(), absentSteps(), endSteps()} {
		steps = append(steps, part...)
	}
	return steps
}

// infoKeys are the keys of xl info in their order.
var infoKeys = []string{
	"host", "release", "version", "machine", "nr_cpus", "max_cpu_id", "nr_nodes", "cores_per_socket", "threads_per_core",
	"cpu_mhz", "hw_caps", "virt_caps", "total_memory", "free_memory", "sharing_freed_memory", "sharing_used_memory",
	"outstanding_claims", "free_cpus", "xen_major", "xen_minor", "xen_extra", "xen_version", "xen_caps", "xen_scheduler",
	"xen_pagesize", "platform_params", "xen_changeset", "xen_commandline", "cc_compiler", "cc_compile_by",
	"cc_compile_domain", "cc_compile_date", "build_id", "xend_config_format",
}

// refusedByParser are files that xl does not understand.
func refusedByParser() []Step {
	return []Step{
		{Name: "no file", Do: "xl create -p @W@/nothing", Status: 3, Stderr: `Failed to read config file: @W@/nothing: No such file or directory`},
		{Name: "syntax error", File: "name = one\n", Do: create, Status: 1, Stderr: `(?s)config parsing error.*Failed to parse config`},
		{Name: "no name", File: "memory = 64\n", Do: create, Status: 1, Stderr: `name`},
		{Name: "bad format of a disk", File: pv("bad", disks("format=zip,vdev=xvda,target=@W@/d0.img")), Do: create, Status: 1,
			Stderr: `config parsing error.*zip`},
		{Name: "bad uuid", File: pv("bad", "uuid = 'nonsense'"), Do: create, Status: 1, Stderr: `nonsense`},
		{Name: "dry run", File: pv("dry", disks(disk0)), Do: "xl create -n @W@/cfg", Stdout: `"name": "contract-dry"`},
	}
}

// pvSteps are the life of PV guests, and what Xen does not guard.
func pvSteps() []Step {
	return []Step{
		{Name: "create a PV guest", File: pv("p0", "uuid = '"+uuid0+"'", disks(disk0), "vif = ['mac=02:00:0a:00:02:63,bridge=br0']"),
			Do: "xl create @W@/cfg", Stderr: `^Parsing config from @W@/cfg\n`, Domains: []string{"p0 runs"}, Loops: []string{"d0.img 1"}},
		{Name: "its identity in vm-list", Do: "xl vm-list", Stdout: uuid0 + `  \d+    contract-p0 +\n`},
		{Name: "its loop device", Do: "losetup -j @W@/d0.img", Stdout: `^/dev/loop\d+: \[\d+\]:\d+ \(@W@/d0\.img\)\n$`},
		{Name: "its configuration", Do: "xl list -l contract-p0",
			Stdout: `(?s)^\[.*"domid": \d+.*"config": \{.*"c_info": \{.*"type": "pv".*"name": "contract-p0".*"uuid": "` + uuid0 +
				`".*"b_info": \{.*"max_vcpus": 1.*"max_memkb": 131072.*"target_memkb": 131072.*"type.pv": \{.*` +
				`"disks": \[.*"pdev_path": "@W@/d0.img".*"vdev": "xvda".*"format": "raw".*"readwrite": 1.*` +
				`"nics": \[.*"mac": "02:00:0a:00:02:63".*"bridge": "br0".*"on_crash": "preserve"`},
		{Name: "its domid", Do: "xl domid contract-p0", Stdout: `^\d+\n$`},
		{Name: "the file that libxl names for it", Do: `ls "${SIMHOST_ROOT:-}/var/lib/xen/userdata-d.$(xl domid contract-p0).` + uuid0 + `.libxl-json"`},
		{Name: "pause", Do: "xl pause contract-p0", Domains: []string{"p0 paused"}},
		{Name: "unpause", Do: "xl unpause contract-p0", Domains: []string{"p0 runs"}},
		{Name: "a second domain of the same name", File: pv("p0", disks(disk1)), Do: create, Status: 3,
			Stderr: `Domain with name "contract-p0" already exists\.`},
		{Name: "a second domain with the same identity and the same disk", File: pv("p1", "uuid = '"+uuid0+"'", disks(disk0)), Do: create,
			Domains: []string{"p0 runs", "p1 paused"}, Loops: []string{"d0.img 2"}},
		{Name: "two domains of one identity in vm-list", Do: "xl vm-list | grep -c " + uuid0, Stdout: `^2\n$`},
		{Name: "rename", Do: "xl rename contract-p1 contract-p2", Domains: []string{"p0 runs", "p2 paused"}},
		{Name: "rename to a name that is taken", Do: "xl rename contract-p2 contract-p0", Status: 1, Stderr: `already exists`},
		{Name: "shut down a paused guest", Do: "xl shutdown contract-p2", Status: 1,
			Stderr: `(?s)^Shutting down domain \d+\n.*guest didn't acknowledge control request: -9\nshutdown failed \(rc=-9\)\n$`},
		{Name: "more memory than its maximum", Do: "xl mem-set contract-p2 999m", Status: 1,
			Stderr: `memory_dynamic_max must be less than or equal to`},
		{Name: "more processors than its maximum", Do: "xl vcpu-set contract-p2 2", Status: 1, Stderr: `Requested 2 VCPUs, however maxcpus is 1`},
		{Name: "block-list", Do: "xl block-list contract-p2", Stdout: `(?s)^Vdev  BE  handle state evt-ch ring-ref BE-path.*\n51712 +0 +\d+ .*/local/domain/0/backend/vbd/\d+/51712 *\n$`},
		{Name: "network-list", Do: "xl network-list contract-p0", Stdout: `(?s)^Idx BE Mac Addr. .*\n0 +0 +02:00:0a:00:02:63 .*/local/domain/0/backend/vif/\d+/0 *\n$`},
		{Name: "destroy one of two on one file", Do: "xl destroy contract-p2", Domains: []string{"p0 runs"}, Loops: []string{"d0.img 1"}},
		{Name: "destroy", Do: "xl destroy contract-p0", Domains: []string{}, Loops: []string{}},
		{Name: "the file that libxl named for it", Do: `ls "${SIMHOST_ROOT:-}/var/lib/xen" | grep -F ` + uuid0, Status: 1, Stdout: "^$"},
	}
}

// refusedByLibxl are PV guests that libxl does not make, and undoes.
func refusedByLibxl() []Step {
	return []Step{
		{Name: "missing disk file", File: pv("bad", disks("format=raw,vdev=xvda,target=@W@/none.img")), Do: create, Status: 3,
			Stderr: `Disk vdev=xvda failed to stat: @W@/none\.img: No such file or directory`},
		{Name: "no such device name", File: pv("bad", disks("format=raw,vdev=zzz,target=@W@/d0.img")), Do: create, Status: 3,
			Stderr: `(?s)Invalid or unsupported virtual disk identifier zzz.*unable to add disk devices`},
		{Name: "one device name twice", File: pv("bad", disks(disk0, disk1)), Do: create, Status: 3, Stderr: `device already exists in xenstore`},
		{Name: "missing kernel", File: pv("bad", "kernel = '@W@/none'"), Do: create, Status: 3,
			Stderr: `(?s)failed to open file '@W@/none': No such file or directory.*xc_dom_kernel_file failed`},
		{Name: "missing bridge", File: pv("bad", disks(disk0), "vif = ['bridge=nowhere']"), Do: create, Status: 3,
			Stderr: `(?s)vif-bridge online.*exited with error status 1.*Could not find bridge device nowhere.*unable to add vif devices`},
		{Name: "too much memory", File: pv("bad", "memory = 500000"), Do: create, Status: 3, Stderr: `xc_dom_boot_mem_init failed: Cannot allocate memory`},
	}
}

// hvmSteps are HVM guests and what their device model cannot do.
func hvmSteps() []Step {
	const cd = "format=raw,vdev=hdc,access=ro,devtype=cdrom,target=@W@/cd.iso"
	return []Step{
		{Name: "read-only IDE disk", File: hvm("bad", disks("format=raw,vdev=hda,access=ro,target=@W@/d0.img")), Do: create, Status: 3,
			Stderr: `qemu-xen doesn't support read-only IDE disk drivers`},
		{Name: "one index twice", File: hvm("bad", disks(disk0, "format=raw,vdev=hda,target=@W@/d1.img")), Do: create, Status: 3,
			Stderr: `device model: spawn failed \(rc=-3\)`},
		{Name: "HVM with a disk and a CD-ROM", File: hvm("h0", disks(disk0, cd), "vnc = 1", "vnclisten = '127.0.0.1'", "vncdisplay = 2177", "vncunused = 0"),
			Do: create, Domains: []string{"h0 paused"}, Loops: []string{"d0.img 1"}},
		{Name: "its configuration", Do: "xl list -l contract-h0",
			Stdout: `(?s)"type": "hvm".*"type.hvm": \{.*"vnc": \{.*"listen": "127.0.0.1".*"display": 2177.*"disks": \[.*"vdev": "hdc".*"is_cdrom": 1`},
		{Name: "a VNC port that another domain has", File: hvm("bad", disks(disk1), "vnc = 1", "vnclisten = '127.0.0.1'", "vncdisplay = 2177", "vncunused = 0"),
			Do: create, Status: 3, Stderr: `device model did not start: -(3|26)`},
		{Name: "shut down an HVM guest that never ran", Do: "xl shutdown contract-h0", Status: 1,
			Stderr: `(?s)PV control interface not available: external graceful shutdown not possible\..*shutdown failed \(rc=-10\)`},
		{Name: "destroy it", Do: "xl destroy contract-h0", Domains: []string{}, Loops: []string{}},
	}
}

// absentSteps are commands on domains that are not there.
func absentSteps() []Step {
	var steps []Step
	for _, command := range []string{"list", "destroy", "shutdown", "pause", "unpause"} {
		steps = append(steps, Step{Name: command + " an absent name", Do: "xl " + command + " contract-none", Status: 1,
			Stderr: `contract-none is an invalid domain identifier \(rc=-6\)`})
	}
	return append(steps,
		Step{Name: "domid of an absent name", Do: "xl domid contract-none", Status: 1,
			Stderr: `Can't get domid of domain name 'contract-none', maybe this domain does not exist\.`},
		Step{Name: "block-list of an absent name", Do: "xl block-list contract-none", Stdout: `^Vdev `, Stderr: `^contract-none is an invalid domain identifier\n$`},
		Step{Name: "network-list of an absent name", Do: "xl network-list contract-none", Status: 1, Stdout: `^Idx `,
			Stderr: `contract-none is an invalid domain identifier \(rc=-6\)`},
		Step{Name: "pause an absent number", Do: "xl pause 32000", Stderr: `Domain 32000:Pausing domain: No such process`},
		Step{Name: "unpause an absent number", Do: "xl unpause 32000", Stderr: `unable to get domain type for domid=32000`},
		Step{Name: "shut down an absent number", Do: "xl shutdown 32000", Status: 1,
			Stderr: `(?s)unable to get domain type for domid=32000.*shutdown failed \(rc=-3\)`},
		Step{Name: "domid of an absent number", Do: "xl domid 32000", Status: 1, Stderr: `Can't get domid of domain name '32000'`},
		Step{Name: "domname of an absent number", Do: "xl domname 32000", Status: 1, Stderr: `Can't get domain name of domain id '32000'`},
		Step{Name: "list an absent number", Do: "xl list 32000", Status: 1, Stderr: `Error: Domain '32000' does not exist\.`},
		Step{Name: "destroy an absent number", Do: "xl destroy 32000", Status: 1, Stderr: `destroy failed \(rc=-21\)`},
		Step{Name: "losetup of an absent file", Do: "losetup -j @W@/none", Stdout: `^$`},
	)
}

// endSteps leave nothing behind, after the one mistake that does.
func endSteps() []Step {
	return []Step{
		{Name: "create a guest with two disks", File: pv("p3", disks(disk0, "format=raw,vdev=xvdb,access=ro,target=@W@/d2.img")), Do: create,
			Domains: []string{"p3 paused"}, Loops: []string{"d0.img 1", "d2.img 1"}},
		{Name: "delete a disk before destroy", Do: "rm @W@/d2.img && xl destroy contract-p3",
			Domains: []string{}, Loops: []string{"d2.img (deleted) 1"}},
		{Name: "losetup -j does not find it", Do: "losetup -j @W@/d2.img", Stdout: `^$`},
		{Name: "losetup -d frees it", Do: "losetup -d $(losetup -a | grep -F '@W@/d2.img' | cut -d: -f1)", Loops: []string{}},
	}
}
