package engine

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

//go:embed scripts/image_copy.sh
var imageCopyScript string

// content is what a source gave, in a file beside the image's record.
type content struct {
	file      string
	format    string // as it was found: raw, qcow2, iso, vmdk, vhd, vhdx; empty for what is no disk
	virtual   int64  // bytes that a guest sees; 0: not known
	sha256    string // of the file; empty: not known
	delivered string // "<algorithm>:<hex>" of the bytes as delivered; empty: there were none
	converted bool   // the source had another format
}

// sums are the checksums of the bytes to be delivered.
type sums struct {
	declared *transfer.Checksum // they must have it
	expected string             // they had it when they were last looked at
}

// sumsOf reads the checksum of a specification, if need be from the list that it names.
func sumsOf(ctx context.Context, spec model.ImageSpec) (sums, error) {
	text := spec.Checksum
	if model.IsURL(text) {
		text = spec.Expected
		if text == "" {
			sum, err := ResolveChecksum(ctx, spec)
			if err != nil {
				return sums{}, &model.FieldError{Field: "checksum", Err: err}
			}
			text = sum
		}
	}
	if text == "" {
		return sums{expected: spec.Expected}, nil
	}
	declared, err := transfer.ParseChecksum(text)
	if err != nil {
		return sums{}, &model.FieldError{Field: "checksum", Err: err}
	}
	return sums{declared: &declared, expected: declared.String()}, nil
}

// known is what the content can be recognised by on the host: nothing weaker than SHA-256.
func (s sums) known() string {
	if strings.HasPrefix(s.expected, "sha256:") || strings.HasPrefix(s.expected, "sha512:") {
		return s.expected
	}
	return ""
}

// queues let those who make the same content on one host go one after the other: the second finds what the first has made.
type queues struct {
	mu  sync.Mutex
	all map[string]chan struct{}
}

