package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// guest is a virtual machine with a persistent image, on a simulated host.
type guest struct {
	*testing.T
	h    *simhost.Host
	e    *engine.Engine
	spec model.VirtualMachineSpec
	vm   model.VirtualMachine
}

func startGuest(t *testing.T, power model.VMState, change func(*model.VirtualMachineSpec), opts ...simhost.Option) *guest {
	t.Helper()
	h := simhost.Start(t, opts...)
	e := connect(t, h)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4})
	g := &guest{T: t, h: h, e: e, spec: model.VirtualMachineSpec{
		Name: "web", PowerState: power, ShutdownTimeout: 10 * time.Second,
		Body: model.VirtualMachineBody{
			Memory: ptr(int64(64)), OS: kernel(t, e),
			Disks: map[string]model.Disk{"xvda": {Volatile: "fs", FSType: "ext4", Size: 4}, "xvdb": {ImageID: &data.ID}},
		},
	}}
	if change != nil {
		change(&g.spec)
	}
	g.vm = createVM(t, e, g.spec)
	return g
}

// update applies the specification and reads the virtual machine with an engine that remembers nothing.
func (g *guest) update() error {
	g.Helper()
	_, err := g.e.UpdateVirtualMachine(g.Context(), g.vm.Ref(), g.spec)
	g.read()
	return err
}

func (g *guest) to(power model.VMState) {
	g.Helper()
	g.spec.PowerState = power
	if err := g.update(); err != nil {
		g.Fatalf("to %s: %v", power, err)
	}
	g.is(power)
}

func (g *guest) read() model.VirtualMachine {
	g.Helper()
	vm, err := connect(g.T, g.h).VirtualMachine(g.Context(), g.vm.Ref())
	if err != nil {
		g.Fatal(err)
	}
	g.vm = vm
	return vm
}

// is demands a state, and that the host is as the state says.
func (g *guest) is(power model.VMState) {
	g.Helper()
	domains := g.h.Domains()
	alive := power == model.VMRunning || power == model.VMPaused
	switch {
	case g.vm.State != power:
		g.Errorf("the state is %s, not %s", g.vm.State, power)
	case alive && (len(domains) != 1 || domains[0].Paused != (power == model.VMPaused)):
		g.Errorf("%s with the domains %+v", power, domains)
	case !alive && len(domains) != 0:
		g.Errorf("%s with the domains %+v", power, domains)
	case !alive && len(g.h.Loops()) != 0:
		g.Errorf("%s with the loop devices %+v", power, g.h.Loops())
	}
	if saved := g.has("checkpoint"); saved != (power == model.VMSuspended) {
		g.Errorf("%s, but a checkpoint: %t", power, saved)
	}
	image, err := g.e.Image(g.Context(), model.Ref{Host: site, ID: 1})
	if err != nil || image.State != model.ImageUsedPers {
		g.Errorf("%s, and the persistent image is %s, %v", power, image.State, err)
	}
}

func (g *guest) path(name string) string {
	return filepath.Join(g.h.Datastore(), "vms", fmt.Sprint(g.vm.ID), name)
}

func (g *guest) has(name string) bool {
	_, err := os.Stat(g.path(name))
	return err == nil
}

// refuses demands an error with all these words.
func (g *guest) refuses(err error, words ...string) {
	g.Helper()
	if err == nil {
		g.Fatal("it was not refused")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			g.Errorf("the error lacks %q: %v", word, err)
		}
	}
}

// TestEveryPowerTransition leads a guest along every way from one state to another, once.
func TestEveryPowerTransition(t *testing.T) {
	t.Parallel()
	const run, off, sus, pau = model.VMRunning, model.VMPoweroff, model.VMSuspended, model.VMPaused
	g := startGuest(t, run, nil)
	g.is(run)
	for _, to := range []model.VMState{off, run, sus, run, pau, run, run, off, sus, off, pau, off, off, sus, pau, sus, run, pau, run, sus} {
		g.to(to)
	}
	if destroyed := g.h.Ran("xl destroy"); destroyed != 0 {
		t.Errorf("%d domains were destroyed although the guest obeys", destroyed)
	}
	if err := g.e.DeleteVirtualMachine(t.Context(), g.vm.Ref()); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, g.h); len(left) != 2 || len(g.h.Domains()) != 0 {
		t.Errorf("a suspended virtual machine left %v and the domains %v", left, g.h.Domains())
	}
}

