package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// die ends an engine as soon as the host has run a command so often, as if its process were killed.
func die(t *testing.T, h *simhost.Host, e *engine.Engine, command string, times int) {
	t.Helper()
	for range 1200 {
		if h.Ran(command) >= times {
			e.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the host ran %s %d times", command, h.Ran(command))
}

// createCutOff begins to make a virtual machine, whose client dies while its domain is created.
func createCutOff(t *testing.T, h *simhost.Host, e *engine.Engine, spec model.VirtualMachineSpec) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := e.CreateVirtualMachine(context.WithoutCancel(t.Context()), site, spec, nil)
		ended <- err
	}()
	die(t, h, e, "xl create", 1)
	if err := <-ended; err == nil {
		t.Error("no error although the client is dead")
	}
}

// A virtual machine that is started has disks to lose: one whose start was cut off is not cleared away as a creation is.
func TestStartThatWasCutOffGoesOn(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.CreateTakes(300*time.Millisecond))
	e := connect(t, h)
	spec := model.VirtualMachineSpec{Name: "web", PowerState: model.VMPoweroff, Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {Volatile: "swap", Size: 1}},
	}}
	vm := createVM(t, e, spec)
	disk := vm.Disks[0].File
	if err := os.WriteFile(disk, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	on := spec
	on.PowerState = model.VMRunning
	ended := make(chan error, 1)
	go func() {
		_, err := e.UpdateVirtualMachine(context.WithoutCancel(t.Context()), vm.Ref(), on)
		ended <- err
	}()
	die(t, h, e, "xl create", 1)
	if err := <-ended; err == nil {
		t.Error("no error although the client is dead")
	}

	e = connect(t, h)
	if _, err := e.CreateVirtualMachine(t.Context(), site, spec, nil); err == nil || !strings.Contains(err.Error(), `the name "web" is taken`) {
		t.Errorf("another one of the name: %v", err)
	}
	vm, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), on)
	if err != nil || vm.State != model.VMRunning || len(h.Domains()) != 1 {
		t.Errorf("after the next apply it is %s, the domains are %v, %v", vm.State, h.Domains(), err)
	}
	if content, err := os.ReadFile(disk); err != nil || !strings.HasPrefix(string(content), "precious") {
		t.Errorf("its disk has %q, %v", content, err)
	}
}

// What a client that died has left running may remove the record at any moment of the next client's removal.
func TestDestroyOfWhatGoesMeanwhile(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.VirtualMachineSpec{Name: "web", PowerState: model.VMPoweroff, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e)}}
	var met atomic.Int32
	for step := range 6 {
		vm := createVM(t, e, spec)
		h.AtStep(1+step, simhost.Ended, func() {
			met.Add(1)
			_ = os.RemoveAll(filepath.Join(h.Datastore(), "vms", strconv.Itoa(vm.ID)))
		})
		if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err != nil {
			t.Errorf("gone after step %d: %v", 1+step, err)
		}
		h.AtStep(0, 0, nil)
	}
	if n := met.Load(); n < 4 {
		t.Errorf("it went at %d steps only", n)
	}
}

// A client may die between the last step of a creation and the answer. Then Terraform does not know of the virtual machine, and wants to make
// it once more: of all that is in the way, the user is told what helps.
func TestNameThatIsTakenIsToldFirst(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 1})
	spec := model.VirtualMachineSpec{Name: "web", PowerState: model.VMPoweroff, Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {ImageID: &data.ID}},
	}}
	createVM(t, e, spec)
	_, err := e.CreateVirtualMachine(t.Context(), site, spec, nil)
	if err == nil || !strings.Contains(err.Error(), `the name "web" is taken by virtual machine xen01/1: choose another name, or import that one`) {
		t.Errorf("error is %v", err)
	}
}

