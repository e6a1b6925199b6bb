package engine_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// liveSpec is a PV guest that can be given more.
func liveSpec(os *model.OS, root int) model.VirtualMachineSpec {
	return model.VirtualMachineSpec{
		Name: "web", PowerState: model.VMRunning, ShutdownTimeout: 10 * time.Second,
		Body: model.VirtualMachineBody{
			Memory: ptr(int64(64)), MemoryMax: ptr(int64(256)), VCPUMax: ptr(int64(4)), OS: os,
			Disks:   map[string]model.Disk{"xvda": {ImageID: &root}, "xvdb": {Volatile: "fs", Size: 2}},
			NICs:    map[string]model.NIC{"eth0": {Bridge: "br0", IP: "192.0.2.7"}},
			Context: map[string]string{"ROLE": "web"},
		},
	}
}

func update(t *testing.T, e *engine.Engine, vm model.VirtualMachine, spec model.VirtualMachineSpec) model.VirtualMachine {
	t.Helper()
	after, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Drift) > 0 {
		t.Errorf("the update left differences: %v", after.Drift)
	}
	return after
}

// domainOf is the one domain of the host.
func domainOf(t *testing.T, h *simhost.Host) simhost.Domain {
	t.Helper()
	domains := h.Domains()
	if len(domains) != 1 {
		t.Fatalf("there are %d domains", len(domains))
	}
	return domains[0]
}

func slotsOf(d simhost.Domain) string {
	var slots []string
	for _, disk := range d.Disks {
		slots = append(slots, disk.VDev+"="+filepath.Base(disk.Target))
	}
	slices.Sort(slots)
	return strings.Join(slots, " ")
}

func cardsOf(d simhost.Domain) string {
	var cards []string
	for _, nic := range d.NICs {
		cards = append(cards, nic.MAC+"@"+nic.Bridge)
	}
	slices.Sort(cards)
	return strings.Join(cards, " ")
}

// TestUpdateRunning changes everything that can be changed while the guest runs, and sees the same after the guest's own reboot.
func TestUpdateRunning(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.RebootGap(50*time.Millisecond), simhost.Bridges("br0", "br1"))
	e := connect(t, h)
	root := rawImage(t, e)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4})
	spec := liveSpec(kernel(t, e), root.ID)
	vm := createVM(t, e, spec)
	first := domainOf(t, h)

	spec.Name = "web-2"
	spec.Body.Memory, spec.Body.VCPU, spec.Body.CPU, spec.Body.CPUCap = ptr(int64(128)), ptr(int64(2)), ptr(0.5), ptr(int64(75))
	spec.Body.Disks = map[string]model.Disk{"xvda": {ImageID: &root.ID, Size: 5}, "xvdc": {ImageID: &data.ID}, "xvdd": {Volatile: "swap", Size: 1}}
	spec.Body.NICs = map[string]model.NIC{"eth0": {Bridge: "br1", IP: "192.0.2.7"}, "eth1": {Bridge: "br0", IP: "192.0.2.8", MTU: 1400}}
	spec.Body.Context = map[string]string{"ROLE": "db"}
	spec.Body.OS.Cmdline = "debug"
	vm = update(t, e, vm, spec)
	if want := []string{"context", "os.cmdline"}; !reflect.DeepEqual(vm.Pending, want) {
		t.Errorf("pending is %q, want %q", vm.Pending, want)
	}
	d := domainOf(t, h)
	if d.ID != first.ID {
		t.Errorf("the domain was started anew: %d, not %d", d.ID, first.ID)
	}
	if d.Name != "web-2" || d.Memory != 128 || d.VCPUs != 2 || d.CPUWeight != 128 || d.CPUCap != 75 {
		t.Errorf("the domain is %s with %d MiB, %d processors, weight %d, cap %d", d.Name, d.Memory, d.VCPUs, d.CPUWeight, d.CPUCap)
	}
	if got, want := slotsOf(d), "xvda=disk.0 xvdc=disk.raw xvdd=disk.3 xvdz=disk.2"; got != want {
		t.Errorf("the domain has the disks %s, want %s", got, want)
	}
	const cards = "02:00:c0:00:02:07@br1 02:00:c0:00:02:08@br0"
	if got := cardsOf(d); got != cards {
		t.Errorf("the domain has the cards %s", got)
	}
	dir := filepath.Join(h.Datastore(), "vms", "1")
	if info, err := os.Stat(filepath.Join(dir, "disk.0")); err != nil || info.Size() != 5<<20 {
		t.Errorf("the grown disk is %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "disk.1")); !os.IsNotExist(err) {
		t.Errorf("the volatile disk that is gone still has its file: %v", err)
	}
	if loops := len(h.Loops()); loops != 4 {
		t.Errorf("there are %d loop devices: %v", loops, h.Loops())
	}
	if image, err := e.Image(t.Context(), data.Ref()); err != nil || image.State != model.ImageUsedPers {
		t.Errorf("the persistent image is %s, %v", image.State, err)
	}
	again := update(t, e, vm, spec)
	if again.Deployment != vm.Deployment {
		t.Errorf("the same again wrote deployment file %d after %d", again.Deployment, vm.Deployment)
	}

	h.Reboot("web-2")
	vm = update(t, e, vm, spec)
	if len(vm.Pending) > 0 || vm.DomID == first.ID {
		t.Errorf("after the guest's reboot domain %d still waits for %q", vm.DomID, vm.Pending)
	}
	d = domainOf(t, h)
	if d.Memory != 128 || d.MaxMemory != 256 || d.VCPUs != 2 || d.CPUWeight != 128 || d.Cmdline != "debug" || cardsOf(d) != cards {
		t.Errorf("after the guest's reboot the domain is %+v", d)
	}
	if got, want := slotsOf(d), "xvda=disk.0 xvdc=disk.raw xvdd=disk.3 xvdz=disk.4"; got != want {
		t.Errorf("after the guest's reboot the domain has the disks %s, want %s", got, want)
	}
	if iso, err := os.ReadFile(filepath.Join(dir, "disk.4")); err != nil || !bytes.Contains(iso, []byte("ROLE='db'")) {
		t.Errorf("the new ISO: %v", err)
	}

	spec.PowerState = model.VMPoweroff
	vm = update(t, e, vm, spec)
	spec.PowerState = model.VMRunning
	delete(spec.Body.Disks, "xvdc")
	vm = update(t, e, vm, spec)
	if vm.State != model.VMRunning || strings.Contains(slotsOf(domainOf(t, h)), "xvdc") {
		t.Errorf("after a power cycle it is %s with %s", vm.State, slotsOf(domainOf(t, h)))
	}
	if image, err := e.Image(t.Context(), data.Ref()); err != nil || image.State != model.ImageReady {
		t.Errorf("the persistent image that is no longer used is %s, %v", image.State, err)
	}
	if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err != nil || len(h.Loops()) > 0 {
		t.Errorf("after the end there are the loop devices %v, %v", h.Loops(), err)
	}
}

