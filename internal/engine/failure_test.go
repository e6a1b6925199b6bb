package engine_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// nothingLeft checks that a failed creation left neither a domain, nor a loop device, nor a record.
func nothingLeft(t *testing.T, h *simhost.Host) {
	t.Helper()
	if domains := h.Domains(); len(domains) != 0 {
		t.Errorf("domains left: %+v", domains)
	}
	if loops := h.Loops(); len(loops) != 0 {
		t.Errorf("loop devices left: %+v", loops)
	}
	for _, left := range leftovers(t, h) {
		if strings.HasPrefix(left, "vms/") || strings.HasPrefix(left, "tmp/") {
			t.Errorf("left on the host: %s", left)
		}
	}
	locks, err := os.ReadDir(filepath.Join(h.Datastore(), "locks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, lock := range locks {
		if strings.HasPrefix(lock.Name(), "vms-") {
			t.Errorf("lock left: %s", lock.Name())
		}
	}
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := int64(listener.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // a TCP listener has a TCP address
	disk := filepath.Join(t.TempDir(), "a.img")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		body  model.VirtualMachineBody
		fault func(*simhost.Host)
		want  string
	}{
		"missing bridge": {
			body: model.VirtualMachineBody{NICs: map[string]model.NIC{"eth0": {Bridge: "nobridge"}}},
			want: `nics.eth0.bridge: host xen01 has no bridge "nobridge"`,
		},
		"not enough memory": {
			body: model.VirtualMachineBody{Memory: ptr(int64(1 << 20))},
			want: `memory: host xen01 has \d+ MiB of memory free, but this virtual machine takes \d+ MiB`,
		},
		"port in use": {
			body: model.VirtualMachineBody{Graphics: &model.Graphics{Port: port}},
			want: "listens on the VNC port " + strconv.FormatInt(port, 10),
		},
		"missing image": {
			body: model.VirtualMachineBody{Disks: map[string]model.Disk{"xvda": {ImageID: ptr(77)}}},
			want: "disks.xvda.image_id: there is no image 77 on host xen01",
		},
		"xl refuses": {
			fault: func(h *simhost.Host) { h.FailTool("xl create", 3, "libxl: error: out of luck") },
			want:  `(?s)out of luck.*Log of virtual machine "one-1":.*\[LCM\]\[I\]: New VM state is BOOT`,
		},
		"xl does not tell who has which disk": {
			body:  model.VirtualMachineBody{Disks: map[string]model.Disk{"xvda": {Path: disk}}},
			fault: func(h *simhost.Host) { h.FailToolTimes(1, "xl list -l", 1, "libxl: error: no answer") },
			want:  `no answer`,
		},
		"a full disk": {
			body: model.VirtualMachineBody{Disks: map[string]model.Disk{"xvda": {Volatile: "swap", Size: 1 << 40}}},
			want: `truncate`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := simhost.Start(t)
			e := connect(t, h)
			body := test.body
			body.OS = kernel(t, e)
			if body.Memory == nil {
				body.Memory = ptr(int64(64))
			}
			if test.fault != nil {
				test.fault(h)
			}
			_, err := e.CreateVirtualMachine(t.Context(), site, model.VirtualMachineSpec{Body: body, PowerState: model.VMRunning}, nil)
			if err == nil || !regexp.MustCompile(test.want).MatchString(err.Error()) {
				t.Errorf("error is %v\nwant it to match %s", err, test.want)
			}
			nothingLeft(t, h)
		})
	}
}

func TestPersistentImageHasOneWriter(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4})
	body := model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {ImageID: &data.ID}}}

	// All at once: the claim in the record decides, not what each of them saw before.
	results := make(chan error)
	for range 4 {
		go func() {
			_, err := e.CreateVirtualMachine(context.WithoutCancel(t.Context()), site, model.VirtualMachineSpec{Body: body, PowerState: model.VMRunning}, nil)
			results <- err
		}()
	}
	won := 0
	for range 4 {
		err := <-results
		switch {
		case err == nil:
			won++
		case !strings.Contains(err.Error(), "persistent and in use by"):
			t.Errorf("refused with %v", err)
		}
	}
	if won != 1 || len(h.Domains()) != 1 {
		t.Errorf("%d virtual machines write to the image, domains %v", won, h.Domains())
	}
}

