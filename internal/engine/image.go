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

// Image reads an image; ErrAbsent when the host says that there is none.
func (e *Engine) Image(ctx context.Context, ref model.Ref) (model.Image, error) {
	_, v, err := e.viewOn(ctx, ref.Host)
	if err != nil {
		return model.Image{}, err
	}
	return v.image(ref.ID)
}

// ImageToUse is Image for those who are about to make virtual machines of it: which others use it by now it may not know.
func (e *Engine) ImageToUse(ctx context.Context, ref model.Ref) (model.Image, error) {
	_, v, err := e.settledOn(ctx, ref.Host)
	if err != nil {
		return model.Image{}, err
	}
	return v.image(ref.ID)
}

// image adds to the record who uses the image, and what its file on the host is like.
func (v *view) image(id int) (model.Image, error) {
	image, err := datastore.Decode[model.Image](v.snapshot, model.KindImage, id)
	if err != nil {
		return image, err
	}
	image.Host = v.host
	image.UsedBy = v.uses[useOf(model.KindImage, id)]
	if image.State != model.ImageReady {
		return image, nil
	}
	switch failure := v.imageFailure(image); {
	case failure != "":
		image.State, image.Failure = model.ImageError, failure
	case len(image.UsedBy) > 0 && image.Persistent:
		image.State = model.ImageUsedPers
	case len(image.UsedBy) > 0:
		image.State = model.ImageUsed
	}
	return image, nil
}

// imageFailure says what is wrong with the file of an image. Nobody may write to one that is not persistent.
func (v *view) imageFailure(image model.Image) string {
	name := v.imageFile(image)
	file, there := v.snapshot.Files[name]
	switch {
	case !there:
		return fmt.Sprintf("its content %s is missing on host %s", name, v.host)
	case image.Persistent:
		return ""
	case image.Bytes != 0 && file.Bytes != image.Bytes:
		return fmt.Sprintf("its content %s on host %s has %d bytes, not the %d that were stored", name, v.host, file.Bytes, image.Bytes)
	case image.Modified != 0 && file.Modified != image.Modified:
		return fmt.Sprintf("its content %s on host %s was changed by somebody after it was stored", name, v.host)
	}
	return ""
}

func (v *view) imageFile(image model.Image) string { return imageFile(v.store, image) }

// imageFile is the absolute path of an image's content on its host.
func imageFile(store *datastore.Store, image model.Image) string {
	return path.Join(store.Dir(model.KindImage, image.ID), image.File)
}

// imageMap is where the map of the content stands.
func imageMap(store *datastore.Store, image model.Image) string {
	return path.Join(store.Dir(model.KindImage, image.ID), "map")
}

// numbers lists the records of a kind.
func (v *view) numbers(kind model.Kind) []int {
	return slices.Sorted(maps.Keys(v.snapshot.Records[kind]))
}

// DeleteImage removes an image and its content, unless a virtual machine uses it.
func (e *Engine) DeleteImage(ctx context.Context, ref model.Ref) error {
	return e.deleteRecord(ctx, model.KindImage, ref)
}

// explainInUse names the virtual machines that use what was to be removed.
func (s *site) explainInUse(ctx context.Context, err error) error {
	inUse, ok := errors.AsType[*datastore.InUseError](err)
	if !ok {
		return err
	}
	v, viewErr := s.fresh(ctx)
	if viewErr != nil {
		return err
	}
	return fmt.Errorf("it is used by %s on host %s. Destroy them first; or, where it is to be replaced, give the new one another name and let it be made first (lifecycle { create_before_destroy = true })", v.names(inUse.By), s.name)
}

// names lists virtual machines for an error text.
func (v *view) names(ids []int) string {
	names := []string{}
	for _, id := range ids {
		name := fmt.Sprintf("virtual machine %d", id)
		if vm, err := datastore.Decode[model.Header](v.snapshot, model.KindVirtualMachine, id); err == nil {
			name = fmt.Sprintf("virtual machine %q", vm.Name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func claimName(name string) string { return "name " + name }

// explainConflict says which attribute has to change, and who has its value.
func (s *site) explainConflict(err error) error {
	conflict, ok := errors.AsType[*datastore.ConflictError](err)
	if !ok {
		return err
	}
	what, value, _ := strings.Cut(conflict.Claim, " ")
	holder := model.Ref{Host: s.name, ID: conflict.ID}
	var text, field string
	switch what {
	case "name":
		field, text = "name", fmt.Sprintf("the name %q is taken by %s %s: choose another name, or import that one", value, conflict.Kind.Noun(), holder)
	case "mac":
		field, text = "nics", fmt.Sprintf("the MAC address %s is taken by %s %s: two network cards of one host need different ones", value, conflict.Kind.Noun(), holder)
	case "ip":
		field, text = "nics", fmt.Sprintf("the IP address %s is taken by %s %s: two guests of one host need different ones", value, conflict.Kind.Noun(), holder)
	case "vnc":
		field, text = "graphics.port", fmt.Sprintf("the VNC port %s is taken by %s %s: choose another graphics.port", value, conflict.Kind.Noun(), holder)
	case "disk":
		field, text = "disks", fmt.Sprintf("the disk %s of the host is in use by %s %s: only one virtual machine may write to it", value, conflict.Kind.Noun(), holder)
	case "image":
		field, text = "disks", fmt.Sprintf("image %s/%s is persistent and in use by %s %s: only one virtual machine may write to it", s.name, value, conflict.Kind.Noun(), holder)
	default:
		return err
	}
	return &model.FieldError{Field: field, Err: errors.New(text)}
}
