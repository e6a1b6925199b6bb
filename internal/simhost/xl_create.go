package simhost

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// xlCreate is `xl create [-p] [-n] FILE`. As on Xen the domain stands there paused while xl still works on it.
func xlCreate(c *call) int {
	set, ok := c.options("pnqdeFVAcf")
	if !ok {
		return 2
	}
	if len(c.args) == 0 {
		return c.usage("create")
	}
	file := c.args[0]
	text, err := os.ReadFile(file)
	if err != nil {
		var cause *os.PathError
		errors.As(err, &cause)
		return c.fail(3, "Failed to read config file: %s: %s", file, errnoText(cause.Err))
	}
	if !set['q'] {
		c.fail(0, "Parsing config from %s", file)
	}
	cfg, status := c.parse(file, text)
	if status != 0 {
		return status
	}
	if set['n'] {
		return c.dryRun(cfg)
	}
	d, status := c.build(cfg)
	if status != 0 {
		return status
	}
	d.File = file
	return c.finish(d, set['p'], !set['e'])
}

// finish lets a domain go that was built, and leaves the xl process behind that watches over it.
func (c *call) finish(built Domain, paused, monitor bool) int {
	return c.result(c.change(func(w *world) error {
		d, found := w.find(strconv.Itoa(built.ID))
		if !found {
			return nil
		}
		d.Paused, d.Ran = paused, !paused
		if monitor {
			d.File, d.Restored, d.Monitor = built.File, built.Restored, d.ID
			if err := w.watch(d); err != nil {
				return err
			}
		}
		return w.put(d)
	}), 0)
}

// parse reads a deployment file and refuses with status 1 what xl's own parsers refuse, not always in xl's words.
func (c *call) parse(file string, text []byte) (xl.Config, int) {
	cfg, err := xl.ParseConfig(text)
	if err != nil {
		return cfg, c.fail(1, "%s: config parsing error: %v\nFailed to parse config: Invalid argument", file, err)
	}
	if cfg.UUID == "" {
		cfg.UUID = uuid.NewString()
	}
	for i, nic := range cfg.NICs {
		cfg.NICs[i] = withDefaults(nic)
	}
	return cfg, 0
}

// withDefaults is what libxl adds to an interface that does not say all.
func withDefaults(nic xl.NIC) xl.NIC {
	if nic.MAC == "" {
		nic.MAC = randomMAC()
	}
	if nic.Bridge == "" {
		nic.Bridge = "xenbr0"
	}
	return nic
}

func randomMAC() string {
	var b [3]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("00:16:3e:%02x:%02x:%02x", b[0]&0x7f, b[1], b[2])
}

// dryRun prints what `xl create -n` prints: the configuration as JSON.
func (c *call) dryRun(cfg xl.Config) int {
	text, err := json.MarshalIndent(longOf(cfg), "", "    ")
	if err != nil {
		return c.fail(1, "simhost: %v", err)
	}
	c.printf("%s\n", text)
	return 0
}

// build makes the domain, paused. A domain that cannot have all it asks for is destroyed again.
func (c *call) build(cfg xl.Config) (Domain, int) {
	var d Domain
	var takes time.Duration
	var refused *refusal
	var id int
	err := c.change(func(w *world) error {
		id = w.NextID
		takes = w.CreateTakes
		if refused = w.check(cfg); refused != nil {
			w.NextID++
			return w.setMachine(w.machine)
		}
		var err error
		d, err = w.add(Domain{Config: cfg, Paused: true})
		return err
	})
	switch {
	case err != nil:
		return d, c.fail(1, "simhost: %v", err)
	case refused != nil:
		return d, c.fail(refused.status, "%s\n%s", refused.text, noDomainToDestroy(id))
	}
	time.Sleep(takes)
	return d, 0
}

// refusal is why libxl does not make a domain.
type refusal struct {
	status int
	text   string
}

// errorFail is the status of xl for libxl's ERROR_FAIL.
const errorFail = 3