// TestCreatedInEveryState makes virtual machines that do not run at first.
func TestCreatedInEveryState(t *testing.T) {
	t.Parallel()
	for _, power := range []model.VMState{model.VMPoweroff, model.VMSuspended, model.VMPaused} {
		g := startGuest(t, power, nil)
		g.is(power)
	}
}

// TestMemoryIsKept demands that a suspended guest goes on instead of booting, whatever comes next.
func TestMemoryIsKept(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, nil)
	for range 2 {
		g.to(model.VMSuspended)
		g.to(model.VMRunning)
	}
	g.to(model.VMSuspended)
	g.to(model.VMPoweroff)
	if created, restored := g.h.Ran("xl create"), g.h.Ran("xl restore"); created != 1 || restored != 3 {
		t.Errorf("%d creates and %d restores", created, restored)
	}
	log, err := os.ReadFile(g.path("vm.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"[LCM][I]: New VM state is SAVE_SUSPEND", "[DiM][I]: New VM state is SUSPENDED", "[LCM][I]: New state is BOOT_SUSPENDED", "[LCM][I]: New VM state is SHUTDOWN"} {
		if !strings.Contains(string(log), line) {
			t.Errorf("the log lacks %q:\n%s", line, log)
		}
	}
}

// TestRenamedWhileSuspended wakes a guest under its new name.
func TestRenamedWhileSuspended(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMSuspended, nil)
	g.spec.Name = "web-2"
	g.to(model.VMRunning)
	if name := g.h.Domains()[0].Name; name != "web-2" || g.vm.Name != "web-2" {
		t.Errorf("the domain is %s, the virtual machine %s", name, g.vm.Name)
	}
}

// TestMendsWhatOthersDid starts from states that the guest or an administrator brought about.
func TestMendsWhatOthersDid(t *testing.T) {
	t.Parallel()
	preserved := func(s *model.VirtualMachineSpec) {
		s.Body.OnCrash, s.Body.OnPoweroff, s.Body.OnReboot = "preserve", "preserve", "preserve"
	}
	restarted := func(s *model.VirtualMachineSpec) { s.Body.OnPoweroff = "restart" }
	for name, c := range map[string]struct {
		change   func(*model.VirtualMachineSpec)
		do       func(*simhost.Host)
		seen, to model.VMState
	}{
		"powered off":               {nil, func(h *simhost.Host) { h.PowerOff("web") }, model.VMPoweroff, model.VMRunning},
		"destroyed":                 {nil, func(h *simhost.Host) { h.Destroy("web") }, model.VMPoweroff, model.VMSuspended},
		"paused":                    {nil, func(h *simhost.Host) { h.XL("pause", "web") }, model.VMPaused, model.VMRunning},
		"crashed":                   {nil, func(h *simhost.Host) { h.Crash("web") }, model.VMPoweroff, model.VMRunning},
		"crashed and kept":          {preserved, func(h *simhost.Host) { h.Crash("web") }, model.VMFailed, model.VMRunning},
		"crashed and kept to off":   {preserved, func(h *simhost.Host) { h.Crash("web") }, model.VMFailed, model.VMPoweroff},
		"powered off and kept":      {preserved, func(h *simhost.Host) { h.PowerOff("web") }, model.VMPoweroff, model.VMRunning},
		"rebooted and kept":         {preserved, func(h *simhost.Host) { h.Reboot("web") }, model.VMPoweroff, model.VMPaused},
		"rebooted":                  {nil, func(h *simhost.Host) { h.Reboot("web") }, model.VMRunning, model.VMPaused},
		"powered off and restarted": {restarted, func(h *simhost.Host) { h.PowerOff("web") }, model.VMRunning, model.VMSuspended},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGuest(t, model.VMRunning, c.change)
			c.do(g.h)
			if g.read(); g.vm.State != c.seen {
				t.Fatalf("the state is seen as %s, not %s", g.vm.State, c.seen)
			}
			if failed := c.seen == model.VMFailed; failed != strings.Contains(g.vm.Failure, "as on_crash says") || failed && g.vm.DomID == 0 {
				t.Errorf("%s with domid %d: %s", g.vm.State, g.vm.DomID, g.vm.Failure)
			}
			g.to(c.to)
		})
	}
}

