package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // the scripts
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	//go:embed scripts/vm_change.sh
	vmChangeScript string
	//go:embed scripts/vm_sweep.sh
	vmSweepScript string
	//go:embed scripts/vm_grow.sh
	vmGrowScript string
)

// vmChange is a change of a virtual machine that has been thought through and not begun.
type vmChange struct {
	r        resolved
	refit    refit
	spec     model.VirtualMachineSpec
	template *model.VirtualMachineBody
	needs    []datastore.Need // of what is new
	restart  bool             // the guest has to boot again when all is done
}

// reshapes tells whether the change is one of the guest's own: of what it has, not of what is noted about it.
func (c *vmChange) reshapes(vm model.VirtualMachine) bool {
	return len(c.refit.make)+len(c.refit.gone) > 0 || len(unequal(flatten(vm.Effective), flatten(c.r.body))) > 0
}

// prepare thinks a change through; the host has nothing of it yet.
func (s *site) prepare(v *view, vm model.VirtualMachine, spec model.VirtualMachineSpec) (*vmChange, error) {
	c := &vmChange{spec: spec}
	body, template, err := v.wanted(vm, spec)
	if err != nil {
		return nil, err
	}
	c.template = template
	if err := CheckBody(body, true); err != nil {
		return nil, err
	}
	if replaced := v.replacing(vm.Effective, body); len(replaced) > 0 {
		return nil, &model.FieldError{Field: replaced[0], Err: errors.New("the change needs a new virtual machine, but the plan did not say so, because something has changed since then: plan and apply again")}
	}
	if vm.DomID != 0 && spec.PowerState != model.VMPoweroff {
		if err := cmp.Or(v.missingDisks(vm), v.missingVolatile(vm)); err != nil {
			return nil, err
		}
	}
	if c.r, c.needs, err = v.resolveChange(vm, body); err != nil {
		return nil, err
	}
	c.r.name = cmp.Or(spec.Name, vm.Name)
	if c.refit, err = v.fit(vm, &c.r); err != nil {
		return nil, err
	}
	return c, s.fitContext(vm, c)
}

// resolveChange looks up what the virtual machine refers to. Only what it did not refer to before must be ready for it.
func (v *view) resolveChange(vm model.VirtualMachine, body model.VirtualMachineBody) (resolved, []datastore.Need, error) {
	r := resolved{body: body, images: map[int]model.Image{}}
	fresh := resolved{body: body, images: map[int]model.Image{}}
	fresh.body.Disks = map[string]model.Disk{}
	before := map[int]bool{}
	for _, disk := range vm.Disks {
		if disk.ImageID != nil {
			before[*disk.ImageID] = true
		}
	}
	for slot, disk := range body.Disks {
		if disk.ImageID == nil || !before[*disk.ImageID] {
			fresh.body.Disks[slot] = disk
			continue
		}
		image, err := v.image(*disk.ImageID)
		if err != nil {
			return r, nil, v.missing("disks."+slot+".image_id", model.KindImage, *disk.ImageID, err)
		}
		r.images[image.ID] = image
	}
	if err := v.resolveImages(&fresh); err != nil {
		return r, nil, err
	}
	r.kernel, r.ramdisk = fresh.kernel, fresh.ramdisk
	maps.Copy(r.images, fresh.images)
	if err := r.chooseMethods(nil); err != nil {
		return r, nil, err
	}
	if id := body.ContextID; id != nil {
		record, err := v.context(*id)
		if err != nil {
			return r, nil, v.missing("context_id", model.KindContext, *id, err)
		}
		r.context = &record
	}
	needs := slices.DeleteFunc(needsOf(body, fresh.images), func(need datastore.Need) bool { return slices.Contains(vm.Uses, need.Use) })
	r.name, r.uuid = vm.Name, vm.UUID
	return r, needs, cmp.Or(v.checkBridges(body), v.checkMACs(body, vm.UUID))
}