// check goes through what libxl checks, in its order.
func (w *world) check(cfg xl.Config) *refusal {
	libxl := w.complainOf(w.NextID)
	if !w.capable(strings.Replace(cfg.Type, xl.TypePVH, xl.TypeHVM, 1)) {
		return libxl("libxl_create.c:709:libxl__domain_make", "domain creation fail: Invalid argument")
	}
	if _, taken := w.find(cfg.Name); taken || cfg.Name == "Domain-0" {
		return libxl("libxl_domain.c:81:libxl__domain_rename", "Domain with name \"%s\" already exists.", cfg.Name)
	}
	for _, check := range []func(xl.Config, complain) *refusal{
		checkFiles, w.checkBuild, checkDisks, checkDeviceModel, w.checkVNC, w.checkBridges,
	} {
		if r := check(cfg, libxl); r != nil {
			return r
		}
	}
	return nil
}

// checkFiles is what libxl looks at first: the disks' files.
func checkFiles(cfg xl.Config, libxl complain) *refusal {
	for i, d := range cfg.Disks {
		if r := checkFile(d); r != nil {
			r.text += "\n" + libxl("libxl_create.c:1318:initiate_domain_create", "Unable to set disk defaults for disk %d", i).text
			return r
		}
	}
	return nil
}

func checkFile(d xl.Disk) *refusal {
	if _, err := os.Stat(d.Target); err == nil || d.Target == "" && d.CDROM {
		return nil
	}
	return &refusal{errorFail, fmt.Sprintf("libxl: error: libxl_device.c:455:libxl__device_disk_set_backend: "+
		"Disk vdev=%s failed to stat: %s: No such file or directory", d.VDev, d.Target)}
}

// checkBuild is what loading the kernel and giving the memory refuse.
func (w *world) checkBuild(cfg xl.Config, libxl complain) *refusal {
	fail := func(cause, place, format string, args ...any) *refusal {
		return &refusal{errorFail, fmt.Sprintf("xc: error: panic: %s\nlibxl: error: %s: %s\n%s", cause, place, fmt.Sprintf(format, args...),
			libxl("libxl_create.c:1640:domcreate_rebuild_done", "cannot (re-)build domain: -3").text)}
	}
	for _, file := range []struct{ what, path string }{{"kernel", cfg.Kernel}, {"module", cfg.Ramdisk}} {
		if _, err := os.Stat(file.path); file.path != "" && err != nil {
			return fail(fmt.Sprintf("xg_dom_core.c:205: failed to open file '%s': No such file or directory: Internal error", file.path),
				"libxl_dom.c:646:libxl__build_pv", "xc_dom_%s_file failed: No such file or directory", file.what)
		}
	}
	if cfg.Type != xl.TypeHVM && cfg.Kernel == "" && cfg.Bootloader == "" {
		return libxl("libxl_create.c:1640:domcreate_rebuild_done", "cannot (re-)build domain: -6")
	}
	if xl.MemoryNeededMiB(cfg) > w.freeMiB() {
		return fail("xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory",
			"libxl_dom.c:586:libxl__build_dom", "xc_dom_boot_mem_init failed: Cannot allocate memory")
	}
	return nil
}

// checkBridges is the last step of a create.
func (w *world) checkBridges(cfg xl.Config, libxl complain) *refusal {
	for _, nic := range cfg.NICs {
		if r := w.checkBridge(nic); r != nil {
			r.text += "\n" + libxl("libxl_create.c:1921:domcreate_attach_devices", "unable to add vif devices").text
			return r
		}
	}
	return nil
}

