package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func TestRestartTrigger(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, func(s *model.VirtualMachineSpec) { s.RestartTrigger = "1" })
	restarted := func(want bool) {
		t.Helper()
		before, deployment := g.vm.DomID, g.vm.Deployment
		if err := g.update(); err != nil {
			t.Fatal(err)
		}
		g.is(g.spec.PowerState)
		if did := g.vm.DomID != before && g.vm.Deployment == deployment+1; did != want {
			t.Errorf("trigger %q: domid %d after %d", g.spec.RestartTrigger, g.vm.DomID, before)
		}
	}
	restarted(false)
	g.spec.RestartTrigger = "2"
	restarted(true)
	restarted(false)
	g.spec.RestartTrigger = ""
	restarted(false)
	g.to(model.VMPaused)
	g.spec.RestartTrigger = "3"
	restarted(true)
	g.to(model.VMPoweroff)
	g.spec.RestartTrigger = "4"
	restarted(false)
	if g.h.Ran("xl destroy") != 0 {
		t.Error("a guest that obeys was destroyed")
	}
}

// TestForceStop waits for guests that do not obey, then pulls the plug or does not.
func TestForceStop(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, func(s *model.VirtualMachineSpec) { s.NeverForce, s.ShutdownTimeout = true, 3*time.Second }, simhost.GuestIgnoresShutdown())
	words := []string{"did not shut down within 3s", "force_stop is false", "raise shutdown_timeout"}
	g.spec.PowerState = model.VMPoweroff
	g.refuses(g.update(), words...)
	g.is(model.VMRunning)
	g.refuses(g.e.DeleteVirtualMachine(t.Context(), g.vm.Ref()), words...)
	if g.read(); g.h.Ran("xl destroy") != 0 {
		t.Error("the guest was destroyed")
	}
	g.is(model.VMRunning)
	g.spec.NeverForce = false
	g.to(model.VMPoweroff)
	if g.h.Ran("xl destroy") != 1 {
		t.Error("the guest was not destroyed")
	}
}

// TestShutdownWithoutRestart keeps a guest down whose on_poweroff would bring it back.
func TestShutdownWithoutRestart(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, func(s *model.VirtualMachineSpec) {
		s.Body.OnPoweroff, s.ShutdownTimeout = "restart", time.Minute
	})
	// One that comes back is asked again and again.
	if g.to(model.VMPoweroff); g.h.Ran("xl shutdown") > 3 {
		t.Errorf("the guest was asked %d times", g.h.Ran("xl shutdown"))
	}
}

// TestEvents writes what follows the end of a guest into the next deployment file.
func TestEvents(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, func(s *model.VirtualMachineSpec) { s.Body.OnCrash = "preserve" })
	if !strings.Contains(g.vm.DeploymentText, `on_crash = "preserve"`) {
		t.Errorf("the deployment file is\n%s", g.vm.DeploymentText)
	}
	before := g.vm.DomID
	g.spec.Body.OnCrash, g.spec.Body.OnReboot = "", "destroy"
	if err := g.update(); err != nil {
		t.Fatal(err)
	}
	if g.vm.DomID != before || !strings.Contains(g.vm.DeploymentText, `on_crash = "destroy"`) || !strings.Contains(g.vm.DeploymentText, `on_reboot = "destroy"`) {
		t.Errorf("domid %d after %d, and the deployment file is\n%s", g.vm.DomID, before, g.vm.DeploymentText)
	}
	if live := g.h.Domains()[0].OnCrash; live != "preserve" {
		t.Errorf("the running domain has on_crash %s", live)
	}
	g.spec.RestartTrigger = "now"
	if err := g.update(); err != nil || g.h.Domains()[0].OnCrash != "destroy" {
		t.Errorf("after the next start: %+v, %v", g.h.Domains(), err)
	}
}

// TestAutostart boots the host in every state of a virtual machine.
func TestAutostart(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, func(s *model.VirtualMachineSpec) { s.Autostart = true })
	boot := func(want model.VMState) {
		t.Helper()
		g.h.RebootHost()
		if g.read(); g.vm.State != want || !g.vm.Autostart {
			t.Errorf("after the boot of the host: %s, not %s; autostart %t", g.vm.State, want, g.vm.Autostart)
		}
	}
	boot(model.VMRunning)
	g.spec.RestartTrigger, g.spec.Body.OnReboot = "new deployment", "destroy"
	if err := g.update(); err != nil {
		t.Fatal(err)
	}
	boot(model.VMRunning)
	if g.h.Domains()[0].OnReboot != "destroy" {
		t.Error("the host started an old deployment")
	}
	g.spec.Body.OnReboot = "restart"
	if err := g.update(); err != nil {
		t.Fatal(err)
	}
	boot(model.VMRunning)
	g.h.Reboot("web")
	if g.read(); g.vm.State != model.VMRunning {
		t.Errorf("while a guest reboots that xendomains started, the state is %s", g.vm.State)
	}
	for _, power := range []model.VMState{model.VMPoweroff, model.VMSuspended} {
		g.to(power)
		boot(power)
	}
	g.to(model.VMRunning)

	links := filepath.Join(g.h.Root(), "etc/xen/auto")
	entries, err := os.ReadDir(links)
	if err != nil || len(entries) != 1 {
		t.Fatalf("links are %v, %v", entries, err)
	}
	if err := os.Remove(filepath.Join(links, entries[0].Name())); err != nil {
		t.Fatal(err)
	}
	if g.read(); g.vm.Autostart {
		t.Error("the link was removed behind our back, and nobody sees it")
	}
	if err := g.update(); err != nil || !g.vm.Autostart {
		t.Errorf("the link was not mended: %v", err)
	}
	g.spec.Autostart = false
	if err := g.update(); err != nil || g.vm.Autostart {
		t.Errorf("autostart is %t, %v", g.vm.Autostart, err)
	}
	g.spec.Autostart = true
	if err := g.update(); err != nil {
		t.Fatal(err)
	}
	if err := g.e.DeleteVirtualMachine(t.Context(), g.vm.Ref()); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(links); len(entries) != 0 {
		t.Errorf("left are the links %v", entries)
	}
}

func TestAutostartNeedsXendomains(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, nil, simhost.NoTool("xendomains"))
	g.spec.Autostart = true
	g.refuses(g.update(), "autostart", "host xen01 has no xendomains", "xen-utils-common")
	g.spec.Name = "second"
	g.spec.Body.Disks = nil
	_, err := g.e.CreateVirtualMachine(t.Context(), site, g.spec, nil)
	g.refuses(err, "no xendomains")
}
