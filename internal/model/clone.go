package model

import (
	"fmt"
	"slices"
)

// Clone is how the disk of a virtual machine is to be made from an image that is not used in place.
type Clone string

// The values of clone. Auto is what is meant when nothing is said.
const (
	CloneAuto    Clone = "auto"    // what costs least on the host
	CloneCopy    Clone = "copy"    // independent of the image
	CloneOverlay Clone = "overlay" // what the guest writes, over the image
)

// Clones lists every value.
var Clones = []Clone{CloneAuto, CloneCopy, CloneOverlay}

// CloneMethod is how a disk came to be.
type CloneMethod string

// The methods. A reflink shares its blocks with the image until one of the two is written to (ioctl_ficlonerange(2)), so it is as
// independent as a copy.
const (
	MethodReflink CloneMethod = "reflink"
	MethodCopy    CloneMethod = "copy"     // with holes where the image has zeros
	MethodOverlay CloneMethod = "overlay"  // a qcow2 file whose backing file is the image's
	MethodInPlace CloneMethod = "in-place" // the image itself, or a disk of the host
	MethodMade    CloneMethod = "made"     // a volatile disk
)

// Allows tells whether a disk that was made in this way is what the value asks for.
func (c Clone) Allows(method CloneMethod) bool {
	switch c {
	case CloneCopy:
		return method == MethodReflink || method == MethodCopy
	case CloneOverlay:
		return method == MethodOverlay
	}
	return true
}

// InPlace tells whether virtual machines use the image itself: one writes to a persistent image, and a CDROM is only read.
func (i Image) InPlace() bool { return i.Persistent || i.Type == ImageCDROM }

// Methods are the ways in which the disk may be made, the best first; the image is only looked at when the disk has one. It is an
// error when clone asks for what the image does not allow.
func (d Disk) Methods(slot string, image Image) ([]CloneMethod, *FieldError) {
	switch {
	case d.OfHost():
		return []CloneMethod{MethodInPlace}, nil
	case d.ImageID == nil:
		return []CloneMethod{MethodMade}, nil
	case image.InPlace() && slices.Contains([]Clone{CloneCopy, CloneOverlay}, d.Clone):
		return nil, fieldError("disks."+slot+".clone", "image %q is used in place, because it is %s, so no disk is made from it: leave clone away, or use %q",
			image.Name, inPlaceBecause(image), CloneAuto)
	case image.InPlace():
		return []CloneMethod{MethodInPlace}, nil
	case d.Clone == CloneOverlay:
		return []CloneMethod{MethodOverlay}, nil
	case d.Clone != CloneCopy && image.Format == FormatQcow2:
		return []CloneMethod{MethodReflink, MethodOverlay}, nil
	}
	return []CloneMethod{MethodReflink, MethodCopy}, nil
}

func inPlaceBecause(image Image) string {
	if image.Persistent {
		return "persistent"
	}
	return fmt.Sprintf("a %s", image.Type)
}
