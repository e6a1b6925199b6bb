package model

import (
	"fmt"
	"slices"
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
// the virtual machines that use the image.
const (
	ImageLocked   ImageState = "LOCKED"
	ImageReady    ImageState = "READY"
	ImageUsed     ImageState = "USED"
	ImageUsedPers ImageState = "USED_PERS"
	ImageError    ImageState = "ERROR"
)

// Formats of an image's content.
const (
	FormatRaw   = "raw"
	FormatQcow2 = "qcow2"
)

// FileSystems are the values of fstype: what an empty DATABLOCK or a volatile disk is made with, by the host's mkfs.<type> or mkswap.
var FileSystems = []string{"raw", "ext2", "ext3", "ext4", "xfs", "btrfs", "swap"}

// ImageSpec is what a user asks of an image.
type ImageSpec struct {
	Name       string
	Type       ImageType
	Persistent bool
	Path       string // local path or http(s) URL; empty: an empty DATABLOCK of Size
	Checksum   string // "<algorithm>:<hex>" over the delivered bytes, or empty
	Format     string // raw, qcow2, or empty: taken from the source
	Size       int64  // MiB; 0: as large as the source
	FSType     string // for an empty DATABLOCK; empty: raw
	Labels     map[string]string
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
		case s.Size != 0:
			return fieldError("size", "a CDROM image is as large as its content and cannot be given a size")
		case s.Format == FormatQcow2:
			return fieldError("format", "a CDROM image is stored raw")
		}
	}
	return s.checkSource()
}

func (s ImageSpec) checkSource() *FieldError {
	if s.Path != "" {
		if s.FSType != "" {
			return fieldError("fstype", "fstype is for an empty DATABLOCK, but path gives this image its content")
		}
		return nil
	}
	switch {
	case s.Type != ImageDatablock && s.Type != ImageOS:
		return fieldError("path", "an image of type %s needs a path: only a DATABLOCK can be made empty", s.Type)
	case s.Size == 0:
		return fieldError("size", "an empty DATABLOCK needs a size in MiB")
	case s.Checksum != "":
		return fieldError("checksum", "an empty DATABLOCK has no source whose checksum could be checked")
	case s.Format == FormatQcow2 && s.FSType != "" && s.FSType != FormatRaw:
		return fieldError("fstype", "a file system can be made in a raw DATABLOCK only, not in a qcow2 one")
	case s.FSType != "" && !slices.Contains(FileSystems, s.FSType):
		return fieldError("fstype", "%q is not a file system that can be made: use one of %v", s.FSType, FileSystems)
	}
	return nil
}

// CheckNew returns what is wrong, beyond Check, with an image that is yet to be made. An OS without a path is what became of a DATABLOCK
// that a system was installed on; it cannot be made again from nothing.
func (s ImageSpec) CheckNew() *FieldError {
	if s.Path == "" && s.Type == ImageOS {
		return fieldError("path", "a new image of type OS needs a path: make an empty DATABLOCK, install a system on it, then change its type to OS")
	}
	return nil
}

// Image is the record of an image, images/<id>/image.json.
type Image struct {
	Header
	Type       ImageType  `json:"type"`
	State      ImageState `json:"state"`
	Persistent bool       `json:"persistent"`
	File       string     `json:"file"`                // name of the content beside the record
	Format     string     `json:"format,omitempty"`    // raw or qcow2; empty for KERNEL and RAMDISK
	Size       int64      `json:"size,omitempty"`      // MiB, the virtual size rounded up
	Bytes      int64      `json:"bytes"`               // length of the file when it was stored
	SHA256     string     `json:"sha256,omitempty"`    // of the stored bytes
	Checksum   string     `json:"checksum,omitempty"`  // as given, over the delivered bytes
	Delivered  string     `json:"delivered,omitempty"` // "<algorithm>:<hex>" of the bytes as delivered, sha256 unless Checksum has another
	Path       string     `json:"path,omitempty"`      // where the content came from
	FSType     string     `json:"fstype,omitempty"`
	Failure    string     `json:"failure,omitempty"` // why the state is ERROR
	Created    time.Time  `json:"created"`

	UsedBy []string `json:"-"` // names of the virtual machines that use it, sorted
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