func TestForeignDomainKeepsItsDisk(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4})
	disk := filepath.Join(h.Datastore(), "images", strconv.Itoa(data.ID), "disk.raw")
	os := kernel(t, e)
	config := file(t, "foreign.cfg", []byte("name = \"foreign\"\nmemory = 64\nkernel = \""+filepath.Join(h.Datastore(), "images/2/kernel")+"\"\ndisk = [ \"format=raw,vdev=xvda,access=rw,target="+disk+"\" ]\n"))
	if _, stderr, code := h.XL("create", config); code != 0 {
		t.Fatal(stderr)
	}
	_, err := e.CreateVirtualMachine(t.Context(), site, model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: os, Disks: map[string]model.Disk{"xvda": {ImageID: &data.ID}},
	}}, nil)
	if err == nil || !strings.Contains(err.Error(), "in use already") {
		t.Errorf("error is %v", err)
	}
	if domains := h.Domains(); len(domains) != 1 || domains[0].Name != "foreign" {
		t.Errorf("domains are %+v", domains)
	}
	if loops := h.Loops(); len(loops) != 1 {
		t.Errorf("the foreign domain's disk was taken from it: loop devices %+v", loops)
	}
}

func TestCancelledCreateLeavesNothing(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	os := kernel(t, e)
	h.DelayTool("xl create", 20*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := e.CreateVirtualMachine(ctx, site, model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: os}}, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	nothingLeft(t, h)
}

func TestLostConnectionLeavesNothing(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	os := kernel(t, e)
	h.DelayTool("xl create", 2*time.Second)
	time.AfterFunc(time.Second, h.Drop)
	_, err := e.CreateVirtualMachine(t.Context(), site, model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: os}}, nil)
	if err == nil {
		t.Error("no error although the connection was lost")
	}
	nothingLeft(t, h)
}

// With the connection goes the lock: nothing may go on without it as if nobody else could be at work.
func TestLostLockEndsTheOperation(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e)}}
	_, err := e.CreateVirtualMachine(t.Context(), site, spec, func(model.VirtualMachine) {
		h.Drop()
		time.Sleep(200 * time.Millisecond) // the client hears of it
	})
	if err == nil || !strings.Contains(err.Error(), "the lock on virtual machine 1 was lost") {
		t.Errorf("error is %v", err)
	}
	nothingLeft(t, h)
}

// A client that was killed leaves a record in a transient state; whoever wants its name clears it away.
func TestCrashedCreateIsClearedAway(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	os12 := kernel(t, e)
	spec := model.VirtualMachineSpec{Name: "web", PowerState: model.VMRunning, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: os12}}
	vm := createVM(t, e, spec)
	record := filepath.Join(h.Datastore(), "vms", strconv.Itoa(vm.ID), "vm.json")
	content, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	crashed := strings.Replace(string(content), `"state": "RUNNING"`, `"state": "BOOT"`, 1)
	if err := os.WriteFile(record, []byte(crashed), 0o600); err != nil {
		t.Fatal(err)
	}
	again := createVM(t, connect(t, h), spec)
	if again.ID == vm.ID || again.Name != "web" {
		t.Errorf("the new one is %d %s", again.ID, again.Name)
	}
	if domains := h.Domains(); len(domains) != 1 || domains[0].UUID != again.UUID {
		t.Errorf("domains are %+v", domains)
	}
}

