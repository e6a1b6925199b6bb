package engine

import (
	"bytes"
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	//go:embed scripts/vmlog.sh
	vmFunctions string
	//go:embed scripts/parts.sh
	partFunctions string
	//go:embed scripts/vm_prolog.sh
	vmPrologScript string
	//go:embed scripts/vm_log.sh
	vmLogScript string
)

// CreateVirtualMachine makes the disks and the context of a virtual machine and starts its domain, unless its power state is
// POWEROFF. It calls reserved as soon as the record stands. Whatever fails, nothing is left behind, and persistent images keep their
// content.
func (e *Engine) CreateVirtualMachine(ctx context.Context, hostName string, spec model.VirtualMachineSpec, reserved func(model.VirtualMachine)) (model.VirtualMachine, error) {
	if err := spec.Check(); err != nil {
		return model.VirtualMachine{}, err
	}
	s, err := e.site(hostName)
	if err != nil {
		return model.VirtualMachine{}, err
	}
	s.settling(ctx) // the host is looked at while it is made ready
	if err := s.ready(ctx); err != nil {
		return model.VirtualMachine{}, err
	}
	v, err := s.settled(ctx)
	if err != nil {
		return model.VirtualMachine{}, err
	}
	if err := v.checkAutostart(spec.Autostart); err != nil {
		return model.VirtualMachine{}, err
	}
	// A name that is taken is told first: whoever was cut off between the last step of a creation and the answer hears what to import.
	if v, err = s.freeName(ctx, v, model.KindVirtualMachine, spec.Name); err != nil {
		return model.VirtualMachine{}, err
	}
	var r resolved
	if v, err = s.agreeing(ctx, v, func(v *view) error { r, err = v.resolve(spec); return err }); err != nil {
		return model.VirtualMachine{}, s.orImport(err, v, spec.Name)
	}
	needs := needsOf(r.body, r.images)
	var vm model.VirtualMachine
	_, err = s.carryOut(ctx, creation{
		kind:  model.KindVirtualMachine,
		needs: needs,
		record: func(id int) (model.Header, any, error) {
			vm = newVirtualMachine(id, spec, r)
			vm.Host, vm.Uses, vm.Claims = hostName, usesOfNeeds(needs), claimsOf(vm, r.images)
			var err error
			r.body, r.name, r.uuid = vm.Effective, vm.Name, vm.UUID
			vm.Disks, err = r.attach(v, s.store.Dir(model.KindVirtualMachine, id))
			return vm.Header, vm, err
		},
		begun: func() {
			if reserved != nil {
				reserved(vm)
			}
		},
		follow: func(ctx context.Context) (host.Script, error) { return s.prolog(ctx, v, &vm, r) },
		followed: func(ctx context.Context, said []byte, err error) error {
			if err != nil {
				return s.withLog(ctx, vm, err)
			}
			return s.cloned(&vm, r.images, said)
		},
		fill: func(ctx context.Context) error { return s.bringUp(ctx, &vm, r) },
		undo: func(ctx context.Context) error { return s.stop(ctx, vm, 0) },
	})
	if err != nil {
		return model.VirtualMachine{}, err
	}
	body := vm.Body
	vm.Seen, vm.Drift = &body, map[string]string{} // nobody has changed anything yet
	return vm, nil
}

// orImport adds to a refusal what helps when the virtual machine that is in the way was made for the same resource: without a name, nobody
// can tell when Terraform did not hear of it any more.
func (s *site) orImport(refusal error, v *view, name string) error {
	users, inUse := errors.AsType[usersError](refusal)
	field, ok := errors.AsType[*model.FieldError](refusal)
	if !inUse || !ok || name != "" {
		return refusal
	}
	return &model.FieldError{Field: field.Field, Err: fmt.Errorf("%w. If an apply that was cut off made virtual machine %s/%d for this resource, import that one",
		field.Err, s.name, v.byName[model.KindVirtualMachine][users[0]])}
}

func newVirtualMachine(id int, spec model.VirtualMachineSpec, r resolved) model.VirtualMachine {
	vm := model.VirtualMachine{
		Header:          model.Header{ID: id, Name: spec.Name, Labels: spec.Labels},
		UUID:            uuid.NewString(),
		State:           model.VMProlog,
		TemplateID:      spec.TemplateID,
		Body:            spec.Body,
		Effective:       r.body,
		ShutdownTimeout: spec.ShutdownTimeout,
		NeverForce:      spec.NeverForce,
		PowerState:      spec.PowerState,
		RestartTrigger:  spec.RestartTrigger,
		Autostart:       spec.Autostart,
		WaitFor:         spec.WaitFor,
		Running:         model.Running{RestartPolicy: spec.RestartPolicy, FollowTemplate: spec.FollowTemplate, Template: r.template},
		Created:         time.Now().UTC().Truncate(time.Second),
	}
	if vm.Name == "" {
		vm.Name = "one-" + strconv.Itoa(id)
	}
	settleDevices(id, &vm.Effective)
	if graphics := vm.Effective.Graphics; graphics != nil {
		vm.VNCPort = graphics.Port
	}
	return vm
}