// TestUpdateRestarts reboots the guest where it must, and only there.
func TestUpdateRestarts(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	root := rawImage(t, e)
	spec := liveSpec(kernel(t, e), root.ID)
	spec.RestartPolicy = model.RestartOnChange
	vm := createVM(t, e, spec)
	before := vm.DomID
	spec.Body.Memory = ptr(int64(128))
	if vm = update(t, e, vm, spec); vm.DomID != before {
		t.Error("a change that needs no boot made one")
	}
	spec.Body.MemoryMax = ptr(int64(512))
	spec.Body.Context = map[string]string{"ROLE": "db"}
	vm = update(t, e, vm, spec)
	if d := domainOf(t, h); vm.DomID == before || d.MaxMemory != 512 || len(vm.Pending) > 0 {
		t.Errorf("domain %d after %d has at most %d MiB and waits for %q", vm.DomID, before, d.MaxMemory, vm.Pending)
	}
	if _, err := os.Stat(filepath.Join(h.Datastore(), "vms", "1", "disk.2")); !os.IsNotExist(err) {
		t.Errorf("the old ISO is still there: %v", err)
	}
}

// TestUpdateHVM changes what lies in the drives of an HVM guest.
func TestUpdateHVM(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	root := rawImage(t, e)
	one := createImage(t, e, model.ImageSpec{Name: "one", Type: model.ImageCDROM, Path: file(t, "one.iso", []byte(strings.Repeat("one", 1<<10)))})
	two := createImage(t, e, model.ImageSpec{Name: "two", Type: model.ImageCDROM, Path: file(t, "two.iso", []byte(strings.Repeat("two", 1<<10)))})
	spec := liveSpec(nil, root.ID)
	spec.Body.Disks["hdd"] = model.Disk{ImageID: &one.ID}
	vm := createVM(t, e, spec)
	spec.Body.Disks["hdd"] = model.Disk{ImageID: &two.ID}
	spec.Body.Context = map[string]string{"ROLE": "db"}
	vm = update(t, e, vm, spec)
	if got, want := slotsOf(domainOf(t, h)), "hdc=disk.4 hdd=disk.raw xvda=disk.0 xvdb=disk.1"; got != want || len(vm.Pending) > 0 {
		t.Errorf("the domain has %s, want %s; pending is %q", got, want, vm.Pending)
	}
	if !strings.Contains(domainOf(t, h).Disks[2].Target+domainOf(t, h).Disks[3].Target+domainOf(t, h).Disks[1].Target+domainOf(t, h).Disks[0].Target, "/images/3/") {
		t.Errorf("the drive does not have the other disc: %+v", domainOf(t, h).Disks)
	}
	delete(spec.Body.Disks, "hdd")
	vm = update(t, e, vm, spec)
	if want := []string{"disks.hdd"}; !reflect.DeepEqual(vm.Pending, want) || !strings.Contains(slotsOf(domainOf(t, h)), "hdd=.") {
		t.Errorf("the drive that goes is %s, pending is %q", slotsOf(domainOf(t, h)), vm.Pending)
	}
	if err := e.DeleteImage(t.Context(), two.Ref()); err != nil {
		t.Errorf("the disc that was taken out cannot be removed: %v", err)
	}
}