// A virtual machine without a name of its own is made anew under another one, so nobody ever asks for the first again.
func TestNamelessCreationThatWasCutOffIsClearedAway(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.CreateTakes(300*time.Millisecond))
	e := connect(t, h)
	spec := model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e)}}
	createCutOff(t, h, e, spec)
	vm := createVM(t, connect(t, h), spec)
	if domains := h.Domains(); len(domains) != 1 || domains[0].UUID != vm.UUID {
		t.Errorf("domains are %+v", domains)
	}
	if left := leftovers(t, h); len(left) != 2 {
		t.Errorf("on the host are %v", left)
	}
}

// What a creation that was cut off has, another client may ask for that has been at work for long.
func TestImageOfACreationThatWasCutOffIsFree(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.CreateTakes(300*time.Millisecond))
	e, other := connect(t, h), connect(t, h)
	data := createImage(t, other, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 1})
	spec := model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {ImageID: &data.ID}},
	}}
	createCutOff(t, h, e, spec)
	vm := createVM(t, other, spec)
	if domains := h.Domains(); len(domains) != 1 || domains[0].UUID != vm.UUID {
		t.Errorf("domains are %+v", domains)
	}
}

// A connection that is lost does not end what runs on the host. What is taken back has to wait for it, or the domain comes after all.
func TestTakingBackWaitsForWhatGoesOn(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 1})
	spec := model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {ImageID: &data.ID}},
	}}
	before := leftovers(t, h)
	h.DelayTool("losetup -j", 2*time.Second)
	go dropDuring(h, "losetup -j")
	if _, err := e.CreateVirtualMachine(t.Context(), site, spec, nil); err == nil || !strings.Contains(err.Error(), "so its outcome is unknown") {
		t.Errorf("of the connection that was lost it says: %v", err)
	}
	if left := leftovers(t, h); len(h.Domains()) > 0 || !slices.Equal(left, before) {
		t.Errorf("what was taken back is there: %v, %v", h.Domains(), left)
	}
	h.ClearFaults()
	vm := createVM(t, e, spec)

	off := spec
	off.PowerState = model.VMPoweroff
	if _, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), off); err != nil {
		t.Fatal(err)
	}
	h.DelayTool("losetup -j", 2*time.Second)
	go dropDuring(h, "losetup -j")
	if _, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err == nil {
		t.Error("no error although the connection was lost")
	}
	h.ClearFaults()
	vm, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec)
	if err != nil || vm.State != model.VMRunning || len(h.Domains()) != 1 || h.Ran("xl create") != 3 || h.Ran("losetup -d") > 0 {
		t.Errorf("after the next apply it is %s, the domains are %v, %v", vm.State, h.Domains(), err)
	}
}

// Whoever gives a start up, by Ctrl-C or when its time is over, has it ended on the host, and finds the virtual machine as it was before.
func TestStartThatIsGivenUp(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.VirtualMachineSpec{PowerState: model.VMPoweroff, Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e)}}
	vm := createVM(t, e, spec)
	h.Set(simhost.CreateTakes(time.Minute))
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no time for that")
	go func() {
		for len(h.Domains()) == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(why)
	}()
	spec.PowerState = model.VMRunning
	if _, err := e.UpdateVirtualMachine(ctx, vm.Ref(), spec); !errors.Is(err, why) || !strings.Contains(err.Error(), "Unable to start virtual machine") {
		t.Errorf("of a start that was given up it says: %v", err)
	}
	if vm, err := e.VirtualMachine(t.Context(), vm.Ref()); err != nil || vm.State != model.VMPoweroff || len(h.Domains()) > 0 {
		t.Errorf("it is %s, the domains are %+v, %v", vm.State, h.Domains(), err)
	}
}

// dropDuring cuts the connections as soon as a tool runs once more.
func dropDuring(h *simhost.Host, command string) {
	for before := h.Ran(command); h.Ran(command) == before; {
		time.Sleep(10 * time.Millisecond)
	}
	h.Drop()
}
