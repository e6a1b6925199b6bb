package transfer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Formats of a content, as Info.Format names them. Xen uses raw, qcow2 and iso as they are; the others have to be converted.
const (
	FormatRaw   = "raw"
	FormatQCOW2 = "qcow2"
	FormatISO   = "iso"
	FormatVMDK  = "vmdk"
	FormatVHD   = "vhd"
	FormatVHDX  = "vhdx"
)

const (
	// headSize is how much of a content tells its format: the ISO 9660 descriptor ends at 32774.
	headSize = 36 << 10
	// tailSize is how much of the end of a content tells that it is a fixed VHD.
	tailSize = 512
	// maxVirtualBytes (64 TiB) is far beyond any disk on a dom0; more is a damaged or hostile header.
	maxVirtualBytes = 1 << 46
)

// foreign lists what nobody means to use as a raw disk, by the bytes it begins with.
var foreign = []struct{ magic, name string }{
	{"# Disk DescriptorFile", "the descriptor of a VMDK image whose data lies in other files"},
	{"COWD", "a VMDK image of an ESX snapshot"},
	{"QED\x00", "a QED image"},
	{"<<< ", "a VDI image"},
	{"PK\x03\x04", "a zip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
}

// identify finds the format and, where the header has it, the virtual size from the first headSize bytes of a content. Headers that
// would make a reader open other files are refused.
func identify(head []byte) (format string, virtual int64, err error) {
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case len(head) == 0:
		return "", 0, errors.New("it is empty")
	case has("QFI\xfb"):
		virtual, err = parseQCOW2(head)
		return FormatQCOW2, virtual, err
	case has("KDMV"):
		virtual, err = parseVMDK(head)
		return FormatVMDK, virtual, err
	case has("conectix"):
		virtual, err = parseVHD(head)
		return FormatVHD, virtual, err
	case has("vhdxfile"):
		return FormatVHDX, 0, nil // its size, and whether it has a parent, lie far behind the head; qemu-img refuses those with one
	case len(head) >= 32774 && string(head[32769:32774]) == "CD001":
		return FormatISO, 0, nil
	}
	for _, f := range foreign {
		if has(f.magic) {
			return "", 0, fmt.Errorf("it is %s, which cannot be used as a disk; convert it with `qemu-img convert -O qcow2`", f.name)
		}
	}
	if start := bytes.ToLower(bytes.TrimSpace(head[:min(len(head), 64)])); bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html")) {
		return "", 0, errors.New("it is a web page, not a disk image; use the address of the file itself")
	}
	return FormatRaw, 0, nil
}

// identifyWhole is identify with the last bytes of the content, too: a fixed VHD is a raw disk with a footer.
func identifyWhole(head, tail []byte) (format string, virtual int64, err error) {
	format, virtual, err = identify(head)
	if err == nil && format == FormatRaw && len(tail) == tailSize && bytes.HasPrefix(tail, []byte("conectix")) {
		virtual, err = parseVHD(tail)
		format = FormatVHD
	}
	return format, virtual, err
}

// parseVHD returns the virtual size that the footer of a VHD image, or the copy of it at the head, names (Virtual Hard Disk Image
// Format Specification 1.0: current size at 48, disk type at 60).
func parseVHD(footer []byte) (int64, error) {
	if len(footer) < 64 {
		return 0, errors.New("its VHD header is cut off")
	}
	const fixed, dynamic, differencing = 2, 3, 4
	size := binary.BigEndian.Uint64(footer[48:])
	switch kind := binary.BigEndian.Uint32(footer[60:]); {
	case kind == differencing:
		return 0, errors.New("it is a differencing VHD image, whose parent would be missing on the host; merge the two first")
	case kind != fixed && kind != dynamic:
		return 0, fmt.Errorf("its VHD header is damaged: disk type %d", kind)
	case size == 0 || size > maxVirtualBytes:
		return 0, fmt.Errorf("its VHD header is damaged: virtual size of %d bytes", size)
	}
	return int64(size), nil
}

// parseVMDK returns the virtual size of a VMDK image that is one file, monolithicSparse or streamOptimized (Virtual Disk Format 5.0:
// numbers are little-endian; capacity at 12, offset of the embedded descriptor at 28, both in sectors). A header without a capacity
// makes readers open the files that the descriptor names, and a parentFileNameHint makes them open that one.
func parseVMDK(head []byte) (int64, error) {
	const sector, descriptorSectors = 512, 20
	if len(head) < (1+descriptorSectors)*sector {
		return 0, errors.New("its VMDK header is cut off")
	}
	capacity := binary.LittleEndian.Uint64(head[12:])
	descriptor, _, _ := bytes.Cut(head[sector:(1+descriptorSectors)*sector], []byte{0})
	values, extents := parseDescriptor(descriptor)
	switch kind := values["createType"]; {
	case binary.LittleEndian.Uint64(head[28:]) != 1 || len(values) == 0:
		return 0, errors.New("it is a VMDK image without an embedded descriptor, a part of a larger image; convert the whole with `qemu-img convert -O qcow2`")
	case kind != "monolithicSparse" && kind != "streamOptimized":
		return 0, fmt.Errorf("it is a VMDK image of the kind %q, whose data lies in other files; convert it with `qemu-img convert -O qcow2`", kind)
	case values["parentCID"] != "ffffffff" || bytes.Contains(head, []byte("parentFileNameHint")):
		return 0, errors.New("it is a VMDK image with a parent, which would be missing on the host; flatten it with `qemu-img convert -O qcow2`")
	case len(extents) != 1 || extents[0] != "SPARSE":
		return 0, errors.New("it is a VMDK image of several files; convert it with `qemu-img convert -O qcow2`")
	case capacity == 0 || capacity > maxVirtualBytes/sector:
		return 0, fmt.Errorf("its VMDK header is damaged: capacity of %d sectors", capacity)
	}
	return int64(capacity) * sector, nil
}

// parseDescriptor reads the lines of a VMDK descriptor: key=value, and extents such as `RW 6144 SPARSE "a.vmdk"`, of which it gives
// the kinds.
func parseDescriptor(text []byte) (values map[string]string, extents []string) {
	values = map[string]string{}
	for line := range bytes.Lines(text) {
		line := string(bytes.TrimSpace(line))
		if fields := strings.Fields(line); len(fields) >= 3 && slices.Contains([]string{"RW", "RDONLY", "NOACCESS"}, fields[0]) {
			extents = append(extents, fields[2])
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			values[strings.TrimSpace(key)] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return values, extents
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
