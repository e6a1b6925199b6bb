package model_test

import (
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

func TestImageCheck(t *testing.T) {
	disk := func(vm int, slot string) *model.DiskRef { return &model.DiskRef{VM: vm, Slot: slot} }
	for name, test := range map[string]struct {
		spec  model.ImageSpec
		field string // empty: nothing is wrong
	}{
		"name":                   {model.ImageSpec{Name: "12", Type: model.ImageOS, Path: "x"}, "name"},
		"type":                   {model.ImageSpec{Name: "a", Type: "FLOPPY", Path: "x"}, "type"},
		"no source":              {model.ImageSpec{Name: "a", Type: model.ImageOS}, "path"},
		"empty":                  {model.ImageSpec{Name: "a", Type: model.ImageDatablock, Size: 1}, ""},
		"empty without size":     {model.ImageSpec{Name: "a", Type: model.ImageDatablock}, "size"},
		"persistent CDROM":       {model.ImageSpec{Name: "a", Type: model.ImageCDROM, Path: "x", Persistent: true}, "persistent"},
		"format of a kernel":     {model.ImageSpec{Name: "a", Type: model.ImageKernel, Path: "x", Format: "raw"}, "format"},
		"file system":            {model.ImageSpec{Name: "a", Type: model.ImageDatablock, Size: 1, FSType: "ntfs"}, "fstype"},
		"file system of content": {model.ImageSpec{Name: "a", Type: model.ImageDatablock, HostPath: "/x", FSType: "ext4"}, "fstype"},
		"checksum of nothing":    {model.ImageSpec{Name: "a", Type: model.ImageDatablock, Size: 1, Checksum: "md5:00"}, "checksum"},
		"checksum of a clone":    {model.ImageSpec{Name: "a", Type: model.ImageOS, SourceImage: ptr(1), Checksum: "md5:00"}, "checksum"},
		"host path":              {model.ImageSpec{Name: "a", Type: model.ImageOS, HostPath: "/dev/vg/web"}, ""},
		"relative host path":     {model.ImageSpec{Name: "a", Type: model.ImageOS, HostPath: "web"}, "host_path"},
		"newline in a host path": {model.ImageSpec{Name: "a", Type: model.ImageOS, HostPath: "/a\nb"}, "host_path"},
		"two sources":            {model.ImageSpec{Name: "a", Type: model.ImageOS, Path: "x", HostPath: "/x"}, "host_path"},
		"two other sources":      {model.ImageSpec{Name: "a", Type: model.ImageOS, SourceImage: ptr(1), SourceDisk: disk(1, "xvda")}, "source_disk"},
		"saved disk":             {model.ImageSpec{Name: "a", Type: model.ImageOS, SourceDisk: disk(1, "xvda")}, ""},
		"saved kernel":           {model.ImageSpec{Name: "a", Type: model.ImageKernel, SourceDisk: disk(1, "xvda")}, "source_disk"},
		"saved disk0":            {model.ImageSpec{Name: "a", Type: model.ImageOS, SourceDisk: disk(1, "disk0")}, "source_disk.slot"},
		"fetched by the host":    {model.ImageSpec{Name: "a", Type: model.ImageOS, Path: "https://a/b", FetchFrom: "host"}, ""},
		"fetched file":           {model.ImageSpec{Name: "a", Type: model.ImageOS, Path: "x", FetchFrom: "host"}, "fetch_from"},
		"fetched by whom":        {model.ImageSpec{Name: "a", Type: model.ImageOS, Path: "https://a/b", FetchFrom: "server"}, "fetch_from"},
	} {
		err := test.spec.CheckNew()
		switch {
		case err == nil && test.field != "":
			t.Errorf("%s: nothing is refused, want %s", name, test.field)
		case err != nil && err.Field != test.field:
			t.Errorf("%s: refused is %v, want %q", name, err, test.field)
		}
	}
}

func TestOSWithoutPathIsNeverNew(t *testing.T) {
	spec := model.ImageSpec{Name: "a", Type: model.ImageOS, Size: 1}
	if err := spec.Check(); err != nil {
		t.Errorf("what became of a DATABLOCK is refused: %v", err)
	}
	if err := spec.CheckNew(); err == nil || err.Field != "path" {
		t.Errorf("refused is %v, want path", err)
	}
}
