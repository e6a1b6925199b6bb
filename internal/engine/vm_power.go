package engine

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	//go:embed scripts/vm_guard.sh
	guardFunctions string
	//go:embed scripts/vm_save.sh
	vmSaveScript string
	//go:embed scripts/vm_restore.sh
	vmRestoreScript string
	//go:embed scripts/vm_pause.sh
	vmPauseScript string
)

// Exit statuses by which the scripts say what they found.
const (
	exitNoSpace     = 56
	exitStaysUp     = 57
	exitNotRestored = 59
)

// mustRestart tells whether the trigger changed and there is a guest that can be rebooted.
func mustRestart(vm model.VirtualMachine, spec model.VirtualMachineSpec) bool {
	if spec.RestartTrigger == "" || spec.RestartTrigger == vm.RestartTrigger {
		return false
	}
	alive := vm.State == model.VMRunning || vm.State == model.VMPaused || vm.State == model.VMSuspended
	return alive && (spec.PowerState == model.VMRunning || spec.PowerState == model.VMPaused)
}

// become leads a virtual machine from the state that it is in, whoever brought it there, to the one that is wanted, and from its shape to
// the wanted one. What has to boot anyway is changed while it is off.
func (s *site) become(ctx context.Context, v *view, vm *model.VirtualMachine, change *vmChange, restart bool) error {
	spec, before := change.spec, vm.State
	if err := s.leave(ctx, vm, spec.PowerState, restart, change.reshapes(*vm)); err != nil {
		return err
	}
	if vm.State != before {
		var err error
		if v, err = s.fresh(ctx); err != nil {
			return err
		}
		vm.DomID = v.domains[vm.UUID].ID
	}
	if err := s.reshape(ctx, v, vm, change); err != nil {
		return err
	}
	if !change.restart {
		return s.reach(ctx, vm, spec)
	}
	if err := s.leave(ctx, vm, spec.PowerState, true, false); err != nil {
		return err
	}
	if err := s.reach(ctx, vm, spec); err != nil {
		return err
	}
	return s.sweep(ctx, *vm)
}

// leave ends what cannot go on. A guest that is suspended first goes on from its memory: what it has not yet written to its disks stands
// nowhere else, and its devices are those that it was saved with.
func (s *site) leave(ctx context.Context, vm *model.VirtualMachine, want model.VMState, restart, reshapes bool) error {
	if vm.State == model.VMSuspended && (want != model.VMSuspended || restart || reshapes) {
		if err := s.restore(ctx, vm); err != nil {
			return err
		}
	}
	dead := vm.State == model.VMFailed || vm.State == model.VMPoweroff && vm.DomID != 0
	if dead || vm.State != model.VMPoweroff && (restart || want == model.VMPoweroff) {
		return s.powerOff(ctx, vm, dead)
	}
	return nil
}

// reach starts a guest that is off, unless it is to be off, and leads it on.
func (s *site) reach(ctx context.Context, vm *model.VirtualMachine, spec model.VirtualMachineSpec) error {
	if spec.PowerState == model.VMPoweroff {
		return nil
	}
	if vm.State == model.VMPoweroff {
		vm.RestartTrigger = spec.RestartTrigger
		if err := s.powerOn(ctx, vm); err != nil {
			return err
		}
	}
	return s.hold(ctx, vm, spec.PowerState)
}

// hold leads a guest that runs or is paused to one of the states in which it lives.
func (s *site) hold(ctx context.Context, vm *model.VirtualMachine, want model.VMState) error {
	switch {
	case vm.State == want:
		return nil
	case want == model.VMSuspended:
		return s.save(ctx, vm)
	case want == model.VMPaused:
		return s.pause(ctx, vm, "pause", want)
	}
	return s.pause(ctx, vm, "unpause", want)
}

func (s *site) pause(ctx context.Context, vm *model.VirtualMachine, command string, becomes model.VMState) error {
	_, err := s.run(ctx, host.Script{
		Step:       fmt.Sprintf("%s virtual machine %q", command, vm.Name),
		Text:       vmFunctions + guardFunctions + vmPauseScript,
		Args:       []string{s.store.Dir(model.KindVirtualMachine, vm.ID), vm.UUID, command},
		Repeatable: true,
	})
	if err != nil {
		return err
	}
	vm.State = becomes
	return s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
}