// checkBridge is what the hotplug script of an interface refuses.
func (w *world) checkBridge(nic xl.NIC) *refusal {
	bridge := nic.Bridge
	if strings.HasSuffix(nic.Script, "vif-openvswitch") { // which takes NAME.VLAN
		bridge, _, _ = strings.Cut(bridge, ".")
	}
	if slices.Contains(w.Bridges, bridge) {
		return nil
	}
	return &refusal{errorFail, fmt.Sprintf("libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: "+
		"/etc/xen/scripts/vif-bridge online [%d] exited with error status 1\n%s", os.Getpid(),
		"libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Could not find bridge device "+nic.Bridge)}
}

// complain makes a refusal in libxl's form.
type complain func(place, format string, args ...any) *refusal

// complainOf makes the messages of libxl about one domain.
func (w *world) complainOf(id int) complain {
	return func(place, format string, args ...any) *refusal {
		return &refusal{errorFail, fmt.Sprintf("libxl: error: %s: Domain %d:%s", place, id, fmt.Sprintf(format, args...))}
	}
}

// checkDisks is what adding the disks' devices refuses.
func checkDisks(cfg xl.Config, libxl complain) *refusal {
	taken := map[string]bool{}
	for _, d := range cfg.Disks {
		_, err := xl.DiskIndex(d.VDev)
		var r *refusal
		switch {
		case err != nil:
			r = libxl("libxl_disk.c:214:libxl__device_from_disk", "Invalid or unsupported virtual disk identifier %s", d.VDev)
		case taken[d.VDev]:
			r = libxl("libxl_disk.c:343:device_disk_add", "device already exists in xenstore")
		default:
			taken[d.VDev] = true
			continue
		}
		r.text += "\n" + libxl("libxl_create.c:1672:domcreate_launch_dm", "unable to add disk devices").text
		return r
	}
	return nil
}

// checkDeviceModel is what QEMU cannot do: read-only or doubled IDE disks.
func checkDeviceModel(cfg xl.Config, libxl complain) *refusal {
	if cfg.Type != xl.TypeHVM {
		return nil
	}
	index := map[int]bool{}
	for _, d := range cfg.Disks {
		n, _ := xl.DiskIndex(d.VDev)
		if n < 4 && d.ReadOnly && !d.CDROM && !strings.HasPrefix(d.VDev, "sd") {
			r := libxl("libxl_dm.c:2008:libxl__build_device_model_args_new", "qemu-xen doesn't support read-only IDE disk drivers")
			r.text += "\n" + libxl("libxl_dm.c:3161:device_model_spawn_outcome", "(null): spawn failed (rc=-6)").text
			return r.noDeviceModel(libxl, -6)
		}
		if index[n] && n < 4 {
			return libxl("libxl_dm.c:3161:device_model_spawn_outcome", "device model: spawn failed (rc=-3)").noDeviceModel(libxl, -3)
		}
		index[n] = true
	}
	return nil
}

// checkVNC is QEMU's attempt to listen: another domain or any process may hold the port.
func (w *world) checkVNC(cfg xl.Config, libxl complain) *refusal {
	if cfg.VNC == nil {
		return nil
	}
	port := xl.VNCBasePort + cfg.VNC.Display
	busy := slices.ContainsFunc(w.list, func(d Domain) bool { return d.VNC != nil && d.VNC.Display == cfg.VNC.Display })
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		_ = l.Close()
	}
	if busy || err != nil {
		r := libxl("libxl_qmp.c:1399:qmp_ev_fd_callback", "error on QMP socket: Connection reset by peer")
		return r.noDeviceModel(libxl, -26)
	}
	return nil
}

// noDeviceModel adds what xl says when QEMU has ended; why stands in /var/log/xen/qemu-dm-NAME.log only.
func (r *refusal) noDeviceModel(libxl complain, rc int) *refusal {
	r.text += "\n" + libxl("libxl_dm.c:3381:device_model_postconfig_done", "Post DM startup configs failed, rc=%d", rc).text +
		"\n" + libxl("libxl_create.c:1896:domcreate_devmodel_started", "device model did not start: %d", rc).text
	return r
}

// errnoText is strerror(3), which begins with a capital letter.
func errnoText(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
