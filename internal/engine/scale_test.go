package engine_test

import (
	"fmt"
	"sync"
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