// TestUpdateGoesOn has a guest that does not let go of its disk: the change is not lost, and nothing of the disk is.
func TestUpdateGoesOn(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	root := rawImage(t, e)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4})
	spec := liveSpec(kernel(t, e), root.ID)
	spec.Body.Disks["xvdc"] = model.Disk{ImageID: &data.ID}
	vm := createVM(t, e, spec)
	delete(spec.Body.Disks, "xvdb")
	delete(spec.Body.Disks, "xvdc")
	h.FailTool("xl block-detach", 1, "libxl: error: libxl_device.c:1142:device_backend_callback: unable to remove device")
	_, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec)
	if err == nil || !strings.Contains(err.Error(), "unable to remove device") || !strings.Contains(err.Error(), "unmount it there") {
		t.Fatalf("the error is %v", err)
	}
	vm, err = e.VirtualMachine(t.Context(), vm.Ref())
	if err != nil || !strings.Contains(vm.Drift["disks.xvdb"], "/disk.1") || vm.Drift["disks.xvdc"] == "" {
		t.Errorf("what is left to do does not show: %v, %v", vm.Drift, err)
	}
	if image, err := e.Image(t.Context(), data.Ref()); err != nil || image.State != model.ImageUsedPers {
		t.Errorf("the persistent image that the guest still has is %s, %v", image.State, err)
	}
	if _, err := os.Stat(filepath.Join(h.Datastore(), "vms", "1", "disk.1")); err != nil {
		t.Errorf("the disk that the guest still has: %v", err)
	}
	h.ClearFaults()
	update(t, e, vm, spec)
	if got, want := slotsOf(domainOf(t, h)), "xvda=disk.0 xvdz=disk.3"; got != want {
		t.Errorf("the domain has %s, want %s", got, want)
	}
	if image, err := e.Image(t.Context(), data.Ref()); err != nil || image.State != model.ImageReady {
		t.Errorf("the persistent image is %s, %v", image.State, err)
	}
}

// TestDriftIsMended changes things past the engine.
func TestDriftIsMended(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.Bridges("br0", "br1"))
	e := connect(t, h)
	root := rawImage(t, e)
	spec := liveSpec(kernel(t, e), root.ID)
	spec.Body.VCPU = ptr(int64(2))
	vm := createVM(t, e, spec)
	dir := filepath.Join(h.Datastore(), "vms", "1")
	stray := file(t, "stray.img", make([]byte, 1<<20))
	xl := func(args ...string) {
		t.Helper()
		if _, stderr, code := h.XL(args...); code != 0 {
			t.Fatalf("xl %v: %s", args, stderr)
		}
	}
	for attribute, test := range map[string]struct {
		change func()
		found  string
	}{
		"memory":          {func() { xl("mem-set", "web", "100m") }, "100 MiB, not 64"},
		"vcpu":            {func() { xl("vcpu-set", "web", "1") }, "1, not 2"},
		"disks.xvdb":      {func() { xl("block-detach", "web", "xvdb") }, "detached"},
		"disks.xvdq":      {func() { xl("block-attach", "web", "format=raw,vdev=xvdq,access=rw,target="+stray) }, "attached by somebody else: " + stray},
		"nics.eth0":       {func() { xl("network-detach", "web", "02:00:c0:00:02:07") }, "detached"},
		"nics.eth1":       {func() { xl("network-attach", "web", "mac=02:00:00:00:00:09", "bridge=br1") }, "attached by somebody else: 02:00:00:00:00:09 on br1"},
		"deployment_file": {func() { appendTo(t, latestDeployment(t, dir), "# edited\n") }, "it was edited"},
		"context":         {func() { remove(t, filepath.Join(dir, "disk.2")) }, "its ISO is missing"},
	} {
		test.change()
		forgetView(t, e)
		seen, err := e.VirtualMachine(t.Context(), vm.Ref())
		if err != nil || seen.Drift[attribute] != test.found {
			t.Errorf("%s: the difference is %q, %v", attribute, seen.Drift, err)
		}
		for other := range seen.Drift {
			if other != attribute {
				t.Errorf("%s: %s differs, too: %s", attribute, other, seen.Drift[other])
			}
		}
		before := domainOf(t, h)
		update(t, e, vm, spec)
		if d := domainOf(t, h); d.ID != before.ID || d.Memory != 64 || d.VCPUs != 2 || cardsOf(d) != "02:00:c0:00:02:07@br0" {
			t.Errorf("%s: mended is %+v", attribute, d)
		}
		// The guest has the old ISO open until it boots again.
		if got := slotsOf(domainOf(t, h)); got != "xvda=disk.0 xvdb=disk.1 xvdz=disk.2" {
			t.Errorf("%s: mended has the disks %s", attribute, got)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "disk.1")); err != nil || len(text) != 2<<20 {
			t.Errorf("%s: the volatile disk is gone: %v", attribute, err)
		}
	}
}

