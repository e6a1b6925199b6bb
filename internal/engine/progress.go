package engine

import (
	"context"

	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

// Progress is how far the content of an image has come on its way to a host.
type Progress struct {
	Host  string
	Image string
	transfer.Progress
	Ended bool
}

// tell passes on how far an upload has come, and at last that it has ended.
func (s *site) tell(ctx context.Context, image string) (report func(transfer.Progress), ended func()) {
	if s.progress == nil {
		return nil, func() {}
	}
	var last transfer.Progress
	return func(p transfer.Progress) {
			last = p
			s.progress(ctx, Progress{Host: s.name, Image: image, Progress: p})
		}, func() {
			s.progress(ctx, Progress{Host: s.name, Image: image, Progress: last, Ended: true})
		}
}
