package engine

import (
	"path"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// seen is the state of a virtual machine as the host shows it. The record alone knows of operations that are under way; for the rest,
// what is there counts: the guest and other administrators do not write records.
func (v *view) seen(vm model.VirtualMachine) model.VMState {
	domain, there := v.domains[vm.UUID]
	saved := v.saved(vm)
	switch {
	case vm.State.Transient():
		return vm.State
	case v.between(vm):
		return model.VMRunning
	case there && domain.Shutdown() && domain.Crashed():
		return model.VMFailed
	case there && !domain.Shutdown() && !domain.Dying():
		return v.alive(vm, saved)
	case saved:
		return model.VMSuspended
	}
	return model.VMPoweroff
}

// alive is the state of a virtual machine whose domain can run. A paused domain beside a checkpoint is a restore that was cut off, and one
// that never ran, of a virtual machine that was off, a start that was: it lacks devices, and must not run.
func (v *view) alive(vm model.VirtualMachine, saved bool) model.VMState {
	switch paused := v.domains[vm.UUID].Paused(); {
	case paused && saved:
		return model.VMSuspended
	case paused && vm.State == model.VMPoweroff && v.domains[vm.UUID].Seconds == 0:
		return model.VMPoweroff
	case paused:
		return model.VMPaused
	}
	return model.VMRunning
}

// saved tells whether the memory of the guest lies in a file.
func (v *view) saved(vm model.VirtualMachine) bool {
	_, there := v.snapshot.Files[path.Join(v.store.Dir(model.KindVirtualMachine, vm.ID), "checkpoint")]
	return there
}

// between tells whether an xl process works on the domain, so that what is seen of it is about to change. A guest that reboots is first
// there shut down (--psr-), then absent, then there with a new number, paused and without having run; one that powers itself off is
// shut down until xl has cleared it away.
func (v *view) between(vm model.VirtualMachine) bool {
	if !v.isWatched(vm) {
		return false
	}
	domain, there := v.domains[vm.UUID]
	neverRan := there && domain.Paused() && domain.Seconds == 0 && vm.State != model.VMPaused && !v.saved(vm)
	return !there || domain.Shutdown() || domain.Dying() || neverRan
}

// isWatched tells whether an xl process has the virtual machine in its command line: one of ours by its folder, one of xendomains by the
// link for starts at boot, or by the file in which it saves domains when the host goes down; one that made an adopted domain by the file
// that it was given.
func (v *view) isWatched(vm model.VirtualMachine) bool {
	folder := v.store.Dir(model.KindVirtualMachine, vm.ID)
	for _, text := range []string{folder + "/deployment.", folder + "/checkpoint", "/etc/xen/auto/" + autostartLink(vm), "/var/lib/xen/save/" + vm.Name + " "} {
		if strings.Contains(v.watched, text) {
			return true
		}
	}
	for process := range strings.Lines(v.watched) {
		if vm.Watcher != "" && strings.Contains(process, " create ") && strings.Contains(process, " "+vm.Watcher+" ") {
			return true
		}
	}
	return false
}