// latestDeployment is the deployment file that the next boot takes. The number grows with each change.
func latestDeployment(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "deployment.?"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no deployment file in %s: %v", dir, err)
	}
	return files[len(files)-1]
}

// TestMissingDisk loses no data silently.
func TestMissingDisk(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	root := rawImage(t, e)
	spec := liveSpec(kernel(t, e), root.ID)
	spec.PowerState = model.VMPoweroff
	vm := createVM(t, e, spec)
	dir := filepath.Join(h.Datastore(), "vms", "1")
	remove(t, filepath.Join(dir, "disk.1"))
	forgetView(t, e)
	if seen, err := e.VirtualMachine(t.Context(), vm.Ref()); err != nil || !strings.Contains(seen.Drift["disks.xvdb"], "is missing") {
		t.Errorf("the difference is %v, %v", seen.Drift, err)
	}
	spec.PowerState = model.VMRunning
	vm = update(t, e, vm, spec)
	if got, want := slotsOf(domainOf(t, h)), "xvda=disk.0 xvdb=disk.3 xvdz=disk.2"; got != want {
		t.Errorf("the volatile disk was not made anew: %s, want %s", got, want)
	}
	remove(t, filepath.Join(dir, "disk.0"))
	for _, power := range []model.VMState{model.VMRunning, model.VMPoweroff, model.VMRunning} {
		spec.PowerState = power
		_, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec)
		var field *model.FieldError
		if power == model.VMRunning && (!errors.As(err, &field) || field.Field != "disks.xvda" || !strings.Contains(err.Error(), "-replace")) {
			t.Errorf("%s: the error is %v", power, err)
		}
		if power == model.VMPoweroff && err != nil {
			t.Errorf("%s: the error is %v", power, err)
		}
	}
}

// forgetView makes the engine look at the host anew.
func forgetView(t *testing.T, e *engine.Engine) {
	t.Helper()
	if _, err := e.CreateTemplate(t.Context(), site, model.TemplateSpec{Name: "forget", Body: model.VirtualMachineBody{}}, nil); err != nil {
		t.Fatal(err)
	}
	ref, err := e.Find(t.Context(), model.KindTemplate, site, "forget")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.DeleteTemplate(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, append(content, text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// TestUpdateOfBootSettingGoesOn has an xl that does not take the configuration of the next boot.
func TestUpdateOfBootSettingGoesOn(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.RebootGap(50*time.Millisecond))
	e := connect(t, h)
	root := rawImage(t, e)
	spec := liveSpec(kernel(t, e), root.ID)
	vm := createVM(t, e, spec)
	spec.Body.OS.Cmdline = "debug"
	spec.Body.Disks["xvdb"] = model.Disk{Volatile: "fs", Size: 4}
	h.FailTool("xl config-update", 1, "failed to update configuration")
	if _, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err == nil || !strings.Contains(err.Error(), "failed to update configuration") {
		t.Fatalf("the error is %v", err)
	}
	h.ClearFaults()
	seen, err := e.VirtualMachine(t.Context(), vm.Ref())
	if err != nil || seen.Drift["deployment_file"] == "" || seen.Drift["disks.xvdb"] == "" {
		t.Errorf("what is left to do does not show: %v, %v", seen.Drift, err)
	}
	update(t, e, vm, spec)
	if info, err := os.Stat(filepath.Join(h.Datastore(), "vms", "1", "disk.1")); err != nil || info.Size() != 4<<20 {
		t.Errorf("the disk that was to grow is %v, %v", info, err)
	}
	h.Reboot("web")
	if vm = update(t, e, vm, spec); domainOf(t, h).Cmdline != "debug" || len(vm.Pending) > 0 {
		t.Errorf("after the guest's reboot its command line is %q", domainOf(t, h).Cmdline)
	}
}
