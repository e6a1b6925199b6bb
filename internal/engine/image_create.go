package engine

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

var (
	//go:embed scripts/disk.sh
	diskFunctions string
	//go:embed scripts/image.sh
	imageFunctions string
	//go:embed scripts/image_make.sh
	imageMakeScript string
	//go:embed scripts/image_finish.sh
	imageFinishScript string
)

// CreateImage makes an image on a host: from a file or URL, from something on the host, or an empty DATABLOCK. It calls reserved as
// soon as the record stands. An image whose content could not be stored and verified is not left behind.
func (e *Engine) CreateImage(ctx context.Context, hostName string, spec model.ImageSpec, reserved func(model.Image)) (model.Image, error) {
	if err := spec.CheckNew(); err != nil {
		return model.Image{}, err
	}
	s, err := e.site(hostName)
	if err != nil {
		return model.Image{}, err
	}
	sums, err := sumsOf(ctx, spec)
	if err != nil {
		return model.Image{}, err
	}
	var image model.Image
	id, err := s.carryOut(ctx, creation{
		kind: model.KindImage,
		record: func(id int) (model.Header, any, error) {
			image = newImage(id, spec)
			image.Host = hostName
			return image.Header, image, nil
		},
		begun: func() {
			if reserved != nil {
				reserved(image)
			}
		},
		fill: func(ctx context.Context) error {
			release, err := s.contents.wait(ctx, contentKey(spec, sums))
			if err != nil {
				return err
			}
			defer release()
			if err := s.fillImage(ctx, &image, spec, sums); err != nil {
				return err
			}
			image.State = restingState(spec)
			return s.update(ctx, model.KindImage, image.Header, image)
		},
	})
	if err != nil {
		return model.Image{}, err
	}
	return e.Image(ctx, model.Ref{Host: hostName, ID: id})
}

func newImage(id int, spec model.ImageSpec) model.Image {
	return model.Image{
		Header:      model.Header{ID: id, Name: spec.Name, Labels: spec.Labels, Claims: []string{claimName(spec.Name)}},
		Type:        spec.Type,
		State:       model.ImageLocked,
		Persistent:  spec.Persistent,
		Format:      spec.Format,
		Path:        spec.Path,
		HostPath:    spec.HostPath,
		SourceImage: spec.SourceImage,
		SourceDisk:  spec.SourceDisk,
		FetchFrom:   spec.FetchFrom,
		Checksum:    spec.Checksum,
		FSType:      spec.FSType,
		Created:     time.Now().UTC().Truncate(time.Second),
	}
}

// restingState is the state of an image whose content is in order.
func restingState(spec model.ImageSpec) model.ImageState {
	if spec.Disabled {
		return model.ImageDisabled
	}
	return model.ImageReady
}

// fillImage makes the content and notes in the record what it is.
func (s *site) fillImage(ctx context.Context, image *model.Image, spec model.ImageSpec, sums sums) error {
	dir := s.store.Dir(model.KindImage, image.ID)
	stored := path.Join(dir, "content")
	var c content
	var err error
	switch {
	case spec.SourceImage != nil:
		c, err = s.cloneImage(ctx, *image, spec, stored)
	case spec.SourceDisk != nil:
		c, err = s.saveDisk(ctx, *image, spec, stored)
	case spec.Path != "" || spec.HostPath != "":
		c, err = s.deliver(ctx, *image, spec, sums, stored)
	default:
		return s.makeDatablock(ctx, image, spec, dir)
	}
	if err != nil {
		return err
	}
	if c, err = s.converted(ctx, c, spec, dir); err != nil {
		return err
	}
	return s.finishImage(ctx, image, spec, c, dir)
}

// finishImage gives the content its last name and size.
func (s *site) finishImage(ctx context.Context, image *model.Image, spec model.ImageSpec, c content, dir string) error {
	image.Format, image.Converted, image.Delivered, image.SHA256 = storedFormat(c.format), c.converted, c.delivered, c.sha256
	if image.Type.IsDisk() {
		image.Size = mebibytes(c.virtual)
	}
	grow := int64(0)
	switch {
	case spec.Size != 0 && spec.Size < image.Size:
		return &model.FieldError{Field: "size", Err: fmt.Errorf("the content has %d MiB and cannot shrink to %d MiB", image.Size, spec.Size)}
	case spec.Size > image.Size:
		grow, image.Size, image.SHA256, image.Altered = spec.Size, spec.Size, "", true
	}
	image.File = imageFileName(*image, c.format)
	facts, err := s.shape(ctx, image.Name, imageFinishScript, c.file, path.Join(dir, image.File), strconv.FormatInt(grow, 10), image.Format)
	if err != nil {
		return err
	}
	facts.note(image)
	return s.proveLater(ctx, image)
}

// proveLater sees that the content can be verified, unless guests may write to it.
func (s *site) proveLater(ctx context.Context, image *model.Image) error {
	switch {
	case image.Persistent:
		image.SHA256, image.Altered = "", true
		return nil
	case image.SHA256 != "":
		return nil
	}
	return s.fingerprint(ctx, image)
}

func (s *site) makeDatablock(ctx context.Context, image *model.Image, spec model.ImageSpec, dir string) error {
	if image.Format == "" {
		image.Format = model.FormatRaw
	}
	image.File, image.Size = imageFileName(*image, image.Format), spec.Size
	facts, err := s.shape(ctx, image.Name, imageMakeScript, path.Join(dir, image.File), strconv.FormatInt(spec.Size, 10), image.Format, spec.FSType)
	if err != nil {
		return err
	}
	facts.note(image)
	return s.proveLater(ctx, image)
}

// facts are what a script says of the file that it has made, changed or verified.
type facts struct{ bytes, modified int64 }

func (f facts) note(image *model.Image) { image.Bytes, image.Modified = f.bytes, f.modified }

// shape runs one of the scripts that make, change or verify the file of an image.
func (s *site) shape(ctx context.Context, name, script string, args ...string) (facts, error) {
	result, err := s.run(ctx, host.Script{Step: fmt.Sprintf("prepare the content of image %q", name), Text: diskFunctions + imageFunctions + script, Args: args})
	if err != nil {
		return facts{}, err
	}
	var f facts
	if n, err := fmt.Sscan(string(result.Stdout), &f.bytes, &f.modified); err != nil || n != 2 {
		return facts{}, fmt.Errorf("host %s answered %q where the size and time of a file were expected", s.name, result.Stdout)
	}
	return f, nil
}

// imageFileName tells by its ending what the file is.
func imageFileName(image model.Image, format string) string {
	switch image.Type {
	case model.ImageKernel:
		return "kernel"
	case model.ImageRamdisk:
		return "ramdisk"
	}
	return "disk." + format
}

// storedFormat is how records call a format: an ISO is raw.
func storedFormat(found string) string {
	if found == transfer.FormatISO {
		return model.FormatRaw
	}
	return found
}

// mebibytes rounds up.
func mebibytes(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }
