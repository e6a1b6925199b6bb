package xl

import (
	"strings"
	"testing"
)

func TestDiskIndexAndNumber(t *testing.T) {
	for vdev, want := range map[string][2]int{
		"xvda": {0, 51712}, "xvdb": {1, 51728}, "xvdc": {2, 51744}, "xvdp": {15, 51952}, "xvdq": {16, 1<<28 + 16<<8}, "xvdz": {25, 1<<28 + 25<<8},
		"xvdaa": {26, 1<<28 + 26<<8}, "xvdzz": {701, 1<<28 + 701<<8}, "hda": {0, 768}, "hdb": {1, 832}, "hdc": {2, 5632}, "hdd": {3, 5696}, "sda": {0, 2048}, "sdp": {15, 2288},
	} {
		index, err := DiskIndex(vdev)
		number, err2 := VDevNumber(vdev)
		if err != nil || err2 != nil || [2]int{index, number} != want {
			t.Errorf("%s: disk %d, number %d (%v, %v), want %v", vdev, index, number, err, err2, want)
		}
	}
	for _, vdev := range []string{"", "xvd", "hd", "vda", "xvda1", "XVDA", "hde", "sdq", "xvdaaaaa", "xvdc:cdrom", "xvd-a", "é"} {
		if index, err := DiskIndex(vdev); err == nil || !strings.Contains(err.Error(), vdev) {
			t.Errorf("%q is disk %d, %v", vdev, index, err)
		}
	}
	if _, err := DiskIndex("hde"); err == nil || !strings.Contains(err.Error(), "a to d only") {
		t.Errorf("hde: %v", err)
	}
}

func TestCheckDisks(t *testing.T) {
	cd, ro := func(vdev string) Disk { return Disk{VDev: vdev, CDROM: true, ReadOnly: true} }, func(vdev string) Disk { return Disk{VDev: vdev, ReadOnly: true} }
	for name, c := range map[string]struct {
		typ   string
		disks []Disk
		says  string // "": they may be together
	}{
		"disk, CD-ROM and late read-only": {TypeHVM, []Disk{{VDev: "xvda"}, cd("hdc"), ro("xvde")}, ""},
		"the notes' CD-ROM":               {TypeHVM, []Disk{{VDev: "xvdb"}, {VDev: "xvda"}, cd("xvdc")}, ""},
		"a read-only SCSI disk":           {TypeHVM, []Disk{ro("sda")}, ""},
		"a pv's read-only context":        {TypePV, []Disk{{VDev: "xvda"}, ro("xvdb")}, ""},
		"xvda and hda":                    {TypeHVM, []Disk{{VDev: "xvda"}, {VDev: "hda"}}, "hda: xvda is the same disk 0"},
		"xvda and sda of a pv":            {TypePV, []Disk{{VDev: "xvda"}, {VDev: "sda"}}, "same disk 0"},
		"a read-only early disk":          {TypeHVM, []Disk{ro("xvdd")}, "xvdd"},
		"a late CD-ROM":                   {TypeHVM, []Disk{cd("xvde")}, "first four"},
		"a pv's CD-ROM":                   {TypePV, []Disk{cd("xvdb")}, "read-only disk"},
		"a pvh's CD-ROM":                  {TypePVH, []Disk{cd("xvdb")}, "read-only disk"},
		"a partition":                     {TypePV, []Disk{{VDev: "xvda1"}}, "xvda1"},
	} {
		err := CheckDisks(c.typ, c.disks)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: error %v, want %q", name, err, c.says)
		}
	}
}

// The overheads are those that libxl 4.17 takes.
func TestMemoryNeeded(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   int64
	}{
		{Config{Type: TypeHVM, Memory: 512, VCPUs: 1}, 512 + 6},
		{Config{Type: TypeHVM, Memory: 2048, VCPUs: 2}, 2048 + 12},
		{Config{Type: TypePVH, Memory: 8192, VCPUs: 4}, 8192 + 38},
		{Config{Type: TypeHVM, Memory: 2048, MaxMemory: 8192, VCPUs: 2, MaxVCPUs: 4}, 2048 + 38},
		{Config{Type: TypePV, Memory: 512}, 512 + 4},
		{Config{Type: TypePV, Memory: 511}, 516}, // up to 2 MiB
	} {
		if got := MemoryNeededMiB(c.config); got != c.want {
			t.Errorf("%+v: %d MiB, want %d", c.config, got, c.want)
		}
	}
}
