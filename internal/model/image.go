package model

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// ImageType says what an image is for, in OpenNebula's words.
type ImageType string

// The types of images. OS, CDROM and DATABLOCK are disks; KERNEL and RAMDISK are files that a domain is booted from.
const (
	ImageOS        ImageType = "OS"
	ImageCDROM     ImageType = "CDROM"
	ImageDatablock ImageType = "DATABLOCK"
	ImageKernel    ImageType = "KERNEL"
	ImageRamdisk   ImageType = "RAMDISK"
)

// ImageTypes lists every type.
var ImageTypes = []ImageType{ImageOS, ImageCDROM, ImageDatablock, ImageKernel, ImageRamdisk}

// IsDisk tells whether a virtual machine may have the image as a disk.
func (t ImageType) IsDisk() bool {
	return t == ImageOS || t == ImageCDROM || t == ImageDatablock
}

// ImageState is where an image stands in its life.
type ImageState string

// The states of an image. LOCKED is transient: its content is being written. USED and USED_PERS are not stored; they follow from
// the virtual machines that use the image. ERROR is stored while a change of the content is under way, and else follows from what
// the file on the host is like.
const (
	ImageLocked   ImageState = "LOCKED"
	ImageReady    ImageState = "READY"
	ImageUsed     ImageState = "USED"
	ImageUsedPers ImageState = "USED_PERS"
	ImageError    ImageState = "ERROR"
	ImageDisabled ImageState = "DISABLED"
)

// Formats of an image's content.
const (
	FormatRaw   = "raw"
	FormatQcow2 = "qcow2"
)

// FileSystems are the values of fstype: what an empty DATABLOCK or a volatile disk is made with, by the host's mkfs.<type> or mkswap.
var FileSystems = []string{"raw", "ext2", "ext3", "ext4", "xfs", "btrfs", "swap"}

// Who fetches a URL.
const (
	FetchFromClient = "client"
	FetchFromHost   = "host"
)

// ImageSpec is what a user asks of an image. At most one of Path, HostPath, SourceImage and SourceDisk gives it its content; without
// any it is an empty DATABLOCK of Size.
type ImageSpec struct {
	Name        string
	Type        ImageType
	Persistent  bool
	Disabled    bool
	Path        string   // local path or http(s) URL
	HostPath    string   // absolute path of a file or block device on the host
	SourceImage *int     // another image of the host
	SourceDisk  *DiskRef // a disk of a virtual machine of the host
	FetchFrom   string   // who fetches a URL: client, host, or empty for the client
	Checksum    string   // "<algorithm>:<hex>" over the delivered bytes, the URL of a list of checksums, or empty
	Expected    string   // "<algorithm>:<hex>" that the delivered bytes are known to have, or empty
	Format      string   // raw, qcow2, or empty: taken from the source
	Size        int64    // MiB; 0: as large as the source
	FSType      string   // for an empty DATABLOCK; empty: raw
	Labels      map[string]string
}

// DiskRef names a disk of a virtual machine.
type DiskRef struct {
	VM   int    `json:"vm"`
	Slot string `json:"slot"`
}

