package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestReadersOfRebootingGuestsShareLooks has a whole host's guests reboot at once: all of them are waited for, by looks that are shared.
func TestReadersOfRebootingGuestsShareLooks(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.RebootGap(2*time.Second))
	e := connect(t, h)
	memory := int64(64)
	var refs []model.Ref
	for n := range 6 {
		vm := createVM(t, e, model.VirtualMachineSpec{Name: fmt.Sprintf("web-%d", n), Body: model.VirtualMachineBody{Memory: &memory}})
		refs = append(refs, vm.Ref())
	}
	for n := range refs {
		h.Reboot(fmt.Sprintf("web-%d", n))
	}
	// A process of its own has no view from before.
	e, commands := connect(t, h), h.Commands()
	var readers sync.WaitGroup
	for _, ref := range refs {
		readers.Go(func() {
			vm, err := e.VirtualMachine(t.Context(), ref)
			if err != nil || vm.State != model.VMRunning || vm.DomID == 0 {
				t.Errorf("%s reads as %s with the domain id %d: %v", ref, vm.State, vm.DomID, err)
			}
		})
	}
	readers.Wait()
	if looks := h.Commands() - commands; looks > 6 {
		t.Errorf("%d looks at the host for %d guests that reboot for two seconds", looks, len(refs))
	}
}

// TestApplyLooksAFewTimes makes many virtual machines at once: one look at the host serves all of them.
func TestApplyLooksAFewTimes(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	var looks atomic.Int64
	e := connect(t, h, func(_ context.Context, step string, _ time.Duration, _ error) {
		if strings.HasPrefix(step, "read the datastore") {
			looks.Add(1)
		}
	})
	const number = 10
	memory := int64(64)
	var made sync.WaitGroup
	for n := range number {
		made.Go(func() {
			createVM(t, e, model.VirtualMachineSpec{Name: fmt.Sprintf("web-%d", n), Body: model.VirtualMachineBody{Memory: &memory}})
		})
	}
	made.Wait()
	if looks.Load() > 3 {
		t.Errorf("%d looks at the host for %d virtual machines", looks.Load(), number)
	}
}