// TestRebootIsNotTheEnd looks all the time while a guest reboots: shut down, absent, there without memory.
func TestRebootIsNotTheEnd(t *testing.T) {
	t.Parallel()
	for _, restored := range []bool{false, true} {
		g := startGuest(t, model.VMRunning, nil, simhost.RebootGap(2*time.Second))
		if restored {
			g.to(model.VMSuspended)
			g.to(model.VMRunning)
		}
		before := g.read().DomID
		g.h.Reboot("web")
		for began := time.Now(); time.Since(began) < 4*time.Second; {
			if g.read(); g.vm.State != model.VMRunning {
				t.Fatalf("%s after the reboot began the state is %s", time.Since(began), g.vm.State)
			}
		}
		if g.vm.DomID == before || g.vm.DomID == 0 {
			t.Errorf("the domid is %d after %d", g.vm.DomID, before)
		}
	}
}

// TestCheckpointIsNotLost lets a restore fail in every way, and demands each time that the checkpoint is there and serves later.
func TestCheckpointIsNotLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil, mend func(*guest)
		words       []string
	}{
		"xl refuses": {
			func(g *guest) { g.h.FailTool("xl restore", 1, "libxl: error: no memory left") },
			func(g *guest) { g.h.ClearFaults() },
			[]string{"no memory left", "The checkpoint is kept", "vms/1/checkpoint"},
		},
		"a disk is in use elsewhere": {
			func(g *guest) { g.foreign(filepath.Join(g.h.Datastore(), "images", "1", "disk.raw")) },
			func(g *guest) { g.h.Destroy("other") },
			[]string{"images/1/disk.raw is in use already"},
		},
		"a disk was written to": {
			func(g *guest) { g.touch(g.path("disk.0"), time.Now().Add(time.Hour)) },
			func(g *guest) { g.touch(g.path("disk.0"), time.Now().Add(-time.Hour)) },
			[]string{"disk.0 was written to after the memory of the guest was saved", "The checkpoint is kept"},
		},
		"no memory": {
			func(g *guest) { g.h.Set(simhost.Memory(1024, 1000)) },
			func(g *guest) { g.h.Set(simhost.Memory(4096, 1000)) },
			[]string{"MiB of memory free"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGuest(t, model.VMSuspended, nil)
			c.spoil(g)
			for _, power := range []model.VMState{model.VMRunning, model.VMPoweroff, model.VMPaused} {
				g.spec.PowerState = power
				g.refuses(g.update(), c.words...)
				if g.vm.State != model.VMSuspended || !g.has("checkpoint") {
					t.Errorf("after the refusal: %s, checkpoint %t", g.vm.State, g.has("checkpoint"))
				}
			}
			c.mend(g)
			g.to(model.VMRunning)
			if g.has("deployment.1") {
				t.Error("the guest was booted anew")
			}
		})
	}
}

// foreign starts a domain of somebody else with the disk.
func (g *guest) foreign(disk string) {
	g.Helper()
	const name = "other"
	config := fmt.Sprintf("name = '%s'\ntype = 'pv'\nmemory = 16\nkernel = '%s'\ndisk = ['format=raw,vdev=xvda,access=rw,target=%s']\n",
		name, filepath.Join(g.h.Datastore(), "images", "2", "kernel"), disk)
	path := filepath.Join(g.h.Dir(), name+".cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		g.Fatal(err)
	}
	if _, stderr, code := g.h.XL("create", path); code != 0 {
		g.Fatal(stderr)
	}
}