// IsURL tells whether a path or checksum is the address of something on a server.
func IsURL(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// CheckNew is Check for an image that is to be made. An OS without a source is what became of a DATABLOCK that a system was installed on; it
// cannot be made from nothing.
func (s ImageSpec) CheckNew() *FieldError {
	if err := s.Check(); err != nil {
		return err
	}
	switch {
	case s.Type == ImageCDROM && s.Size != 0:
		return fieldError("size", "a CDROM image is as large as its content and cannot be given a size")
	case s.hasSource():
		return nil
	case s.Type == ImageOS:
		return fieldError("path", "a new image of type OS needs a path, a host_path, a source_image_id or a source_disk; or make an empty DATABLOCK, install a system on it, then change its type to OS")
	case s.Size == 0:
		return fieldError("size", "an empty DATABLOCK needs a size in MiB")
	}
	return nil
}

func (s ImageSpec) hasSource() bool {
	return s.Path != "" || s.HostPath != "" || s.SourceImage != nil || s.SourceDisk != nil
}

// Check returns the first thing wrong with the specification and the attribute it concerns.
func (s ImageSpec) Check() *FieldError {
	if err := CheckName(s.Name); err != nil {
		return fieldError("name", "%s", err)
	}
	if !slices.Contains(ImageTypes, s.Type) {
		return fieldError("type", "%q is not a type of image: use one of %v", s.Type, ImageTypes)
	}
	if s.Format != "" && s.Format != FormatRaw && s.Format != FormatQcow2 {
		return fieldError("format", "%q is not a format that is stored: use %s or %s", s.Format, FormatRaw, FormatQcow2)
	}
	if s.Size < 0 {
		return fieldError("size", "a size is a positive number of MiB, not %d", s.Size)
	}
	if !s.Type.IsDisk() {
		switch {
		case s.Persistent:
			return fieldError("persistent", "an image of type %s cannot be persistent: no virtual machine writes to it", s.Type)
		case s.Size != 0:
			return fieldError("size", "an image of type %s is stored as delivered and has no size of its own", s.Type)
		case s.Format != "":
			return fieldError("format", "an image of type %s is stored as delivered and has no format", s.Type)
		}
	}
	if s.Type == ImageCDROM {
		switch {
		case s.Persistent:
			return fieldError("persistent", "a CDROM image is read-only and cannot be persistent")
		case s.Format == FormatQcow2:
			return fieldError("format", "a CDROM image is stored raw")
		}
	}
	return s.checkSource()
}

func (s ImageSpec) checkSource() *FieldError {
	var given []string
	for _, source := range []struct {
		name string
		set  bool
	}{{"path", s.Path != ""}, {"host_path", s.HostPath != ""}, {"source_image_id", s.SourceImage != nil}, {"source_disk", s.SourceDisk != nil}} {
		if source.set {
			given = append(given, source.name)
		}
	}
	delivered := s.Path != "" || s.HostPath != ""
	switch {
	case len(given) > 1:
		return fieldError(given[1], "%s and %s both give this image its content: say one of them", given[0], given[1])
	case len(given) == 0 && s.Type != ImageDatablock && s.Type != ImageOS:
		return fieldError("path", "an image of type %s needs a path, a host_path, a source_image_id or a source_disk: only a DATABLOCK can be made empty", s.Type)
	case s.HostPath != "" && (!path.IsAbs(s.HostPath) || hasControl(s.HostPath)):
		return fieldError("host_path", "%q is not an absolute path on the host", s.HostPath)
	case s.SourceDisk != nil && !s.Type.IsDisk():
		return fieldError("source_disk", "an image of type %s is no disk and cannot be made from one", s.Type)
	case s.SourceDisk != nil && !slotPattern.MatchString(s.SourceDisk.Slot):
		return fieldError("source_disk.slot", "%q is not a disk slot: use xvda, xvdb, ... (or hda to hdd, sda to sdp)", s.SourceDisk.Slot)
	case s.FetchFrom != "" && s.FetchFrom != FetchFromClient && s.FetchFrom != FetchFromHost:
		return fieldError("fetch_from", "%q cannot fetch a URL: use %s or %s", s.FetchFrom, FetchFromClient, FetchFromHost)
	case s.FetchFrom == FetchFromHost && !IsURL(s.Path):
		return fieldError("fetch_from", "the host can fetch a URL; a file that lies on the host already is named by host_path")
	case s.Checksum != "" && !delivered:
		return fieldError("checksum", "a checksum is over the bytes that path or host_path deliver, and neither is given")
	case s.FSType != "" && len(given) > 0:
		return fieldError("fstype", "fstype is for an empty DATABLOCK, but %s gives this image its content", given[0])
	case s.FSType != "" && !slices.Contains(FileSystems, s.FSType):
		return fieldError("fstype", "%q is not a file system that can be made: use one of %v", s.FSType, FileSystems)
	case s.Format == FormatQcow2 && s.FSType != "" && s.FSType != FormatRaw:
		return fieldError("fstype", "a file system can be made in a raw DATABLOCK only, not in a qcow2 one")
	}
	return nil
}

// Image is the record of an image, images/<id>/image.json.
type Image struct {
	Header
	Type        ImageType  `json:"type"`
	State       ImageState `json:"state"`
	Persistent  bool       `json:"persistent"`
	File        string     `json:"file"`                   // name of the content beside the record
	Format      string     `json:"format,omitempty"`       // raw or qcow2; empty for KERNEL and RAMDISK
	Converted   bool       `json:"converted,omitempty"`    // the source had another format
	Size        int64      `json:"size,omitempty"`         // MiB, the virtual size rounded up
	Bytes       int64      `json:"bytes"`                  // length of the file when it was finished; 0: not known
	Modified    int64      `json:"modified,omitempty"`     // when that was, seconds since 1970; 0: not known
	SHA256      string     `json:"sha256,omitempty"`       // of the data in the file, as its map has it; empty while guests may write to it
	Altered     bool       `json:"altered,omitempty"`      // it has grown, or guests could write to it, since it was delivered
	Checksum    string     `json:"checksum,omitempty"`     // as given
	Delivered   string     `json:"delivered,omitempty"`    // "<algorithm>:<hex>" of the bytes as delivered, sha256 unless Checksum has another
	Path        string     `json:"path,omitempty"`         // where the content came from, or one of the next three
	HostPath    string     `json:"host_path,omitempty"`    //
	SourceImage *int       `json:"source_image,omitempty"` //
	SourceDisk  *DiskRef   `json:"source_disk,omitempty"`  //
	FetchFrom   string     `json:"fetch_from,omitempty"`
	FSType      string     `json:"fstype,omitempty"`
	Failure     string     `json:"failure,omitempty"` // why the state is ERROR
	Created     time.Time  `json:"created"`

	UsedBy []string `json:"-"` // names of the virtual machines that use it, sorted
}

// Pristine tells whether the content is in order and still the one that was stored: nobody has written to it or may.
func (i Image) Pristine() bool {
	return i.SHA256 != "" && !i.Altered && !i.Persistent && (i.State == ImageReady || i.State == ImageUsed)
}

// Sound tells what a record lacks that nothing could be done without, or has that would lead out of its folder.
func (i Image) Sound() error {
	if !slices.Contains(ImageTypes, i.Type) {
		return fmt.Errorf("its type is %q", i.Type)
	}
	if i.File != "" && (path.Base(i.File) != i.File || i.File == "." || i.File == "..") {
		return fmt.Errorf("its file %q is not the name of a file in its folder", i.File)
	}
	return nil
}

// Header is what every record begins with.
type Header struct {
	Host   string            `json:"-"` // the host it was read from
	ID     int               `json:"id"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	Claims []string          `json:"claims,omitempty"` // what only one record of a datastore may have
	Uses   []string          `json:"uses,omitempty"`   // the records it needs, "images/3"
}

// Ref names the record.
func (h Header) Ref() Ref { return Ref{Host: h.Host, ID: h.ID} }

// Number is the record's own number.
func (h Header) Number() int { return h.ID }

// FieldError says which attribute of a specification is wrong, and why.
type FieldError struct {
	Field string // attribute path with dots, "disks.xvda.size"
	Err   error
}

func fieldError(field, format string, args ...any) *FieldError {
	return &FieldError{Field: field, Err: fmt.Errorf(format, args...)}
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

func (e *FieldError) Unwrap() error { return e.Err }
