package engine

import (
	"cmp"
	"context"
	_ "embed" // the scripts
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

var (
	//go:embed scripts/disk.sh
	diskFunctions string
	//go:embed scripts/image_make.sh
	imageMakeScript string
	//go:embed scripts/image_finish.sh
	imageFinishScript string
)

// CreateImage makes an image on a host: from a local file, from a URL, or an empty DATABLOCK. It calls reserved as soon as the
// record stands. An image whose content could not be stored and verified is not left behind.
func (e *Engine) CreateImage(ctx context.Context, hostName string, spec model.ImageSpec, reserved func(model.Image)) (model.Image, error) {
	if err := cmp.Or(spec.Check(), spec.CheckNew()); err != nil {
		return model.Image{}, err
	}
	s, err := e.site(hostName)
	if err != nil {
		return model.Image{}, err
	}
	source, err := sourceOf(spec)
	if err != nil {
		return model.Image{}, err
	}
	var image model.Image
	id, err := s.carryOut(ctx, creation{
		kind: model.KindImage,
		record: func(id int) (model.Header, any) {
			image = newImage(id, spec)
			image.Host = hostName
			return image.Header, image
		},
		begun: func() {
			if reserved != nil {
				reserved(image)
			}
		},
		fill: func(ctx context.Context) error {
			if err := s.fillImage(ctx, &image, spec, source); err != nil {
				return err
			}
			image.State = model.ImageReady
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
		Header:     model.Header{ID: id, Name: spec.Name, Labels: spec.Labels, Claims: []string{claimName(spec.Name)}},
		Type:       spec.Type,
		State:      model.ImageLocked,
		Persistent: spec.Persistent,
		Format:     spec.Format,
		Path:       spec.Path,
		Checksum:   spec.Checksum,
		FSType:     spec.FSType,
		Created:    time.Now().UTC().Truncate(time.Second),
	}
}

// sourceOf is where the content comes from. It refuses what is wrong with a local file before anything is made on the host.
func sourceOf(spec model.ImageSpec) (transfer.Source, error) {
	source := transfer.Source{Path: spec.Path, Verbatim: !spec.Type.IsDisk()}
	if isURL(spec.Path) {
		source.Path, source.URL = "", spec.Path
	}
	if spec.Checksum != "" {
		checksum, err := transfer.ParseChecksum(spec.Checksum)
		if err != nil {
			return source, &model.FieldError{Field: "checksum", Err: err}
		}
		source.Checksum = &checksum
	}
	return source, nil
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

// fillImage stores the content and notes in the record what it is.
func (s *site) fillImage(ctx context.Context, image *model.Image, spec model.ImageSpec, source transfer.Source) error {
	dir := s.store.Dir(model.KindImage, image.ID)
	if spec.Path == "" {
		return s.makeDatablock(ctx, image, spec, dir)
	}
	stored := path.Join(dir, "content")
	info, err := transfer.Send(ctx, s.host, source, stored, spec.Format)
	if err != nil {
		return err
	}
	image.Format, image.SHA256, image.Delivered = info.Format, info.SHA256, info.Delivered.String()
	if image.Type.IsDisk() {
		image.Size = mebibytes(info.VirtualBytes)
	}
	if image.Format == "iso" {
		image.Format = model.FormatRaw
	}
	if image.Type == model.ImageCDROM && image.Format != model.FormatRaw {
		return fmt.Errorf("a CDROM image is an ISO 9660 image, but %s has the format %s", spec.Path, image.Format)
	}
	grow := int64(0)
	switch {
	case spec.Size != 0 && spec.Size < image.Size:
		return &model.FieldError{Field: "size", Err: fmt.Errorf("the content of %s has %d MiB and cannot shrink to %d MiB", spec.Path, image.Size, spec.Size)}
	case spec.Size > image.Size:
		grow, image.Size = spec.Size, spec.Size
	}
	image.File = imageFileName(*image, info.Format)
	image.Bytes, err = s.shape(ctx, image.Name, imageFinishScript, stored, path.Join(dir, image.File), strconv.FormatInt(grow, 10), image.Format)
	return err
}

func (s *site) makeDatablock(ctx context.Context, image *model.Image, spec model.ImageSpec, dir string) (err error) {
	if image.Format == "" {
		image.Format = model.FormatRaw
	}
	image.File, image.Size = imageFileName(*image, image.Format), spec.Size
	image.Bytes, err = s.shape(ctx, image.Name, imageMakeScript, path.Join(dir, image.File), strconv.FormatInt(spec.Size, 10), image.Format, spec.FSType)
	return err
}

// shape runs one of the scripts that make or change the file of an image and tells how many bytes the file has.
func (s *site) shape(ctx context.Context, name, script string, args ...string) (int64, error) {
	result, err := s.run(ctx, host.Script{Step: fmt.Sprintf("make the content of image %q", name), Text: diskFunctions + script, Args: args})
	if err != nil {
		return 0, err
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(result.Stdout)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("host %s answered %q where the size of a file was expected", s.name, result.Stdout)
	}
	return size, nil
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

// mebibytes rounds up.
func mebibytes(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }

// SourceInfo is what can be known of an image's source before it is stored.
type SourceInfo struct {
	Format     string // raw or qcow2; empty when only the download tells
	VirtualMiB int64  // rounded up; 0 when only the download tells
}

// InspectSource looks at the head of a local file. Of a URL nothing is known beforehand.
func InspectSource(ctx context.Context, path string) (SourceInfo, error) {
	if isURL(path) {
		return SourceInfo{}, nil
	}
	info, err := transfer.Inspect(ctx, transfer.Source{Path: path})
	if err != nil {
		return SourceInfo{}, err
	}
	if info.Format == "iso" {
		info.Format = model.FormatRaw
	}
	return SourceInfo{Format: info.Format, VirtualMiB: mebibytes(info.VirtualBytes)}, nil
}
