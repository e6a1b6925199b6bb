package engine

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

var (
	//go:embed scripts/image_own.sh
	imageOwnScript string
	//go:embed scripts/image_grow.sh
	imageGrowScript string
	//go:embed scripts/image_verify.sh
	imageVerifyScript string
)

// exitImageInUse is the status of image_grow.sh when a domain has the file.
const exitImageInUse = 72

// UpdateImage changes name and labels at any time; type (OS, CDROM, DATABLOCK into each other), persistent and whether the image is
// disabled while no virtual machine uses it; and lets the disk grow while no guest writes to it. An image that was disabled, or whose
// state is ERROR, becomes READY after its content was verified on the host, and not without.
func (e *Engine) UpdateImage(ctx context.Context, ref model.Ref, spec model.ImageSpec) (model.Image, error) {
	s, err := e.site(ref.Host)
	if err != nil {
		return model.Image{}, err
	}
	if err := s.ready(ctx); err != nil {
		return model.Image{}, err
	}
	err = s.locked(ctx, model.KindImage, ref.ID, func(ctx context.Context) error { return s.updateImage(ctx, ref.ID, spec) })
	if err != nil {
		return model.Image{}, err
	}
	return e.Image(ctx, ref)
}

// updateImage changes the file of the image first and the record last, so that a record never promises what is not there.
func (s *site) updateImage(ctx context.Context, id int, spec model.ImageSpec) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	record, err := datastore.Decode[model.Image](v.snapshot, model.KindImage, id)
	if err != nil {
		return err
	}
	if err := checkChange(record, spec); err != nil {
		return err
	}
	seen, err := v.image(id)
	if err != nil {
		return err
	}
	if (seen.State == model.ImageError || seen.State == model.ImageDisabled) && !spec.Disabled {
		if err := s.verify(ctx, v, &record); err != nil {
			return err
		}
	}
	if spec.Persistent && !record.Persistent {
		if _, err := s.shape(ctx, record.Name, imageOwnScript, v.imageFile(record)); err != nil {
			return err
		}
	}
	if spec.Size > record.Size {
		if err := s.growImage(ctx, v, &record, spec.Size); err != nil {
			return err
		}
	}
	if record.SHA256 == "" && !spec.Persistent && !spec.Disabled {
		if err := s.fingerprint(ctx, &record); err != nil {
			return err
		}
	}
	return s.rewriteImage(ctx, v, record, spec)
}

// fingerprint makes the map of a content that nobody writes to any more, so that it can be verified.
func (s *site) fingerprint(ctx context.Context, image *model.Image) (err error) {
	image.SHA256, err = transfer.MakeMap(ctx, s.host, transfer.File{Path: imageFile(s.store, *image), Map: imageMap(s.store, *image)})
	return err
}