// save suspends a guest: its memory becomes the file checkpoint, and its domain goes. Its images stay claimed.
func (s *site) save(ctx context.Context, vm *model.VirtualMachine) error {
	_, err := s.run(ctx, host.Script{
		Step: fmt.Sprintf("save the memory of virtual machine %q", vm.Name),
		Text: vmFunctions + guardFunctions + vmSaveScript,
		Args: append([]string{s.store.Dir(model.KindVirtualMachine, vm.ID), vm.UUID}, releasedFiles(*vm)...),
	})
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitNoSpace {
		return fmt.Errorf("unable to suspend virtual machine %q on host %s, which runs on: %s Make room there, or choose another power_state", vm.Name, s.name, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return err
	}
	vm.State, vm.ConsoleName, vm.DomID = model.VMSuspended, vm.Name, 0
	return s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
}

// restore wakes a suspended guest. Whatever fails, its checkpoint stays, unless the guest runs.
func (s *site) restore(ctx context.Context, vm *model.VirtualMachine) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	if vm.DomID == 0 {
		if err := v.checkMemory(s.domain(*vm, "", "").config()); err != nil {
			return err
		}
	}
	folder := s.store.Dir(model.KindVirtualMachine, vm.ID)
	args := []string{folder, vm.UUID, vm.Name, strconv.FormatInt(vm.VNCPort, 10)}
	release, err := s.bootAlone(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = s.run(ctx, host.Script{
		Step: fmt.Sprintf("restore virtual machine %q from its checkpoint", vm.Name),
		Text: vmFunctions + guardFunctions + vmRestoreScript,
		Args: append(args, guardedFiles(*vm)...),
	})
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitNotRestored {
		return fmt.Errorf("%w\n\nThe checkpoint is kept. Mend the cause and apply again; or give up what the guest had in its memory, as after a power failure: remove the file %s on the host and apply again", err, path.Join(folder, "checkpoint"))
	}
	if err != nil {
		return err
	}
	vm.State = model.VMRunning
	return s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
}

// bootAlone waits until nobody else of this process makes a domain on the host; the caller calls release, once or more often.
func (s *site) bootAlone(ctx context.Context) (release func(), err error) {
	select {
	case s.booting <- struct{}{}:
		return sync.OnceFunc(func() { <-s.booting }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// powerOn starts a virtual machine from its disks as they are.
func (s *site) powerOn(ctx context.Context, vm *model.VirtualMachine) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	if err := v.missingDisks(*vm); err != nil {
		return err
	}
	kernel, ramdisk, err := v.bootFiles(*vm)
	if err != nil {
		return err
	}
	if err := s.growDisks(ctx, vm); err != nil {
		return err
	}
	domain := s.domain(*vm, kernel, ramdisk)
	if err := v.checkMemory(domain.config()); err != nil {
		return err
	}
	vm.Deployment++
	err = s.boot(ctx, vm, domain)
	if err == nil || goesOn(err) {
		return err // what goes on, the next apply finds
	}
	// What stands on the disks stays; only the start is taken back.
	ctx, cancel := detached(ctx)
	defer cancel()
	if stopErr := s.stop(ctx, *vm, 0); stopErr != nil {
		return fmt.Errorf("%w\n\nThe clean-up failed as well: %w", err, stopErr)
	}
	vm.State = model.VMPoweroff
	return errors.Join(err, s.update(ctx, model.KindVirtualMachine, vm.Header, vm))
}

// powerOff ends the domain and keeps everything else. A dead one has no guest that could be asked.
func (s *site) powerOff(ctx context.Context, vm *model.VirtualMachine, dead bool) error {
	patience := vm.ShutdownTimeout
	if dead {
		patience = 0
	}
	if err := s.stop(ctx, *vm, patience); err != nil {
		return err
	}
	vm.State, vm.DomID, vm.Boot = model.VMPoweroff, 0, nil
	return s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
}

// staysUpError tells that a guest did not shut down, and that its domain was not to be destroyed.
type staysUpError struct {
	name, host string
	waited     time.Duration
}

func (e *staysUpError) Error() string {
	return fmt.Sprintf("the guest of virtual machine %q on host %s did not shut down within %s, and force_stop is false, so it stays as it is. Shut it down from inside and apply again, raise shutdown_timeout, or set force_stop = true, which destroys its domain as if its power failed", e.name, e.host, e.waited)
}

// stop ends the domain and waits until nothing of it is left but files. Without patience it is not asked.
func (s *site) stop(ctx context.Context, vm model.VirtualMachine, patience time.Duration) error {
	late := "destroy"
	if vm.NeverForce {
		late = "keep"
	}
	args := []string{s.store.Dir(model.KindVirtualMachine, vm.ID), vm.UUID, strconv.Itoa(wholeSeconds(patience)), late}
	_, err := s.run(ctx, host.Script{
		Step:       fmt.Sprintf("stop virtual machine %q", vm.Name),
		Text:       vmFunctions + guardFunctions + vmStopScript,
		Args:       append(args, releasedFiles(vm)...),
		Repeatable: true,
	})
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitStaysUp {
		return &staysUpError{name: vm.Name, host: s.name, waited: patience}
	}
	return err
}

// releasedFiles are the disks that must be free of loop devices when the domain is gone.
func releasedFiles(vm model.VirtualMachine) []string {
	var files []string
	for _, disk := range vm.Disks {
		if disk.Own || !disk.ReadOnly {
			files = append(files, disk.File)
		}
	}
	return files
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
