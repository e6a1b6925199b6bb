package engine_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// What a change left that was cut off shows, so that there is a next change, and goes with it.
func TestStraysAreSweptWithTheNextChange(t *testing.T) {
	g := startGuest(t, model.VMRunning, nil)
	for _, stray := range []string{"disk.9", "vm.json.new"} {
		if err := os.WriteFile(g.path(stray), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if drift := g.read().Drift; !strings.Contains(drift["files"], g.path(stray)) {
			t.Errorf("%s does not show: %v", stray, drift)
		}
		if err := g.update(); err != nil {
			t.Fatal(err)
		}
		if g.has(stray) {
			t.Errorf("%s is still there", stray)
		}
		if drift := g.read().Drift; len(drift) > 0 {
			t.Errorf("%s still shows: %v", stray, drift)
		}
	}
}

// A deployment file that was cut off while it was written goes with the next one, and so with every start and every change.
func TestHalfADeploymentFileGoes(t *testing.T) {
	g := startGuest(t, model.VMRunning, nil)
	half := func() {
		if err := os.WriteFile(g.path("deployment.7.new"), []byte("name = "), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	half()
	g.spec.Body.Memory = ptr(int64(48))
	g.to(model.VMRunning)
	if g.has("deployment.7.new") {
		t.Error("it is still there after a change")
	}
	g.to(model.VMPoweroff)
	half()
	g.to(model.VMRunning)
	if g.has("deployment.7.new") {
		t.Error("it is still there after a start")
	}
}

// A guest that boots by itself leaves the context that it had before. That is no change that was cut off.
func TestAnEarlierContextIsNoDrift(t *testing.T) {
	g := startGuest(t, model.VMRunning, func(spec *model.VirtualMachineSpec) { spec.Body.Context = map[string]string{"A": "b"} })
	g.spec.Body.Context = map[string]string{"A": "c"}
	if err := g.update(); err != nil {
		t.Fatal(err)
	}
	before := g.read()
	if len(before.Pending) == 0 || len(before.Drift) > 0 {
		t.Errorf("drift %v, pending %v", before.Drift, before.Pending)
	}
	g.h.Reboot(before.Name)
	for g.read().DomID == before.DomID {
		time.Sleep(100 * time.Millisecond)
	}
	if after := g.read(); len(after.Drift)+len(after.Pending) > 0 {
		t.Errorf("drift %v, pending %v", after.Drift, after.Pending)
	}
}