// checkChange refuses what needs a new image.
func checkChange(record model.Image, spec model.ImageSpec) error {
	refuse := func(field, format string, args ...any) error {
		return &model.FieldError{Field: field, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case record.State == model.ImageLocked:
		return fmt.Errorf("the making of image %q was cut off, so it has to be replaced (terraform apply -replace)", record.Name)
	case spec.Type != record.Type && (!spec.Type.IsDisk() || !record.Type.IsDisk()):
		return refuse("type", "an image of type %s cannot become one of type %s", record.Type, spec.Type)
	case spec.Size != 0 && spec.Size < record.Size:
		return refuse("size", "the image has %d MiB and cannot shrink to %d MiB", record.Size, spec.Size)
	case spec.Type == model.ImageCDROM && spec.Size > record.Size:
		return refuse("size", "a CDROM image is as large as its content and does not grow")
	}
	const late = "the content of the image comes from elsewhere now, which was not known when the apply was planned: apply again"
	switch {
	case spec.Path != record.Path:
		return refuse("path", late)
	case spec.HostPath != record.HostPath:
		return refuse("host_path", late)
	case !samePointer(spec.SourceImage, record.SourceImage):
		return refuse("source_image_id", late)
	case !samePointer(spec.SourceDisk, record.SourceDisk):
		return refuse("source_disk", late)
	}
	return nil
}

func samePointer[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// rewriteImage writes the record as it is to be.
func (s *site) rewriteImage(ctx context.Context, v *view, record model.Image, spec model.ImageSpec) error {
	write := s.store.Update
	if spec.Type != record.Type || spec.Persistent != record.Persistent || spec.Disabled && record.State != model.ImageDisabled {
		write = s.store.UpdateIdle
	}
	switch {
	case spec.Persistent:
		record.SHA256, record.Altered = "", true // guests may write to it from now on
	case record.Persistent:
		file := v.snapshot.Files[v.imageFile(record)]
		record.Bytes, record.Modified = file.Bytes, file.Modified // and nobody any more
	}
	record.Name, record.Labels, record.Checksum, record.FetchFrom = spec.Name, spec.Labels, spec.Checksum, spec.FetchFrom
	record.Type, record.Persistent = spec.Type, spec.Persistent
	record.State, record.Failure = restingState(spec), ""
	record.Claims = []string{claimName(spec.Name)}
	defer s.changed()
	err := write(ctx, model.KindImage, record.Header, record)
	if inUse, ok := errors.AsType[*datastore.InUseError](err); ok {
		return fmt.Errorf("type, persistent and enabled of an image change only while no virtual machine uses it, but image %q is used by %s: remove that use first", record.Name, v.names(inUse.By))
	}
	return s.explainConflict(err)
}

// growImage makes the disk larger. While it does, and when it is cut off there, the state is ERROR, so that no copy of a half-grown
// file is made.
func (s *site) growImage(ctx context.Context, v *view, record *model.Image, size int64) error {
	if names := v.overlaysOn(record.ID); len(names) > 0 {
		return notNow(*record, "disks of %s rest on it and would break: destroy these virtual machines first", strings.Join(names, ", "))
	}
	users, err := v.atRest(*record)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		// A persistent image has one.
		return s.locked(ctx, model.KindVirtualMachine, users[0], func(ctx context.Context) error {
			v, err := s.fresh(ctx)
			if err != nil {
				return err
			}
			if _, err := v.atRest(*record); err != nil {
				return err
			}
			if err := s.growFile(ctx, v, record, size); err != nil {
				return err
			}
			return s.noteSize(ctx, v, users[0], *record)
		})
	}
	return s.growFile(ctx, v, record, size)
}

func notNow(record model.Image, format string, args ...any) error {
	return &model.FieldError{Field: "size", Err: fmt.Errorf("image %q cannot grow now: "+format, append([]any{record.Name}, args...)...)}
}

// atRest lists the virtual machines that have the image itself as their disk, and refuses those that run.
func (v *view) atRest(image model.Image) (users []int, err error) {
	for _, id := range v.numbers(model.KindVirtualMachine) {
		vm, err := v.virtualMachine(id)
		if err != nil || !slices.ContainsFunc(vm.Disks, func(d model.AttachedDisk) bool { return d.File == v.imageFile(image) }) {
			continue // a damaged record is reported when it is asked for
		}
		if vm.State != model.VMPoweroff {
			return nil, notNow(image, "virtual machine %q has it as its disk and is in the state %s: power it off first", vm.Name, vm.State)
		}
		users = append(users, id)
	}
	return users, nil
}

func (s *site) growFile(ctx context.Context, v *view, record *model.Image, size int64) error {
	before := *record
	record.State, record.Failure = model.ImageError, "a change of its size is under way or was cut off"
	record.SHA256, record.Altered, record.Bytes, record.Modified = "", true, 0, 0
	if err := s.update(ctx, model.KindImage, record.Header, *record); err != nil {
		return err
	}
	var facts facts
	err := s.checkCopied(ctx, before)
	untouched := err != nil
	if err == nil {
		facts, err = s.shape(ctx, record.Name, imageGrowScript, v.imageFile(*record), strconv.FormatInt(size, 10), record.Format)
		exit, ok := errors.AsType[*host.ExitError](err)
		untouched = ok && exit.Status == exitImageInUse
	}
	if untouched {
		return errors.Join(err, s.update(ctx, model.KindImage, before.Header, before))
	}
	if err != nil {
		return err
	}
	facts.note(record)
	record.Size = size
	return nil
}

// checkCopied refuses to change a file that is being copied for a virtual machine.
func (s *site) checkCopied(ctx context.Context, image model.Image) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	for _, id := range v.numbers(model.KindVirtualMachine) {
		vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, id)
		if err == nil && vm.State == model.VMProlog && slices.Contains(vm.Uses, useOf(model.KindImage, image.ID)) {
			return notNow(image, "virtual machine %q is being made from it: apply again when it is done", vm.Name)
		}
	}
	return nil
}

// noteSize tells the record of a virtual machine how large its disk is.
func (s *site) noteSize(ctx context.Context, v *view, id int, image model.Image) error {
	vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, id)
	if err != nil {
		return err
	}
	for i, disk := range vm.Disks {
		if disk.File == v.imageFile(image) {
			vm.Disks[i].Size = image.Size
		}
	}
	return s.update(ctx, model.KindVirtualMachine, vm.Header, vm)
}

// verify proves that the content is what the record says: by its digest where there is one, else by its length and, of qcow2, by
// qemu-img's look at its structure.
func (s *site) verify(ctx context.Context, v *view, record *model.Image) error {
	length, format := record.Bytes, record.Format
	if record.Persistent && format == model.FormatQcow2 {
		length = 0 // it grows with what the guest writes
	}
	var err error
	if record.SHA256 != "" {
		format = ""
		err = transfer.Verify(ctx, s.host, transfer.File{Path: v.imageFile(*record), Map: imageMap(s.store, *record)}, record.SHA256)
	}
	var facts facts
	if err == nil {
		facts, err = s.shape(ctx, record.Name, imageVerifyScript, v.imageFile(*record), strconv.FormatInt(length, 10), format)
	}
	if err != nil {
		return fmt.Errorf("the content of image %q could not be verified, so it stays out of use: restore its file and apply again, or make the image anew with `terraform apply -replace=ADDRESS`.\n\n%w", record.Name, err)
	}
	facts.note(record)
	return nil
}
