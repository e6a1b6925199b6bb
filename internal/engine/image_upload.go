package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

// maxUploads is how many contents are sent to one host at the same time. They share the connection packet by packet; more would only
// make each of them slower.
const maxUploads = 3

// upload sends the content of an image when its turn comes. What an earlier apply could not finish goes on where it ended, and what
// a similar image has already is not sent.
func (s *site) upload(ctx context.Context, image model.Image, source transfer.Source, sums sums, to transfer.File) (transfer.Info, error) {
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	case <-ctx.Done():
		return transfer.Info{}, context.Cause(ctx)
	}
	v, err := s.view(ctx)
	if err != nil {
		return transfer.Info{}, err
	}
	report, ended := s.tell(ctx, image.Name)
	defer ended()
	source.Progress = report
	return transfer.Send(ctx, s.host, source, transfer.Target{File: to, Work: s.store.Unfinished(contentName(source, sums)), Base: v.base(image)})
}

// contentName names what is sent, so that an unfinished upload is found again.
func contentName(source transfer.Source, sums sums) string {
	name := "disk "
	if source.Verbatim {
		name = "file "
	}
	digest := sha256.Sum256([]byte(name + cmp.Or(sums.expected, source.URL, source.Path)))
	return hex.EncodeToString(digest[:16])
}

// base is the image with the content that is most likely similar: the newest one that came from the same place, under whatever name.
func (v *view) base(image model.Image) *transfer.File {
	for _, id := range slices.Backward(v.numbers(model.KindImage)) {
		other, err := v.image(id)
		if err != nil || id == image.ID || !other.Pristine() || other.Type.IsDisk() != image.Type.IsDisk() || path.Base(other.Path) != path.Base(image.Path) {
			continue
		}
		return &transfer.File{Path: v.imageFile(other), Map: imageMap(v.store, other)}
	}
	return nil
}

// tell passes on how far an upload has come, and at last that it has ended.
func (s *site) tell(ctx context.Context, image string) (report func(transfer.Progress), ended func()) {
	if s.progress == nil {
		return nil, func() {}
	}
	var last transfer.Progress
	report = func(p transfer.Progress) {
		last = p
		s.progress(ctx, Progress{Host: s.name, Image: image, Progress: p})
	}
	return report, func() { s.progress(ctx, Progress{Host: s.name, Image: image, Progress: last, Ended: true}) }
}

// Progress is how far the content of an image has come on its way to a host.
type Progress struct {
	Host  string
	Image string
	transfer.Progress
	Ended bool
}
