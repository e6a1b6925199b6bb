package xl

import (
	"fmt"
	"strings"
)

// maxDisk is the highest disk index of each kind of device name,
// xen-vbd-interface(7). libxl itself stops xvd at 2^20-1.
var maxDisk = map[string]int{"xvd": 1<<20 - 1, "hd": 3, "sd": 15}

// DiskIndex is the number of the disk behind a device name: xvda, hda and sda are all disk 0,
// and a guest may have each index once only. Whole disks only, no partitions.
func DiskIndex(vdev string) (int, error) {
	_, index, err := splitVDev(vdev)
	return index, err
}

// VDevNumber is the device number by which Xen knows the disk (xvda is 51712), as in the paths
// of xenstore and in libxl's messages, xen-vbd-interface(7).
func VDevNumber(vdev string) (int, error) {
	kind, index, err := splitVDev(vdev)
	if err != nil {
		return 0, err
	}
	switch {
	case kind == "hd" && index < 2:
		return 3<<8 | index<<6, nil
	case kind == "hd":
		return 22<<8 | (index-2)<<6, nil
	case kind == "sd":
		return 8<<8 | index<<4, nil
	case index <= 15:
		return 202<<8 | index<<4, nil
	default:
		return 1<<28 | index<<8, nil
	}
}

func splitVDev(vdev string) (kind string, index int, err error) {
	for _, kind = range []string{"xvd", "hd", "sd"} {
		letters, found := strings.CutPrefix(vdev, kind)
		if !found || letters == "" || len(letters) > 4 || strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") != "" {
			continue
		}
		index = 0
		for _, letter := range letters {
			index = index*26 + int(letter-'a') + 1
		}
		index--
		if index > maxDisk[kind] {
			return "", 0, fmt.Errorf("vdev %q: Xen knows the %s disks a to %s only", vdev, kind, letterOf(maxDisk[kind]))
		}
		return kind, index, nil
	}
	return "", 0, fmt.Errorf("vdev %q is no disk name; use xvda, xvdb, ..., hda to hdd, or sda to sdp", vdev)
}

func letterOf(index int) string {
	letters := ""
	for index++; index > 0; index = (index - 1) / 26 {
		letters = string(rune('a'+(index-1)%26)) + letters
	}
	return letters
}

// ideDisks is how many disks an HVM guest's emulated IDE controllers take: indexes 0 to 3.
const ideDisks = 4

// CheckDisks says whether a guest of the type can have these disks together. The rules are
// libxl's: what it refuses (or worse, what makes the device model die) is refused here, where
// the error can say what to do.
func CheckDisks(typ string, disks []Disk) error {
	taken := map[int]string{}
	for _, d := range disks {
		kind, index, err := splitVDev(d.VDev)
		if err != nil {
			return err
		}
		if other, clash := taken[index]; clash {
			return fmt.Errorf("disk %s: %s is the same disk %d of the guest; give it another letter", d.VDev, other, index)
		}
		taken[index] = d.VDev
		switch {
		case d.CDROM && typ != TypeHVM:
			return fmt.Errorf("disk %s: a %s guest has no CD-ROM drive; attach the image as a read-only disk", d.VDev, typ)
		case d.CDROM && index >= ideDisks:
			return fmt.Errorf("disk %s: an HVM guest's CD-ROM drive must be one of its first four disks (hda to hdd)", d.VDev)
		case !d.CDROM && d.ReadOnly && typ == TypeHVM && kind != "sd" && index < ideDisks:
			return fmt.Errorf("disk %s: the first four disks of an HVM guest cannot be read-only, only CD-ROM drives; use xvde or later", d.VDev)
		}
	}
	return nil
}
