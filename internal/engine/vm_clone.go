package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// ForeseeDisks tells by slot how the disks of a new virtual machine will be made. It leaves out those whose image does not stand on the
// host yet, and refuses with a FieldError what the host could not do.
func (e *Engine) ForeseeDisks(ctx context.Context, hostName string, disks map[string]model.Disk) (map[string]model.CloneMethod, error) {
	s, v, err := e.settledOn(ctx, hostName)
	if err != nil {
		return nil, err
	}
	foreseen := map[string]model.CloneMethod{}
	for _, slot := range slices.Sorted(maps.Keys(disks)) {
		disk, image := disks[slot], model.Image{}
		if disk.ImageID != nil {
			image, err = v.image(*disk.ImageID)
			if errors.Is(err, ErrAbsent) || image.State == model.ImageLocked {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		if disk.Path != "" {
			if err := s.checkHostFile(ctx, "disks."+slot+".path", disk.Path); err != nil {
				return nil, err
			}
		}
		if foreseen[slot], err = s.foresee(ctx, slot, disk, image); err != nil {
			return nil, err
		}
	}
	return foreseen, nil
}

func (s *site) foresee(ctx context.Context, slot string, disk model.Disk, image model.Image) (model.CloneMethod, error) {
	methods, refusal := disk.Methods(slot, image)
	switch {
	case refusal != nil:
		return "", refusal
	case disk.ImageID == nil || image.InPlace():
		return methods[0], nil
	}
	facts, err := s.factsOnce(ctx)
	if err != nil {
		return "", err
	}
	method := methods[0]
	if method == model.MethodReflink && !facts.Reflink {
		method = methods[1]
	}
	if slices.Contains(facts.Tools, "qemu-img") {
		return method, nil
	}
	switch grows := disk.Size > image.Size; {
	case method == model.MethodOverlay:
		return "", &model.FieldError{Field: "disks." + slot + ".clone", Err: fmt.Errorf("host %s has no qemu-img, which makes the overlay over image %q: install it (on Debian: qemu-utils), or use %q", s.name, image.Name, model.CloneCopy)}
	case grows && image.Format == model.FormatQcow2:
		return "", &model.FieldError{Field: "disks." + slot + ".size", Err: fmt.Errorf("host %s has no qemu-img, which makes the copy of image %q larger: install it (on Debian: qemu-utils), or leave size away", s.name, image.Name)}
	}
	return method, nil
}

// factsOnce asks the host once what it is and has: its tools and what its file system can do stay as they are. The latter it cannot know
// before there is a datastore.
func (s *site) factsOnce(ctx context.Context) (model.Host, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.facts == nil {
		facts, tried, err := s.describe(ctx)
		if err != nil || !tried {
			return facts, err
		}
		s.facts = &facts
	}
	return *s.facts, nil
}

// chooseMethods decides in which ways each disk may be made: only in the foreseen one, where one was foreseen.
func (r *resolved) chooseMethods(foreseen map[string]model.CloneMethod) error {
	r.methods = map[string][]model.CloneMethod{}
	for _, slot := range slices.Sorted(maps.Keys(r.body.Disks)) {
		disk, image := r.body.Disks[slot], model.Image{}
		if disk.ImageID != nil {
			image = r.images[*disk.ImageID]
		}
		methods, refusal := disk.Methods(slot, image)
		if refusal != nil {
			return refusal
		}
		if want := foreseen[slot]; want != "" {
			if !slices.Contains(methods, want) {
				return &model.FieldError{Field: "disks." + slot, Err: fmt.Errorf("the plan says that the clone_method of the disk is %q, but its image or template has changed since then: plan and apply again", want)}
			}
			methods = []model.CloneMethod{want}
		}
		r.methods[slot] = methods
	}
	return nil
}

// words are the methods as the script takes them.
func words(methods []model.CloneMethod) string {
	var text []string
	for _, method := range methods {
		text = append(text, string(method))
	}
	return strings.Join(text, " ")
}

// cloned notes in a virtual machine what was said when its disks were made: for each clone a line with its name and the method that made
// it, and one about the ISO.
func (s *site) cloned(vm *model.VirtualMachine, images map[int]model.Image, said []byte) error {
	methods := map[string]model.CloneMethod{}
	for line := range strings.Lines(string(said)) {
		if name, method, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			methods[name] = model.CloneMethod(method)
		}
	}
	_, _ = fmt.Sscanf(string(methods["context"]), "%d:%d %s %s", &vm.ContextBytes, &vm.ContextModified, &vm.ContextMD5, &vm.ContextSHA256) // no line without a context
	for i := range vm.Disks {
		disk := &vm.Disks[i]
		if disk.Context || disk.Method != "" {
			continue
		}
		if disk.Method = methods[path.Base(disk.File)]; disk.Method == "" {
			return fmt.Errorf("host %s did not tell how it made the disk %s: %q", s.name, disk.Slot, said)
		}
		if disk.Method == model.MethodOverlay {
			disk.Format, disk.Base = model.FormatQcow2, imageFile(s.store, images[*disk.ImageID])
		}
	}
	return nil
}

// overlaysOn names the virtual machines with an overlay over the image, sorted, and those whose disks are just being made, which may
// become some. While there are any, the file of the image must neither change nor go.
func (v *view) overlaysOn(imageID int) []string {
	var names []string
	for id := range v.snapshot.Records[model.KindVirtualMachine] {
		vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, id)
		if err != nil || !slices.Contains(vm.Uses, useOf(model.KindImage, imageID)) {
			continue // a damaged record is reported when it is asked for
		}
		if slices.ContainsFunc(vm.Disks, func(disk model.AttachedDisk) bool {
			beingMade := disk.Method == "" && vm.State == model.VMProlog
			return disk.ImageID != nil && *disk.ImageID == imageID && (disk.Method == model.MethodOverlay || beingMade)
		}) {
			names = append(names, vm.Name)
		}
	}
	slices.Sort(names)
	return names
}