// wait waits for one's turn. An empty key has no queue.
func (q *queues) wait(ctx context.Context, key string) (release func(), err error) {
	if key == "" {
		return func() {}, nil
	}
	q.mu.Lock()
	if q.all == nil {
		q.all = map[string]chan struct{}{}
	}
	turn := q.all[key]
	if turn == nil {
		turn = make(chan struct{}, 1)
		q.all[key] = turn
	}
	q.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func contentKey(spec model.ImageSpec, sums sums) string {
	if spec.SourceImage != nil {
		return useOf(model.KindImage, *spec.SourceImage)
	}
	return sums.known()
}

// deliver gets the content from a file or URL, unless the host has it already.
func (s *site) deliver(ctx context.Context, image model.Image, spec model.ImageSpec, sums sums, file string) (content, error) {
	if c, found, err := s.fromTwin(ctx, image, spec, sums, file); found || err != nil {
		return c, err
	}
	verbatim := !spec.Type.IsDisk()
	if spec.HostPath != "" || spec.FetchFrom == model.FetchFromHost {
		source := transfer.HostSource{Path: spec.HostPath, URL: spec.Path, Forbidden: s.store.Root(), Checksum: sums.declared, Verbatim: verbatim, Limit: contentLimit(spec)}
		info, err := transfer.Fetch(ctx, s.host, source, file)
		return newContent(file, info), err
	}
	source := transfer.Source{Path: spec.Path, Checksum: sums.declared, Verbatim: verbatim, Limit: contentLimit(spec)}
	if model.IsURL(spec.Path) {
		source.Path, source.URL = "", spec.Path
	}
	info, err := s.upload(ctx, image, source, sums, transfer.File{Path: file, Map: imageMap(s.store, image)})
	if err != nil || verbatim {
		return newContent(file, info), err
	}
	// Of what comes as a stream only the host has the end, which tells a fixed VHD from a raw disk.
	found, err := transfer.Identify(ctx, s.host, file)
	info.Format, info.VirtualBytes = found.Format, found.VirtualBytes
	return newContent(file, info), err
}

// contentLimit is how many bytes a content of a declared size can have at most, with what formats add of their own.
func contentLimit(spec model.ImageSpec) int64 {
	if spec.Size <= 0 || spec.Size > math.MaxInt64>>22 {
		return 0
	}
	return spec.Size<<20 + spec.Size<<17 + 64<<20
}

func newContent(file string, info transfer.Info) content {
	return content{file: file, format: info.Format, virtual: info.VirtualBytes, sha256: info.SHA256, delivered: info.Delivered.String()}
}

// fromTwin takes the content from an image of the host that was made of the same bytes; found tells whether there is one.
func (s *site) fromTwin(ctx context.Context, image model.Image, spec model.ImageSpec, sums sums, file string) (c content, found bool, err error) {
	if sums.known() == "" {
		return content{}, false, nil
	}
	v, err := s.fresh(ctx)
	if err != nil {
		return content{}, false, err
	}
	twin, there := v.twin(spec, sums.known())
	if !there {
		return content{}, false, nil
	}
	err = s.locked(ctx, model.KindImage, twin.ID, func(ctx context.Context) error {
		v, err := s.fresh(ctx)
		if err != nil {
			return err
		}
		if twin, found = v.twin(spec, sums.known()); !found {
			return nil // it has changed or gone in the meantime
		}
		c, err = s.copyOf(ctx, v, image, twin, spec, file)
		return err
	})
	return c, found, err
}

// twin finds an image whose content is what a source with this checksum gives.
func (v *view) twin(spec model.ImageSpec, sum string) (model.Image, bool) {
	for _, id := range v.numbers(model.KindImage) {
		image, err := v.image(id)
		if err != nil || image.Delivered != sum || !image.Pristine() || image.Type.IsDisk() != spec.Type.IsDisk() {
			continue
		}
		sameFormat := spec.Format == image.Format || spec.Format == "" && !image.Converted
		if sameFormat && (spec.Type != model.ImageCDROM || image.Format == model.FormatRaw) {
			return image, true
		}
	}
	return model.Image{}, false
}

// cloneImage copies another image, which is protected meanwhile.
func (s *site) cloneImage(ctx context.Context, image model.Image, spec model.ImageSpec, file string) (c content, err error) {
	id := *spec.SourceImage
	err = s.locked(ctx, model.KindImage, id, func(ctx context.Context) error {
		v, err := s.fresh(ctx)
		if err != nil {
			return err
		}
		source, err := v.readyImage("source_image_id", id, func(t model.ImageType) bool {
			return t == spec.Type || t.IsDisk() && spec.Type.IsDisk()
		})
		if err != nil {
			return err
		}
		if c, err = s.copyOf(ctx, v, image, source, spec, file); err != nil || !source.Persistent {
			return err
		}
		return s.checkUnused(ctx, source)
	})
	return c, err
}

// checkUnused finds out whether a virtual machine began to write to a persistent image while it was copied.
func (s *site) checkUnused(ctx context.Context, source model.Image) error {
	v, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	now, err := v.image(source.ID)
	if err == nil && len(now.UsedBy) > 0 {
		err = fmt.Errorf("virtual machine %s began to use the persistent image %q while it was copied: apply again when it is free", strings.Join(now.UsedBy, ", "), source.Name)
	}
	return err
}

// copyOf makes the content of an image from that of another, whose lock the caller holds. What neither can write to may be one file.
func (s *site) copyOf(ctx context.Context, v *view, image, source model.Image, spec model.ImageSpec, file string) (content, error) {
	c := content{file: file, format: source.Format, virtual: source.Size << 20, sha256: source.SHA256, delivered: source.Delivered, converted: source.Converted}
	if source.Altered {
		c.delivered = ""
	}
	how := "copy"
	if !source.Persistent && !spec.Persistent && spec.Size <= source.Size {
		how = "link"
	}
	to := source.Format
	if spec.Format != "" && spec.Format != source.Format {
		if err := checkFormat(spec.Type, spec.Format, source.Format); err != nil {
			return c, err
		}
		to, how, c.format, c.converted, c.sha256 = spec.Format, "convert", spec.Format, true, ""
	}
	if path.Ext(source.File) == ".iso" {
		c.format = transfer.FormatISO
	}
	mapFrom, mapTo := "", ""
	if c.sha256 != "" {
		mapFrom, mapTo = imageMap(s.store, source), imageMap(s.store, image)
	}
	_, err := s.copyFile(ctx, image.Name, v.imageFile(source), source.Format, file, to, how, mapFrom, mapTo)
	return c, err
}

// saveDisk copies a disk of a virtual machine that is powered off, with all that it rests on.
func (s *site) saveDisk(ctx context.Context, image model.Image, spec model.ImageSpec, file string) (c content, err error) {
	ref := *spec.SourceDisk
	err = s.locked(ctx, model.KindVirtualMachine, ref.VM, func(ctx context.Context) error {
		v, err := s.fresh(ctx)
		if err != nil {
			return err
		}
		disk, err := v.diskAtRest(ref)
		if err != nil {
			return err
		}
		to, how := disk.Format, "copy"
		if disk.Format == model.FormatQcow2 {
			how = "convert" // it may rest on another file
		}
		if spec.Format != "" && spec.Format != disk.Format {
			to, how = spec.Format, "convert"
		}
		c = content{file: file, format: to, virtual: disk.Size << 20, converted: to != disk.Format}
		_, err = s.copyFile(ctx, image.Name, disk.File, disk.Format, file, to, how)
		return err
	})
	return c, err
}

// diskAtRest finds a disk that no guest writes to. The caller holds the lock of the virtual machine, so that none will.
func (v *view) diskAtRest(ref model.DiskRef) (model.AttachedDisk, error) {
	vm, err := v.virtualMachine(ref.VM)
	if err != nil {
		return model.AttachedDisk{}, v.missing("source_disk.virtual_machine_id", model.KindVirtualMachine, ref.VM, err)
	}
	if vm.State != model.VMPoweroff {
		return model.AttachedDisk{}, &model.FieldError{Field: "source_disk.virtual_machine_id", Err: fmt.Errorf(
			"virtual machine %q is in the state %s, and its guest may be writing to the disk: set its power_state to \"poweroff\", apply, then make the image", vm.Name, vm.State)}
	}
	var slots []string
	for _, disk := range vm.Disks {
		if disk.Context {
			continue
		}
		if disk.Slot == ref.Slot {
			return disk, nil
		}
		slots = append(slots, disk.Slot)
	}
	slices.Sort(slots)
	return model.AttachedDisk{}, &model.FieldError{Field: "source_disk.slot", Err: fmt.Errorf("virtual machine %q has no disk %s: it has %s", vm.Name, ref.Slot, strings.Join(slots, ", "))}
}

// converted gives content of another format the one that was asked for.
func (s *site) converted(ctx context.Context, c content, spec model.ImageSpec, dir string) (content, error) {
	if !spec.Type.IsDisk() {
		return c, nil
	}
	if err := checkFormat(spec.Type, spec.Format, c.format); err != nil {
		return c, err
	}
	if spec.Format == "" || spec.Format == storedFormat(c.format) {
		return c, nil
	}
	to := path.Join(dir, "converted")
	length, err := s.copyFile(ctx, spec.Name, c.file, c.format, to, spec.Format, "move")
	if err != nil {
		return c, err
	}
	c.file, c.format, c.virtual, c.converted, c.sha256 = to, spec.Format, length, true, ""
	if c.format == model.FormatQcow2 {
		found, err := transfer.Identify(ctx, s.host, to)
		c.virtual = found.VirtualBytes
		return c, err
	}
	return c, nil
}

// checkFormat tells whether content of one format can be stored as another, or, when that is empty, as it is.
func checkFormat(typ model.ImageType, wanted, found string) error {
	foreign := found == transfer.FormatVMDK || found == transfer.FormatVHD || found == transfer.FormatVHDX
	switch {
	case typ == model.ImageCDROM && storedFormat(found) != model.FormatRaw:
		return &model.FieldError{Field: "type", Err: fmt.Errorf("a CDROM image is an ISO 9660 image, but the content has the format %s", found)}
	case foreign && wanted == "":
		return &model.FieldError{Field: "format", Err: fmt.Errorf("the content is a %s image, which Xen cannot use as it is: set format to \"qcow2\" or \"raw\", and the host converts it", strings.ToUpper(found))}
	case found == transfer.FormatISO && wanted == model.FormatQcow2:
		return &model.FieldError{Field: "format", Err: errors.New("the content is an ISO 9660 image, which stays raw: leave format out")}
	}
	return nil
}

// copyFile copies a disk on the host and gives the length of the copy: how is copy; link, which may make one file of both; move, which
// takes the source away; or convert, which flattens what rests on another file. The map of the same content is copied along, where one
// is named.
func (s *site) copyFile(ctx context.Context, name, from, fromFormat, to, toFormat, how string, maps ...string) (int64, error) {
	if len(maps) == 0 {
		maps = []string{"", ""}
	}
	facts, err := s.shape(ctx, name, imageCopyScript, append([]string{from, qemuName(fromFormat), to, qemuName(toFormat), how}, maps...)...)
	return facts.bytes, err
}

// qemuName is how qemu-img calls a format.
func qemuName(format string) string {
	switch format {
	case transfer.FormatVHD:
		return "vpc"
	case transfer.FormatISO, "":
		return "raw"
	}
	return format
}