// prologScript begins the log of a virtual machine. $1 folder.
const prologScript = `dir=$1
log DiM I 'New VM state is ACTIVE.' LCM I 'New VM state is PROLOG.'
`

// prolog is the script that makes all disks of a new virtual machine, if its domain can be started then.
func (s *site) prolog(ctx context.Context, v *view, vm *model.VirtualMachine, r resolved) (host.Script, error) {
	domain := s.domain(*vm, r.kernel, r.ramdisk)
	if _, err := DeploymentFile(domain); err != nil {
		return host.Script{}, err
	}
	if vm.PowerState != model.VMPoweroff {
		if _, err := s.agreeing(ctx, v, func(v *view) error { return v.checkMemory(domain.config()) }); err != nil {
			return host.Script{}, err
		}
	}
	return s.disksScript(vm, r, vm.Disks, prologScript)
}

// bringUp leads a new virtual machine, whose disks are made, to its power state.
func (s *site) bringUp(ctx context.Context, vm *model.VirtualMachine, r resolved) error {
	if vm.PowerState == model.VMPoweroff {
		vm.State = model.VMPoweroff
		return s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
	}
	if err := s.boot(ctx, vm, s.domain(*vm, r.kernel, r.ramdisk)); err != nil {
		return err
	}
	if vm.Autostart && vm.PowerState == model.VMRunning {
		if err := s.setAutostart(ctx, *vm); err != nil {
			return err
		}
	}
	return s.hold(ctx, vm, vm.PowerState)
}

// makeDisks makes disks of a virtual machine and notes how.
func (s *site) makeDisks(ctx context.Context, vm *model.VirtualMachine, r resolved, disks []model.AttachedDisk) error {
	script, err := s.disksScript(vm, r, disks, "")
	if err != nil {
		return err
	}
	result, err := s.run(ctx, script)
	if err != nil {
		return err
	}
	return s.cloned(vm, r.images, result.Stdout)
}

// disksScript makes disks of a virtual machine, and stores the context's ISO when it is among them. cloned takes what it prints.
func (s *site) disksScript(vm *model.VirtualMachine, r resolved, disks []model.AttachedDisk, before string) (host.Script, error) {
	args := []string{s.store.Dir(model.KindVirtualMachine, vm.ID)}
	var iso []io.Reader
	for _, disk := range disks {
		switch {
		case disk.Context:
			image, err := s.contextImage(r)
			if err != nil {
				return host.Script{}, err
			}
			vm.ContextDigest = image.Digest()
			args = append(args, "context", path.Base(disk.File), "", strconv.Itoa(len(image.Parts)), disk.Format, "")
			for _, part := range image.Parts {
				args = append(args, part.From, strconv.FormatInt(part.Size, 10), part.SHA256)
				iso = append(iso, bytes.NewReader(part.Data))
			}
		case disk.Own && disk.ImageID != nil:
			image := r.images[*disk.ImageID]
			grow := int64(0)
			if disk.Size > image.Size {
				grow = disk.Size
			}
			args = append(args, "clone", path.Base(disk.File), imageFile(s.store, image), strconv.FormatInt(grow, 10), image.Format, words(r.methods[disk.Slot]))
		case disk.Own:
			args = append(args, "make", path.Base(disk.File), "", strconv.FormatInt(disk.Size, 10), disk.Format, volatileFS(r.body.Disks[disk.Slot]))
		}
	}
	return host.Script{
		Step:  fmt.Sprintf("make the disks of virtual machine %q", vm.Name),
		Text:  diskFunctions + partFunctions + vmFunctions + before + vmPrologScript,
		Args:  args,
		Stdin: io.MultiReader(iso...),
	}, nil
}

// volatileFS is the file system of a volatile disk.
func volatileFS(disk model.Disk) string {
	if disk.Volatile == "swap" {
		return "swap"
	}
	return disk.FSType
}

// withLog adds the log of the virtual machine to an error that the host reported, before the log goes with the rest.
func (s *site) withLog(ctx context.Context, vm model.VirtualMachine, cause error) error {
	if exit, ok := errors.AsType[*host.ExitError](cause); !ok || exit == nil {
		return cause
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	result, err := s.host.Run(ctx, host.Script{Step: "read the log", Text: vmLogScript, Args: []string{s.store.Dir(model.KindVirtualMachine, vm.ID)}, Repeatable: true})
	if text := strings.TrimSpace(string(result.Stdout)); err == nil && text != "" {
		return fmt.Errorf("%w\n\nLog of virtual machine %q:\n%s\n\nWhat was begun is taken back; mend the cause and apply again.", cause, vm.Name, text) //nolint:staticcheck // the error is read as a text of several sentences
	}
	return cause
}