// fitContext decides whether the guest gets a new ISO: where its content changes, or where the one on the host was changed or lost. An ISO
// that a guest has open stays as it is, so a new one is a new file.
func (s *site) fitContext(vm model.VirtualMachine, c *vmChange) error {
	at := slices.IndexFunc(c.refit.disks, func(disk model.AttachedDisk) bool { return disk.Context })
	if at < 0 {
		return nil
	}
	image, err := s.contextImage(c.r)
	if err != nil {
		return err
	}
	_, drifted := vm.Drift["context"]
	if slices.ContainsFunc(vm.Disks, func(disk model.AttachedDisk) bool { return disk.Context }) && image.Digest() == vm.ContextDigest && !drifted {
		return nil
	}
	disk := &c.refit.disks[at]
	disk.File = c.refit.nextFile()
	c.refit.make = append(c.refit.make, *disk)
	return nil
}

// reshape carries a change out. The record says first what the virtual machine is to be, so that a change that is cut off shows as a
// difference and goes on with the next apply; what it no longer needs it keeps until the domain has let go of it.
func (s *site) reshape(ctx context.Context, v *view, vm *model.VirtualMachine, c *vmChange) error {
	before := *vm
	vm.Body, vm.Effective, vm.Template, vm.TemplateID = c.spec.Body, c.r.body, c.template, c.spec.TemplateID
	vm.RestartPolicy, vm.FollowTemplate = c.spec.RestartPolicy, c.spec.FollowTemplate
	vm.Disks, vm.VNCPort = c.refit.disks, 0
	if vm.Effective.Graphics != nil {
		vm.VNCPort = vm.Effective.Graphics.Port
	}
	claims, uses := claimsOf(*vm, c.r.images), usesOfNeeds(needsOf(c.r.body, c.r.images))
	vm.Claims, vm.Uses = withAll(claims, before.Claims), withAll(uses, before.Uses)
	if len(c.refit.make) > 0 {
		// What is to be copied must not go meanwhile.
		promised := before
		promised.Claims, promised.Uses = vm.Claims, vm.Uses
		if err := s.explainConflict(s.update(ctx, model.KindVirtualMachine, promised.Header, promised, c.needs...)); err != nil {
			return err
		}
		if err := s.makeNew(ctx, vm, c); err != nil {
			return errors.Join(err, s.sweep(ctx, before))
		}
	}
	if err := s.change(ctx, v, vm, before, c); err != nil {
		return err
	}
	if len(vm.Claims) != len(claims) || len(vm.Uses) != len(uses) {
		vm.Claims, vm.Uses = claims, uses
		if err := s.update(ctx, model.KindVirtualMachine, vm.Header, vm); err != nil {
			return err
		}
	}
	if len(c.refit.make)+len(c.refit.gone) > 0 || len(vm.Drift) > 0 || len(v.strays(*vm)) > 0 {
		return s.sweep(ctx, *vm)
	}
	return nil
}

// makeNew makes the new disks and notes in the virtual machine how.
func (s *site) makeNew(ctx context.Context, vm *model.VirtualMachine, c *vmChange) error {
	part := *vm
	part.Disks = slices.Clone(c.refit.make)
	if err := s.makeDisks(ctx, &part, c.r, part.Disks); err != nil {
		return s.withLog(ctx, *vm, err)
	}
	vm.ContextSHA256, vm.ContextMD5, vm.ContextDigest = part.ContextSHA256, part.ContextMD5, part.ContextDigest
	vm.ContextBytes, vm.ContextModified = part.ContextBytes, part.ContextModified
	for i, disk := range vm.Disks {
		if at := slices.IndexFunc(part.Disks, func(made model.AttachedDisk) bool { return made.File == disk.File }); at >= 0 {
			vm.Disks[i] = part.Disks[at]
		}
	}
	return nil
}