func (g *guest) touch(path string, at time.Time) {
	g.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		g.Fatal(err)
	}
}

// TestForeignRestore puts a checkpoint aside that somebody else restored: its guest has run, so it must never be restored again.
func TestForeignRestore(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMSuspended, nil)
	if _, stderr, code := g.h.XL("restore", g.path("checkpoint")); code != 0 {
		t.Fatal(stderr)
	}
	if g.read(); g.vm.State != model.VMRunning {
		t.Errorf("the state is %s", g.vm.State)
	}
	g.to(model.VMPoweroff)
	if !g.has("stale") {
		t.Error("the old checkpoint is gone")
	}
	g.to(model.VMRunning)
	if g.h.Ran("xl create") != 2 {
		t.Errorf("%d creates", g.h.Ran("xl create"))
	}
}

// TestNoSpaceForMemory refuses before the guest is touched.
func TestNoSpaceForMemory(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, nil)
	df := "#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted on\necho /dev/sda1 100000 90000 10240 90% /\n"
	if err := os.WriteFile(filepath.Join(g.h.Dir(), "bin", "df"), []byte(df), 0o755); err != nil {
		t.Fatal(err)
	}
	g.spec.PowerState = model.VMSuspended
	g.refuses(g.update(), "takes about 129 MiB, but there are only 10 MiB free in "+g.h.Datastore(), "runs on")
	if g.is(model.VMRunning); g.h.Ran("xl save") != 0 {
		t.Error("xl save was tried")
	}
}

// TestFailedSaveLeavesTheGuestRunning lets xl save fail.
func TestFailedSaveLeavesTheGuestRunning(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, nil)
	g.h.FailToolTimes(1, "xl save", 1, "libxl: error: the guest did not suspend")
	g.spec.PowerState = model.VMSuspended
	g.refuses(g.update(), "the guest did not suspend")
	g.is(model.VMRunning)
	g.to(model.VMSuspended)
}

// TestCutOffSave ends the provider while xl saves: the save goes on by itself, and the next apply finds it done.
func TestCutOffSave(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, nil)
	g.h.DelayTool("xl save", 3*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	g.spec.PowerState = model.VMSuspended
	_, err := g.e.UpdateVirtualMachine(ctx, g.vm.Ref(), g.spec)
	g.refuses(err, "deadline exceeded")
	if g.to(model.VMSuspended); g.h.Ran("xl save") != 1 {
		t.Errorf("%d saves", g.h.Ran("xl save"))
	}
	g.to(model.VMRunning)
}

// TestCutOffRestore finds the paused domain that a restore left behind: its guest has not run, so the checkpoint still holds.
func TestCutOffRestore(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMSuspended, nil)
	if _, stderr, code := g.h.XL("restore", "-p", g.path("checkpoint")); code != 0 {
		t.Fatal(stderr)
	}
	if g.read(); g.vm.State != model.VMSuspended {
		t.Errorf("the state is %s", g.vm.State)
	}
	g.to(model.VMRunning)
	if g.h.Ran("xl create") != 1 {
		t.Error("the guest was booted anew")
	}
}

// The clock of a host that is set while a guest shuts down takes nothing from the time that the guest has for it.
func TestShutdownWhileTheClockIsSet(t *testing.T) {
	g := startGuest(t, model.VMRunning, nil, simhost.ShutdownDelay(3*time.Second))
	g.h.AnswerTool(1, "date +%s", "0\n")
	before := len(g.h.Log())
	g.to(model.VMPoweroff)
	for _, ran := range g.h.Log()[before:] {
		if slices.Equal(ran.Argv[:2], []string{"xl", "destroy"}) {
			t.Errorf("the plug was pulled: %v", ran.Argv)
		}
	}
}