func TestNameIsTakenOnce(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.ImageSpec{Name: "data", Type: model.ImageDatablock, Size: 1}
	createImage(t, e, spec)
	_, err := e.CreateImage(t.Context(), site, spec, nil)
	if err == nil || !strings.Contains(err.Error(), `the name "data" is taken by image xen01/1`) {
		t.Errorf("error is %v", err)
	}
	if left := leftovers(t, h); len(left) != 1 {
		t.Errorf("left on the host: %v", left)
	}
}

func TestPowerState(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.VirtualMachineSpec{Name: "web", PowerState: model.VMRunning, ShutdownTimeout: 10 * time.Second, Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {Volatile: "fs", FSType: "ext4", Size: 4}},
	}}
	vm := createVM(t, e, spec)

	spec.PowerState = model.VMPoweroff
	vm, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec)
	if err != nil || vm.State != model.VMPoweroff || vm.DomID != 0 || len(h.Domains()) != 0 {
		t.Fatalf("after power off: %s domid %d, %v", vm.State, vm.DomID, err)
	}
	if h.Ran("xl destroy") != 0 {
		t.Error("the guest was destroyed although it shut down")
	}
	spec.PowerState, spec.Name = model.VMRunning, "web-2"
	if vm, err = e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err != nil || vm.State != model.VMRunning || vm.DomID == 0 {
		t.Fatalf("after power on: %s domid %d, %v", vm.State, vm.DomID, err)
	}
	spec.Name = "web-3"
	h.FailToolTimes(1, "xl rename", 1, "libxl: error: not now")
	if _, err = e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Errorf("a failed renaming is %v", err)
	}
	if vm, err = e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err != nil || h.Domains()[0].Name != "web-3" {
		t.Fatalf("after the new name: %+v, %v", h.Domains(), err)
	}
	h.PowerOff("web-3")
	if vm, err = connect(t, h).VirtualMachine(t.Context(), vm.Ref()); err != nil || vm.State != model.VMPoweroff {
		t.Errorf("a guest that powered itself off is %s, %v", vm.State, err)
	}
}

func TestForeignFolderIsNoDatastore(t *testing.T) {
	h := simhost.Start(t)
	if err := os.MkdirAll(filepath.Join(h.Datastore(), "precious"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, h).CreateImage(t.Context(), site, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Size: 1}, nil)
	if err == nil || !strings.Contains(err.Error(), "precious") {
		t.Errorf("error is %v", err)
	}
}

func TestUnknownLayoutIsRefused(t *testing.T) {
	h := simhost.Start(t)
	e := connect(t, h)
	image := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Size: 1})
	if err := os.WriteFile(filepath.Join(h.Datastore(), "layout"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, h).Image(t.Context(), image.Ref())
	if err == nil || errors.Is(err, engine.ErrAbsent) || !strings.Contains(err.Error(), `layout version "2"`) {
		t.Errorf("error is %v", err)
	}
}

func TestHostWithoutTools(t *testing.T) {
	for tool, packages := range map[string]string{"flock": "util-linux", "awk": "mawk"} {
		h := simhost.Start(t, simhost.NoTool(tool))
		_, err := connect(t, h).CreateImage(t.Context(), site, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Size: 1}, func(model.Image) {})
		if err == nil || !strings.Contains(err.Error(), "host xen01 lacks "+tool+": install") || !strings.Contains(err.Error(), packages) {
			t.Errorf("%s: %v", tool, err)
		}
	}
}

func TestHostWithoutXL(t *testing.T) {
	h := simhost.Start(t, simhost.NoTool("xl"))
	_, err := connect(t, h).Host(t.Context(), site)
	if err == nil || !strings.Contains(err.Error(), "host xen01 has no xl") {
		t.Errorf("error is %v", err)
	}
	_, err = connect(t, h).Image(t.Context(), model.Ref{Host: site, ID: 1})
	if err == nil || errors.Is(err, engine.ErrAbsent) || !strings.Contains(err.Error(), "host xen01 has no xl") {
		t.Errorf("error is %v", err)
	}
}
