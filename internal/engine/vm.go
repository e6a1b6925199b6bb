package engine

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/vm_stop.sh
var vmStopScript string

// rebootPatience is how long a read waits for a guest that is between two states.
const rebootPatience = 20 * time.Second

// VirtualMachine reads a virtual machine; ErrAbsent when the host says that there is none. A guest that is rebooting, and so unknown to
// xl for some seconds, is waited for.
func (e *Engine) VirtualMachine(ctx context.Context, ref model.Ref) (model.VirtualMachine, error) {
	s, v, err := e.viewOn(ctx, ref.Host)
	if err != nil {
		return model.VirtualMachine{}, err
	}
	_, vm, err := s.booted(ctx, v, ref.ID)
	return vm, err
}

// booted reads a virtual machine when its guest is not between two boots, as long as that does not take too long.
func (s *site) booted(ctx context.Context, v *view, id int) (*view, model.VirtualMachine, error) {
	var err error
	for deadline := time.Now().Add(rebootPatience); err == nil; v, err = s.after(ctx, v) {
		vm, readErr := v.virtualMachine(id)
		if readErr != nil || vm.State.Transient() || !v.between(vm) || time.Now().After(deadline) {
			return v, vm, readErr
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return v, vm, context.Cause(ctx)
		}
	}
	return v, model.VirtualMachine{}, err
}

// UpdateVirtualMachine makes of a virtual machine what the specification says: what a running guest can take at once it gets at once, the
// rest waits for its next boot, which follows where the restart policy says so. What would need a new virtual machine is refused.
func (e *Engine) UpdateVirtualMachine(ctx context.Context, ref model.Ref, spec model.VirtualMachineSpec) (model.VirtualMachine, error) {
	if err := spec.Check(); err != nil {
		return model.VirtualMachine{}, err
	}
	s, err := e.site(ref.Host)
	if err != nil {
		return model.VirtualMachine{}, err
	}
	if err := s.ready(ctx); err != nil {
		return model.VirtualMachine{}, err
	}
	err = s.locked(ctx, model.KindVirtualMachine, ref.ID, func(ctx context.Context) error { return s.updateVirtualMachine(ctx, ref.ID, spec) })
	if err != nil {
		return model.VirtualMachine{}, err
	}
	return e.VirtualMachine(ctx, ref)
}

func (s *site) updateVirtualMachine(ctx context.Context, id int, spec model.VirtualMachineSpec) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	v, vm, err := s.booted(ctx, v, id)
	if err != nil {
		return err
	}
	if vm.State.Transient() {
		return fmt.Errorf("virtual machine %q is in the state %s: an operation on it was cut off, so it has to be replaced (terraform apply -replace)", vm.Name, vm.State)
	}
	if err := v.checkAutostart(spec.Autostart); err != nil {
		return err
	}
	vm.Failure = ""
	restart := mustRestart(vm, spec)
	if !restart {
		vm.RestartTrigger = spec.RestartTrigger
	}
	change, err := s.prepare(v, vm, spec)
	if err != nil {
		return err
	}
	if err := s.rename(ctx, v, &vm, spec); err != nil {
		return err
	}
	err = s.become(ctx, v, &vm, change, restart)
	if _, linked := v.autostarts.targets[autostartLink(vm)]; linked || vm.Autostart {
		err = errors.Join(err, s.setAutostart(ctx, vm))
	}
	return err
}

// renameScript gives a running domain another name. $1 id  $2 name.
const renameScript = `xl rename "$1" "$2"`

// rename writes what is true of a virtual machine in any state, and tells xl of a new name.
func (s *site) rename(ctx context.Context, v *view, vm *model.VirtualMachine, spec model.VirtualMachineSpec) error {
	old := vm.Name
	if spec.Name != "" {
		vm.Name = spec.Name
	}
	vm.Labels, vm.ShutdownTimeout, vm.NeverForce = spec.Labels, spec.ShutdownTimeout, spec.NeverForce
	vm.PowerState, vm.Autostart, vm.WaitFor = spec.PowerState, spec.Autostart, spec.WaitFor
	for i, claim := range vm.Claims {
		if claim == claimName(old) {
			vm.Claims[i] = claimName(vm.Name)
		}
	}
	if err := s.explainConflict(s.update(ctx, model.KindVirtualMachine, vm.Header, vm)); err != nil {
		return err
	}
	domain, there := v.domains[vm.UUID]
	if !there || domain.Name == vm.Name {
		return nil
	}
	_, err := s.run(ctx, host.Script{Step: fmt.Sprintf("rename domain %q to %q", domain.Name, vm.Name), Text: renameScript, Args: []string{strconv.Itoa(domain.ID), vm.Name}})
	return err
}

// DeleteVirtualMachine shuts the guest down, destroys the domain when that takes too long, and removes its disks only after the domain
// is gone. Persistent images keep what was written and are free for the next. It is success when there is nothing.
func (e *Engine) DeleteVirtualMachine(ctx context.Context, ref model.Ref) error {
	s, err := e.site(ref.Host)
	if err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.locked(ctx, model.KindVirtualMachine, ref.ID, func(ctx context.Context) error {
		return s.destroyVirtualMachine(ctx, ref.ID, math.MaxInt64)
	})
}

// destroyVirtualMachine gives the guest the time that its record says, at most the given patience. The caller holds the lock.
func (s *site) destroyVirtualMachine(ctx context.Context, id int, patience time.Duration) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, id)
	if errors.Is(err, ErrAbsent) {
		return s.remove(ctx, model.KindVirtualMachine, id)
	}
	if err != nil {
		return err
	}
	seen := v.seen(vm)
	if seen != model.VMRunning && seen != model.VMPaused {
		patience = 0 // there is no guest that could be asked
	}
	// One that was never finished stays so until it is gone: whoever comes clears it away.
	if vm.State != model.VMProlog {
		vm.State = model.VMShutdown
		err := s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
		if errors.Is(err, ErrAbsent) { // a removal that a client has left behind came to its end meanwhile
			return s.remove(ctx, model.KindVirtualMachine, id)
		}
		if err != nil {
			return err
		}
	}
	if err := s.stop(ctx, vm, min(patience, vm.ShutdownTimeout)); err != nil {
		if _, stays := errors.AsType[*staysUpError](err); stays {
			vm.State = seen
			err = errors.Join(err, s.update(ctx, model.KindVirtualMachine, vm.Header, vm))
		}
		return err
	}
	return s.remove(ctx, model.KindVirtualMachine, id)
}
