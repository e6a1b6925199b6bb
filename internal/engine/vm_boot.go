package engine

import (
	"bytes"
	"context"
	_ "embed" // the script
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/vm_boot.sh
var vmBootScript string

// domain is the virtual machine as xl is told of it.
func (s *site) domain(vm model.VirtualMachine, kernel, ramdisk string) PlainDomain {
	return PlainDomain{Name: vm.Name, UUID: vm.UUID, Body: vm.Effective, Disks: vm.Disks, Kernel: kernel, Ramdisk: ramdisk}
}

// boot writes the next deployment file and starts the domain. A new virtual machine that is cut off on the way is cleared away, as its
// record says. One that stands has disks to lose: it stays what it is until its domain says otherwise, and a start that is cut off goes on
// with the next apply.
func (s *site) boot(ctx context.Context, vm *model.VirtualMachine, domain PlainDomain) error {
	text, err := DeploymentFile(domain)
	if err != nil {
		return err
	}
	vm.ConsoleName, vm.Boot, vm.DeploymentSHA256 = vm.Name, nil, digestOf(text)
	if g := vm.Effective.Graphics; g != nil {
		vm.VNCPort = g.Port
	}
	if !vm.State.Transient() {
		if err := s.update(ctx, model.KindVirtualMachine, vm.Header, vm); err != nil {
			return err
		}
	}
	running := *vm
	running.State, running.DeploymentText = model.VMRunning, withoutPassword(text)
	record, err := s.store.UpdateScript(model.KindVirtualMachine, vm.ID, running)
	if err != nil {
		return err
	}
	release, err := s.bootAlone(ctx)
	if err != nil {
		return err
	}
	defer release()
	domid := &startedDomain{told: release} // the next one may start while it is noted that this one runs
	start := host.Sequence(fmt.Sprintf("start virtual machine %q", vm.Name), s.startScript(*vm, text), record)
	start.Stdout = domid
	if _, err := s.run(ctx, start); err != nil {
		return s.withLog(ctx, *vm, err)
	}
	*vm = running
	vm.DomID = domid.number()
	return nil
}

// startScript creates the domain.
func (s *site) startScript(vm model.VirtualMachine, deployment string) host.Script {
	attempt := "again"
	if vm.State.Transient() {
		attempt = "new"
	}
	args := []string{s.store.Dir(model.KindVirtualMachine, vm.ID), strconv.Itoa(vm.Deployment), deployment, vm.UUID, vm.Name, strconv.FormatInt(vm.VNCPort, 10), attempt}
	return host.Script{Text: vmFunctions + guardFunctions + vmBootScript, Args: append(args, guardedFiles(vm)...)}
}

// startedDomain takes the number that vm_boot.sh prints.
type startedDomain struct {
	line bytes.Buffer
	told func() // is called when it comes
}

func (d *startedDomain) Write(p []byte) (int, error) {
	d.told()
	return d.line.Write(p)
}

// number is 0 for a guest that is gone again.
func (d *startedDomain) number() int {
	number, _ := strconv.Atoi(strings.TrimSpace(d.line.String()))
	return number
}

// guardedFiles are those that no other domain may have as a disk at the same time: what the domain writes to, and what its overlays
// stand on. Domains with overlays of their own on one image do not meet, because their disks are the overlays. What is being made for a new
// virtual machine nobody else can have yet.
func guardedFiles(vm model.VirtualMachine) []string {
	var files []string
	for _, disk := range vm.Disks {
		justMade := disk.Own && vm.State.Transient()
		if !disk.ReadOnly && !justMade {
			files = append(files, disk.File)
		}
		if disk.Base != "" && !slices.Contains(files, disk.Base) {
			files = append(files, disk.Base)
		}
	}
	return files
}

// bootFiles finds the kernel and ramdisk of a virtual machine that stands already.
func (v *view) bootFiles(vm model.VirtualMachine) (kernel, ramdisk string, err error) {
	os := vm.Effective.OS
	if os == nil {
		return "", "", nil
	}
	kernel, ramdisk = os.Kernel, os.Ramdisk
	for id, file := range map[*int]*string{os.KernelID: &kernel, os.RamdiskID: &ramdisk} {
		if id == nil {
			continue
		}
		image, err := v.image(*id)
		if err != nil {
			return "", "", fmt.Errorf("image %d, which the virtual machine boots from: %w", *id, err)
		}
		*file = path.Join(v.store.Dir(model.KindImage, *id), image.File)
	}
	return kernel, ramdisk, nil
}