// change gives a running domain what it can take at once, and its next boot the rest.
func (s *site) change(ctx context.Context, v *view, vm *model.VirtualMachine, before model.VirtualMachine, c *vmChange) error {
	if before.DomID == 0 {
		vm.Boot = nil
		return s.explainConflict(s.update(ctx, model.KindVirtualMachine, vm.Header, vm, c.needs...))
	}
	now := expectedShape(before)
	if long, there := v.long[before.DomID]; there {
		now = observe(now, long)
	}
	way, err := transit(now, shapeOf(*vm), v.info.Scheduler)
	if err != nil {
		return err
	}
	steps := append(v.growSteps(vm), way.steps...)
	pending := append(way.pending, waitingGrowth(*vm)...)
	vm.Boot = nil
	if len(way.pending) > 0 {
		vm.Boot = &model.Boot{DomID: before.DomID, Body: way.after.body, Disks: way.after.disks}
	}
	c.restart = len(pending) > 0 && vm.RestartPolicy == model.RestartOnChange
	text, err := DeploymentFile(s.domain(*vm, c.r.kernel, c.r.ramdisk))
	if err != nil {
		return err
	}
	_, edited := before.Drift["deployment_file"]
	number := 0
	if edited || vm.DeploymentSHA256 != digestOf(text) {
		vm.Deployment++
		number, vm.DeploymentSHA256 = vm.Deployment, digestOf(text)
	}
	if err := s.explainConflict(s.update(ctx, model.KindVirtualMachine, vm.Header, vm, c.needs...)); err != nil {
		return err
	}
	if len(steps) == 0 && number == 0 {
		return nil
	}
	return s.runSteps(ctx, *vm, number, text, steps)
}

func (s *site) runSteps(ctx context.Context, vm model.VirtualMachine, number int, text string, steps [][]string) error {
	args := []string{s.store.Dir(model.KindVirtualMachine, vm.ID), strconv.Itoa(number), text, vm.UUID}
	for _, step := range steps {
		args = append(args, append(step, "", "", "")[:4]...)
	}
	release, err := s.bootAlone(ctx) // hotplug scripts of several domains would wait for each other
	if err != nil {
		return err
	}
	defer release()
	_, err = s.run(ctx, host.Script{
		Step: fmt.Sprintf("change the running virtual machine %q", vm.Name),
		Text: vmFunctions + guardFunctions + vmChangeScript,
		Args: args,
	})
	if err != nil {
		return fmt.Errorf("%w\n\nWhat was changed before stays changed; the next apply goes on", err)
	}
	return nil
}

// growSteps makes those disks larger that the kernel of dom0 hands to the guest; one of another format waits until no domain has it.
func (v *view) growSteps(vm *model.VirtualMachine) [][]string {
	var steps [][]string
	for i := range vm.Disks {
		disk := &vm.Disks[i]
		wanted := max(vm.Effective.Disks[disk.Slot].Size, disk.Size)
		file, there := v.snapshot.Files[disk.File]
		if disk.Context || !disk.Own || disk.Format != model.FormatRaw || !there || wanted <= mebibytes(file.Bytes) {
			continue
		}
		disk.Size = wanted
		steps = append(steps, []string{"grow", disk.File, number(wanted)})
	}
	return steps
}

// growDisks makes the disks of a virtual machine larger that has no domain.
func (s *site) growDisks(ctx context.Context, vm *model.VirtualMachine) error {
	args := []string{s.store.Dir(model.KindVirtualMachine, vm.ID)}
	for i := range vm.Disks {
		disk := &vm.Disks[i]
		if wanted := vm.Effective.Disks[disk.Slot].Size; !disk.Context && disk.Own && wanted > disk.Size {
			disk.Size = wanted
			args = append(args, disk.File, number(wanted), disk.Format)
		}
	}
	if len(args) == 1 {
		return nil
	}
	_, err := s.run(ctx, host.Script{
		Step: fmt.Sprintf("grow the disks of virtual machine %q", vm.Name), Text: diskFunctions + vmFunctions + vmGrowScript, Args: args, Repeatable: true,
	})
	return err
}

// sweep removes the files of disks that the virtual machine no longer has.
func (s *site) sweep(ctx context.Context, vm model.VirtualMachine) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	args := []string{s.store.Dir(model.KindVirtualMachine, vm.ID)}
	for _, disk := range vm.Disks {
		args = append(args, disk.File)
	}
	_, err := s.run(ctx, host.Script{
		Step: fmt.Sprintf("remove what virtual machine %q no longer has", vm.Name), Text: vmFunctions + guardFunctions + vmSweepScript, Args: args, Repeatable: true,
	})
	return err
}

// withAll is the first list and what the second has beyond it.
func withAll(list, more []string) []string {
	all := slices.Clone(list)
	for _, word := range more {
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

func digestOf(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}
