package transfer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	formatRaw   = "raw"
	formatQCOW2 = "qcow2"
	formatISO   = "iso"

	// headSize is how much of a content tells its format: the ISO 9660 descriptor ends at 32774.
	headSize = 36 << 10
	// maxVirtualBytes (64 TiB) is far beyond any disk on a dom0; more is a damaged or hostile header.
	maxVirtualBytes = 1 << 46
)

// CheckFormat compares a declared format with the one found in the content. An empty declaration accepts all, and
// "raw" accepts an ISO image too, whose bytes a guest sees as they are.
func CheckFormat(declared, found string) error {
	if declared == "" || declared == found || declared == formatRaw && found == formatISO {
		return nil
	}
	return fmt.Errorf("the format is declared as %s, but the content is %s", declared, found)
}

// foreign lists what nobody means to use as a raw disk, by the bytes it begins with.
var foreign = []struct{ magic, name string }{
	{"KDMV", "a VMDK image"},
	{"# Disk DescriptorFile", "a VMDK descriptor"},
	{"vhdxfile", "a VHDX image"},
	{"conectix", "a VHD image"},
	{"QED\x00", "a QED image"},
	{"<<< ", "a VDI image"},
	{"PK\x03\x04", "a zip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
}

// identify finds the format and, for qcow2, the virtual size from the first headSize bytes of a content.
func identify(head []byte) (format string, virtual int64, err error) {
	if len(head) == 0 {
		return "", 0, errors.New("it is empty")
	}
	if bytes.HasPrefix(head, []byte("QFI\xfb")) {
		virtual, err = parseQCOW2(head)
		return formatQCOW2, virtual, err
	}
	if len(head) >= 32774 && string(head[32769:32774]) == "CD001" {
		return formatISO, 0, nil
	}
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return "", 0, fmt.Errorf("it is %s, which Xen cannot use as a disk; convert it with `qemu-img convert -O qcow2`", f.name)
		}
	}
	if start := bytes.ToLower(bytes.TrimSpace(head[:min(len(head), 64)])); bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html")) {
		return "", 0, errors.New("it is a web page, not a disk image; use the address of the file itself")
	}
	return formatRaw, 0, nil
}

// parseQCOW2 returns the virtual size of a qcow2 header, version 2 or 3, and refuses images that cannot stand alone
// (docs/interop/qcow2 of QEMU).
func parseQCOW2(head []byte) (int64, error) {
	if len(head) < 72 {
		return 0, errors.New("its qcow2 header is cut off")
	}
	version := binary.BigEndian.Uint32(head[4:])
	var incompatible uint64
	switch version {
	case 2:
	case 3:
		if len(head) < 104 {
			return 0, errors.New("its qcow2 header is cut off")
		}
		incompatible = binary.BigEndian.Uint64(head[72:])
	default:
		return 0, fmt.Errorf("it is a qcow image of version %d; only versions 2 and 3 are supported", version)
	}

	const corrupt, externalData, known = 1 << 1, 1 << 2, 1<<5 - 1
	size := binary.BigEndian.Uint64(head[24:])
	clusterBits := binary.BigEndian.Uint32(head[20:])
	switch {
	case binary.BigEndian.Uint64(head[8:]) != 0:
		return 0, errors.New("it is a qcow2 image with a backing file, which would be missing on the host; flatten it with `qemu-img convert -O qcow2`")
	case incompatible&externalData != 0:
		return 0, errors.New("it is a qcow2 image with an external data file, which would be missing on the host; join them with `qemu-img convert -O qcow2`")
	case incompatible&corrupt != 0:
		return 0, errors.New("it is a qcow2 image marked as corrupt; repair it with `qemu-img check -r all`")
	case incompatible&^known != 0:
		return 0, fmt.Errorf("it is a qcow2 image with unknown incompatible features %#x", incompatible&^known)
	case binary.BigEndian.Uint32(head[32:]) != 0:
		return 0, errors.New("it is an encrypted qcow2 image, which Xen cannot open; decrypt it with `qemu-img convert`")
	case clusterBits < 9 || clusterBits > 21:
		return 0, fmt.Errorf("its qcow2 header is damaged: cluster bits %d", clusterBits)
	case size == 0 || size > maxVirtualBytes:
		return 0, fmt.Errorf("its qcow2 header is damaged: virtual size of %d bytes", size)
	}
	return int64(size), nil
}
