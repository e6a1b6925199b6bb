package simhost_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// guest is a small PV guest with its files on the host.
func guest(t *testing.T, h *simhost.Host, name string, change ...func(*xl.Config)) string {
	t.Helper()
	c := xl.Config{
		Name: name, UUID: "5f7c1cd2-0000-4000-8000-000000000001", Type: xl.TypePV, Memory: 64, VCPUs: 1,
		Kernel: write(t, h, "vmlinuz", "kernel"), OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Disks: []xl.Disk{{VDev: "xvda", Format: "raw", Target: write(t, h, name+".img", "disk")}},
		NICs:  []xl.NIC{{MAC: "02:00:c0:a8:46:96", Bridge: "br0"}},
	}
	for _, f := range change {
		f(&c)
	}
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, h, name+".cfg", string(text))
}

// xlOK runs xl and returns what it printed; it must succeed.
func xlOK(t *testing.T, h *simhost.Host, args ...string) string {
	t.Helper()
	stdout, stderr, code := h.XL(args...)
	if code != 0 {
		t.Fatalf("xl %s: status %d, %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// refused runs xl, which must fail with the status and the text.
func refused(t *testing.T, h *simhost.Host, status int, text string, args ...string) {
	t.Helper()
	_, stderr, code := h.XL(args...)
	equal(t, "status of xl "+strings.Join(args, " "), code, status)
	contains(t, "stderr of xl "+strings.Join(args, " "), stderr, text)
}

func hvm(c *xl.Config) { c.Type, c.Kernel, c.Boot = xl.TypeHVM, "", "c" }

func TestADomainIsSeenByEveryListing(t *testing.T) {
	h := simhost.Start(t)
	free := h.FreeMemory()
	xlOK(t, h, "create", guest(t, h, "p1"))

	list, err := xl.ParseList([]byte(xlOK(t, h, "list")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "lines of xl list", len(list), 2)
	equal(t, "dom0", list[0].Name, "Domain-0")
	equal(t, "name", list[1].Name, "p1")
	equal(t, "domid", list[1].ID, 1)
	equal(t, "memory", list[1].MemoryMiB, 64)
	equal(t, "state", list[1].State, "-b----")

	vms, err := xl.ParseVMList([]byte(xlOK(t, h, "vm-list")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "uuid in vm-list", vms[1].UUID, "5f7c1cd2-0000-4000-8000-000000000001")

	long, err := xl.ParseListLong([]byte(xlOK(t, h, "list", "-l", "p1")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "elements of list -l p1", len(long), 1)
	equal(t, "disk in list -l", long[0].Disks[0], xl.Disk{VDev: "xvda", Format: "raw", Target: h.Dir() + "/p1.img"})
	equal(t, "bridge in list -l", long[0].NICs[0].Bridge, "br0")

	equal(t, "domid", xlOK(t, h, "domid", "p1"), "1\n")
	equal(t, "domname", xlOK(t, h, "domname", "1"), "p1\n")
	contains(t, "uptime", xlOK(t, h, "uptime", "p1"), "p1")
	contains(t, "block-list", xlOK(t, h, "block-list", "p1"), "/local/domain/0/backend/vbd/1/51712")
	contains(t, "network-list", xlOK(t, h, "network-list", "p1"), "02:00:c0:a8:46:96")
	equal(t, "memory taken", free-h.FreeMemory(), 68)
}

func TestSetChangesARunningHost(t *testing.T) {
	h := simhost.Start(t)
	h.Set(simhost.Memory(2048, 1024), simhost.Bridges("other"))
	equal(t, "free memory", xlOK(t, h, "info", "free_memory"), "1024\n")
	refused(t, h, 3, "vif-bridge", "create", guest(t, h, "p1"))
}

func TestInfo(t *testing.T) {
	h := simhost.Start(t, simhost.Memory(4096, 1536), simhost.Capabilities("pv"), simhost.CPUs(2), simhost.Version("4.14.6"))
	info, err := xl.ParseInfo([]byte(xlOK(t, h, "info")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "total", info.TotalMemoryMiB, 4096)
	equal(t, "free", info.FreeMemoryMiB, 2560)
	equal(t, "processors", info.CPUs, 2)
	equal(t, "scheduler", info.Scheduler, "credit2")
	equal(t, "hvm", info.HasCap("hvm"), false)
	equal(t, "xl info xen_version", xlOK(t, h, "info", "xen_version"), "4.14.6\n")
	refused(t, h, 3, "domain creation fail", "create", guest(t, h, "h1", hvm))
}

func TestWhatXlRefuses(t *testing.T) {
	h := simhost.Start(t, simhost.Memory(4096, 1536))
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	display, _ := strconv.Atoi(port)

	xlOK(t, h, "create", guest(t, h, "first"))
	for name, c := range map[string]struct {
		status int
		text   string
		file   string
	}{
		"no file":      {3, "No such file or directory", h.Dir() + "/nothing.cfg"},
		"syntax":       {1, "Failed to parse config", write(t, h, "syntax.cfg", "name = one\n")},
		"no name":      {1, "name", write(t, h, "noname.cfg", "memory = 64\n")},
		"format":       {1, "zip", write(t, h, "f.cfg", "name = 'f'\ndisk = ['format=zip,vdev=xvda,target=/x']\n")},
		"vdev":         {3, "virtual disk identifier", write(t, h, "v.cfg", "name = 'v'\nkernel='"+h.Dir()+"/vmlinuz'\ndisk = ['format=raw,vdev=zzz,target="+h.Dir()+"/first.img']\n")},
		"same name":    {3, `Domain with name "first" already exists.`, guest(t, h, "first")},
		"missing disk": {3, "Disk vdev=xvda failed to stat: /nothing: No such file or directory", guest(t, h, "d", func(c *xl.Config) { c.Disks[0].Target = "/nothing" })},
		"kernel":       {3, "No such file or directory", guest(t, h, "k", func(c *xl.Config) { c.Kernel = "/nothing" })},
		"bridge":       {3, "vif-bridge", guest(t, h, "b", func(c *xl.Config) { c.NICs[0].Bridge = "nowhere" })},
		"memory":       {3, "Cannot allocate memory", guest(t, h, "m", func(c *xl.Config) { c.Memory = 100_000 })},
		"read-only IDE disk": {3, "qemu-xen doesn't support read-only IDE disk drivers",
			write(t, h, "ide.cfg", "name = 'i'\ntype = 'hvm'\ndisk = ['format=raw,vdev=hda,access=ro,target="+h.Dir()+"/first.img']\n")},
		"one index twice": {3, "device model: spawn failed",
			write(t, h, "clash.cfg", fmt.Sprintf("name = 'c'\ntype = 'hvm'\ndisk = ['format=raw,vdev=hda,target=%[1]s','format=raw,vdev=xvda,target=%[1]s']\n", h.Dir()+"/first.img"))},
		"VNC port": {3, "device model", guest(t, h, "n", hvm, func(c *xl.Config) { c.VNC = &xl.VNC{Listen: "127.0.0.1", Display: display - xl.VNCBasePort} })},
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, c.status, c.text, "create", c.file) })
	}
	equal(t, "domains left", len(h.Domains()), 1)
	equal(t, "loop devices left", len(h.Loops()), 1)
}

func TestWhatXlDoesNotGuard(t *testing.T) {
	h := simhost.Start(t)
	xlOK(t, h, "create", guest(t, h, "p1"))
	xlOK(t, h, "create", guest(t, h, "p2", func(c *xl.Config) { c.Disks[0].Target = h.Dir() + "/p1.img" }))
	equal(t, "domains with one UUID", strings.Count(xlOK(t, h, "vm-list"), "5f7c1cd2-0000-4000-8000-000000000001"), 2)
	out, _, _ := h.Losetup("-j", h.Dir()+"/p1.img")
	equal(t, "loop devices on one file", strings.Count(out, "\n"), 2)
}

func TestLoopDevices(t *testing.T) {
	h := simhost.Start(t)
	iso := write(t, h, "ctx.iso", "iso")
	xlOK(t, h, "create", guest(t, h, "h1", hvm, func(c *xl.Config) {
		c.Disks = append(c.Disks, xl.Disk{VDev: "hdc", Format: "raw", Target: iso, ReadOnly: true, CDROM: true})
	}))
	xlOK(t, h, "create", guest(t, h, "p1"))
	out, _, _ := h.Losetup("-a")
	equal(t, "loop devices, none for the CD-ROM", strings.Count(out, "\n"), 2)
	line, _, _ := h.Losetup("-j", h.Dir()+"/p1.img")
	if !regexp.MustCompile(`^/dev/loop1: \[\d+\]:\d+ \(` + h.Dir() + `/p1\.img\)\n$`).MatchString(line) {
		t.Errorf("losetup -j printed %q", line)
	}

	xlOK(t, h, "destroy", "h1")
	out, _, _ = h.Losetup("-j", h.Dir()+"/h1.img")
	equal(t, "after destroy", out, "")

	if err := os.Remove(h.Dir() + "/p1.img"); err != nil {
		t.Fatal(err)
	}
	xlOK(t, h, "destroy", "p1")
	out, _, _ = h.Losetup("-a")
	contains(t, "a file deleted before destroy leaks its loop device", out, "/p1.img (deleted))")
}

func TestPausedAndUnpaused(t *testing.T) {
	h := simhost.Start(t)
	xlOK(t, h, "create", "-p", guest(t, h, "p1"))
	contains(t, "created with -p", xlOK(t, h, "list", "p1"), "--p---")
	xlOK(t, h, "unpause", "p1")
	contains(t, "unpaused", xlOK(t, h, "list", "p1"), "-b----")
	xlOK(t, h, "pause", "p1")
	contains(t, "paused", xlOK(t, h, "list", "p1"), "--p---")
}

func TestAKilledCreateLeavesAPausedDomain(t *testing.T) {
	h := simhost.Start(t, simhost.CreateTakes(time.Minute))
	file := guest(t, h, "p1")
	s, err := dial(t, h).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("xl create '" + file + "'"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the domain is there", func() bool { return len(h.Domains()) == 1 })
	if err := s.Signal("KILL"); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait()
	equal(t, "paused", h.Domains()[0].Paused, true)
	equal(t, "loop devices", len(h.Loops()), 1)
}

func TestDryRunMakesNothing(t *testing.T) {
	h := simhost.Start(t)
	contains(t, "create -n", xlOK(t, h, "create", "-n", guest(t, h, "p1")), `"name": "p1"`)
	contains(t, "-N create", xlOK(t, h, "-N", "create", guest(t, h, "p1")), `"name": "p1"`)
	equal(t, "domains", len(h.Domains()), 0)
}

func TestShutdown(t *testing.T) {
	h := simhost.Start(t)
	xlOK(t, h, "create", guest(t, h, "p1"))
	xlOK(t, h, "shutdown", "-w", "p1")
	equal(t, "after shutdown -w", len(h.Domains()), 0)
	equal(t, "loop devices", len(h.Loops()), 0)

	xlOK(t, h, "create", "-p", guest(t, h, "p2"))
	refused(t, h, 1, "shutdown failed (rc=-9)", "shutdown", "p2")
	xlOK(t, h, "unpause", "p2")
	time.Sleep(100 * time.Millisecond)
	equal(t, "a request that a paused guest did not take is forgotten", len(h.Domains()), 1)
	xlOK(t, h, "create", "-p", guest(t, h, "h1", hvm))
	refused(t, h, 1, "shutdown failed (rc=-10)", "shutdown", "h1")
}

func TestGuestsThatDoNotShutDown(t *testing.T) {
	h := simhost.Start(t, simhost.GuestIgnoresShutdown(), simhost.NoPVDrivers())
	xlOK(t, h, "create", guest(t, h, "h1", hvm))
	refused(t, h, 1, "external graceful shutdown not possible", "shutdown", "h1")
	xlOK(t, h, "shutdown", "-F", "h1")
	time.Sleep(100 * time.Millisecond)
	equal(t, "an ignored shutdown", len(h.Domains()), 1)
	xlOK(t, h, "destroy", "h1")
	equal(t, "after destroy", len(h.Domains()), 0)
}

func TestHowGuestsEnd(t *testing.T) {
	h := simhost.Start(t, simhost.RebootGap(4*time.Second))
	xlOK(t, h, "create", guest(t, h, "p1"))
	c := dial(t, h)
	watched := func() string {
		return sh(t, c, `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c 'xl create '"$PWD"'/p1[.]cfg'`, "").stdout
	}
	h.Reboot("p1")
	contains(t, "at first it is there, shut down", xlOK(t, h, "list", "p1"), "--psr-")
	eventually(t, "it is absent", func() bool { return len(h.Domains()) == 0 })
	equal(t, "its xl process is there all the time", watched(), "1\n")
	eventually(t, "it comes back", func() bool { return len(h.Domains()) == 1 })
	contains(t, "at first without memory", xlOK(t, h, "list", "p1"), "    0     1     --p---")
	eventually(t, "it runs", func() bool { return !h.Domains()[0].Paused })
	equal(t, "its new domid", h.Domains()[0].ID, 2)
	equal(t, "its loop devices", len(h.Loops()), 1)
	h.PowerOff("p1")
	equal(t, "after power-off", len(h.Domains()), 0)
	eventually(t, "its xl process ends", func() bool { return watched() == "0\n" })

	xlOK(t, h, "create", guest(t, h, "p2", func(c *xl.Config) { c.OnCrash = "preserve" }))
	h.Crash("p2")
	contains(t, "a preserved crash", xlOK(t, h, "list", "p2"), "---sc-")
	h.Destroy("p2")
	equal(t, "domains left", len(h.Domains()), 0)
}

func TestAbsentDomains(t *testing.T) {
	h := simhost.Start(t)
	refused(t, h, 1, "Can't get domid of domain name 'nobody'", "domid", "nobody")
	for _, command := range []string{"list", "destroy", "shutdown", "pause", "unpause"} {
		refused(t, h, 1, "nobody is an invalid domain identifier (rc=-6)", command, "nobody")
	}
	refused(t, h, 1, "destroy failed", "destroy", "99")
	refused(t, h, 1, "Error: Domain '99' does not exist.", "list", "99")
}

func TestChangesOfALiveDomain(t *testing.T) {
	h := simhost.Start(t)
	xlOK(t, h, "create", guest(t, h, "p1", func(c *xl.Config) { c.MaxMemory, c.MaxVCPUs = 128, 4 }))
	xlOK(t, h, "create", guest(t, h, "p2"))
	xlOK(t, h, "rename", "p1", "renamed")
	refused(t, h, 1, `Domain with name "p2" already exists.`, "rename", "renamed", "p2")
	xlOK(t, h, "mem-set", "renamed", "128m")
	refused(t, h, 1, "must be less than or equal to", "mem-set", "renamed", "256m")
	xlOK(t, h, "vcpu-set", "renamed", "4")
	refused(t, h, 1, "maxcpus is 4", "vcpu-set", "renamed", "5")
	d := h.Domains()[0]
	equal(t, "name", d.Name, "renamed")
	equal(t, "memory", d.Memory, 128)
	equal(t, "processors", d.VCPUs, 4)
}

func TestDevicesOfALiveDomain(t *testing.T) {
	h := simhost.Start(t)
	extra, iso := write(t, h, "extra.img", "disk"), write(t, h, "new.iso", "iso")
	xlOK(t, h, "create", guest(t, h, "h1", hvm, func(c *xl.Config) {
		c.Disks = append(c.Disks, xl.Disk{VDev: "hdc", Format: "raw", Target: write(t, h, "old.iso", "iso"), ReadOnly: true, CDROM: true})
	}))
	xlOK(t, h, "block-attach", "h1", "format=raw,vdev=xvdf,access=rw,target="+extra)
	refused(t, h, 1, "device already exists", "block-attach", "h1", "format=raw,vdev=xvdf,access=rw,target="+extra)
	refused(t, h, 1, "failed to stat", "block-attach", "h1", "format=raw,vdev=xvdg,access=rw,target=/nothing")
	equal(t, "loop devices", len(h.Loops()), 2)
	xlOK(t, h, "block-detach", "h1", "xvdf")
	refused(t, h, 1, "Device xvdf not connected", "block-detach", "h1", "xvdf")
	equal(t, "loop devices", len(h.Loops()), 1)
	xlOK(t, h, "pause", "h1")
	refused(t, h, 1, "libxl_device_disk_remove failed", "block-detach", "h1", "xvda")

	xlOK(t, h, "cd-insert", "h1", "hdc", iso)
	equal(t, "the CD-ROM", h.Domains()[0].Disks[1].Target, iso)
	xlOK(t, h, "cd-eject", "h1", "hdc")
	equal(t, "an empty drive", h.Domains()[0].Disks[1].Target, "")
	refused(t, h, 1, "Virtual device not found", "cd-insert", "h1", "hdd", iso)

	xlOK(t, h, "network-attach", "h1", "mac=02:00:0a:00:00:01", "bridge=br0")
	refused(t, h, 1, "vif-bridge", "network-attach", "h1", "mac=02:00:0a:00:00:02", "bridge=nowhere")
	equal(t, "interfaces, with the one that failed", len(h.Domains()[0].NICs), 3)
	xlOK(t, h, "network-detach", "h1", "02:00:0a:00:00:02")
	xlOK(t, h, "network-detach", "h1", "02:00:0A:00:00:01")
	refused(t, h, 1, "Unknown device", "network-detach", "h1", "02:00:0a:00:00:01")
	equal(t, "interfaces", len(h.Domains()[0].NICs), 1)
}

func TestSaveAndRestore(t *testing.T) {
	h := simhost.Start(t)
	checkpoint := h.Dir() + "/checkpoint"
	xlOK(t, h, "create", guest(t, h, "p1"))
	xlOK(t, h, "save", "p1", checkpoint)
	equal(t, "domains after save", len(h.Domains()), 0)
	equal(t, "loop devices after save", len(h.Loops()), 0)
	xlOK(t, h, "restore", checkpoint)
	equal(t, "name after restore", h.Domains()[0].Name, "p1")
	equal(t, "domid after restore", h.Domains()[0].ID, 2)
	refused(t, h, 1, "already exists", "restore", checkpoint)
	refused(t, h, 1, "wrong magic number", "restore", h.Dir()+"/p1.img")
	refused(t, h, 1, "libxl_device_nic_add failed", "network-attach", "p1", "bridge=nowhere")
	xlOK(t, h, "save", "p1", checkpoint)
	refused(t, h, 1, "unable to add vif devices", "restore", checkpoint)
	xlOK(t, h, "create", "-p", guest(t, h, "p2"))
	refused(t, h, 1, "Failed to save domain", "save", "p2", checkpoint)
}

func TestASecondHostInTheSameFolderGoesOn(t *testing.T) {
	dir := t.TempDir()
	h, err := simhost.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	xlOK(t, h, "create", guest(t, h, "p1"))
	key := h.HostKey()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := simhost.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	equal(t, "host key", again.HostKey(), key)
	equal(t, "domains", len(again.Domains()), 1)
}
