package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// content is what the images of these tests hold, 2 MiB.
var content = bytes.Repeat([]byte("an image"), 1<<18)

func rawImage(t *testing.T, e *engine.Engine) model.Image {
	t.Helper()
	return createImage(t, e, model.ImageSpec{Name: "root", Type: model.ImageOS, Path: file(t, "disk.raw", content)})
}

func qcow2Image(t *testing.T, e *engine.Engine) model.Image {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk.qcow2")
	askQEMU(t, "convert", "-f", "raw", "-O", "qcow2", file(t, "disk.raw", content), disk)
	return createImage(t, e, model.ImageSpec{Name: "root", Type: model.ImageOS, Path: disk})
}

// withDisk is a virtual machine with one disk.
func withDisk(name string, os *model.OS, disk model.Disk) model.VirtualMachineSpec {
	return model.VirtualMachineSpec{
		Name: name, PowerState: model.VMRunning, ShutdownTimeout: 10 * time.Second,
		Body: model.VirtualMachineBody{Memory: ptr(int64(64)), OS: os, Disks: map[string]model.Disk{"xvda": disk}},
	}
}

func TestCloneMethods(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		image   func(*testing.T, *engine.Engine) model.Image
		clone   model.Clone
		size    int64
		options []simhost.Option
		want    model.CloneMethod
		format  string
	}{
		"raw":                         {image: rawImage, want: model.MethodCopy, format: model.FormatRaw},
		"raw larger":                  {image: rawImage, size: 5, want: model.MethodCopy, format: model.FormatRaw},
		"raw blocks shared":           {image: rawImage, options: []simhost.Option{simhost.Reflink()}, want: model.MethodReflink, format: model.FormatRaw},
		"raw copy shared larger":      {image: rawImage, clone: model.CloneCopy, size: 5, options: []simhost.Option{simhost.Reflink()}, want: model.MethodReflink, format: model.FormatRaw},
		"raw overlay":                 {image: rawImage, clone: model.CloneOverlay, want: model.MethodOverlay, format: model.FormatQcow2},
		"raw overlay larger":          {image: rawImage, clone: model.CloneOverlay, size: 5, want: model.MethodOverlay, format: model.FormatQcow2},
		"qcow2":                       {image: qcow2Image, want: model.MethodOverlay, format: model.FormatQcow2},
		"qcow2 larger":                {image: qcow2Image, clone: model.CloneAuto, size: 5, want: model.MethodOverlay, format: model.FormatQcow2},
		"qcow2 blocks shared larger":  {image: qcow2Image, size: 5, options: []simhost.Option{simhost.Reflink()}, want: model.MethodReflink, format: model.FormatQcow2},
		"qcow2 copy":                  {image: qcow2Image, clone: model.CloneCopy, want: model.MethodCopy, format: model.FormatQcow2},
		"qcow2 copy larger":           {image: qcow2Image, clone: model.CloneCopy, size: 5, want: model.MethodCopy, format: model.FormatQcow2},
		"qcow2 overlay shared blocks": {image: qcow2Image, clone: model.CloneOverlay, options: []simhost.Option{simhost.Reflink()}, want: model.MethodOverlay, format: model.FormatQcow2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := simhost.Start(t, test.options...)
			e := connect(t, h)
			image := test.image(t, e)
			spec := withDisk("web", kernel(t, e), model.Disk{ImageID: &image.ID, Clone: test.clone, Size: test.size})

			foreseen, err := e.ForeseeDisks(t.Context(), site, spec.Body.Disks)
			if err != nil || foreseen["xvda"] != test.want {
				t.Errorf("foreseen is %v, %v", foreseen, err)
			}
			vm := createVM(t, e, spec)
			disk := vm.Disks[0]
			if disk.Method != test.want || disk.Format != test.format {
				t.Errorf("the record says %s in the format %s", disk.Method, disk.Format)
			}
			if line := "format=" + test.format + ",vdev=xvda,access=rw,target=" + disk.File; !strings.Contains(vm.DeploymentText, line) {
				t.Errorf("the deployment file lacks %q:\n%s", line, vm.DeploymentText)
			}
			base := ""
			if test.want == model.MethodOverlay {
				base = filepath.Join(h.Datastore(), "images", "1", image.File)
			}
			if disk.Base != base {
				t.Errorf("the record says that the base is %q, not %q", disk.Base, base)
			}
			judge(t, disk, image.Format, max(2, test.size)<<20)
		})
	}
}

// judge asks qemu-img what a disk is, and looks whether it begins with the content of the image.
func judge(t *testing.T, disk model.AttachedDisk, baseFormat string, size int64) {
	t.Helper()
	var info struct {
		Size       int64  `json:"virtual-size"`
		Base       string `json:"backing-filename"`
		BaseFormat string `json:"backing-filename-format"`
	}
	if err := json.Unmarshal([]byte(askQEMU(t, "info", "-U", "-f", disk.Format, "--output=json", disk.File)), &info); err != nil {
		t.Fatal(err)
	}
	if disk.Base == "" {
		baseFormat = ""
	}
	if info.Size != size || info.Base != disk.Base || info.BaseFormat != baseFormat {
		t.Errorf("the disk is %+v", info)
	}
	raw := filepath.Join(t.TempDir(), "raw")
	askQEMU(t, "convert", "-U", "-f", disk.Format, "-O", "raw", disk.File, raw)
	got, err := os.ReadFile(raw)
	if err != nil || !bytes.Equal(bytes.TrimRight(got, "\x00"), content) {
		t.Errorf("the disk does not hold the content of the image: %v", err)
	}
}

func TestOverlaysOnOneImage(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	image, os := qcow2Image(t, e), kernel(t, e)
	spec := withDisk("web-1", os, model.Disk{ImageID: &image.ID, Clone: model.CloneOverlay})
	one := createVM(t, e, spec)
	two := createVM(t, e, withDisk("web-2", os, model.Disk{ImageID: &image.ID}))
	if len(h.Domains()) != 2 {
		t.Errorf("domains are %+v", h.Domains())
	}

	if err := e.DeleteImage(t.Context(), image.Ref()); err == nil || !strings.Contains(err.Error(), `"web-1", virtual machine "web-2"`) {
		t.Errorf("deleting the image under them: %v", err)
	}
	for name, change := range map[string]model.ImageSpec{
		"persistent": {Name: "root", Type: model.ImageOS, Persistent: true},
		"type":       {Name: "root", Type: model.ImageDatablock},
		"enabled":    {Name: "root", Type: model.ImageOS, Disabled: true},
		"size":       {Name: "root", Type: model.ImageOS, Size: 4096},
	} {
		change.Path = image.Path
		if _, err := e.UpdateImage(t.Context(), image.Ref(), change); err == nil || !strings.Contains(err.Error(), "web-1") || !strings.Contains(err.Error(), "web-2") {
			t.Errorf("changing %s of the image under them: %v", name, err)
		}
	}

	spec.PowerState = model.VMPoweroff
	if _, err := e.UpdateVirtualMachine(t.Context(), one.Ref(), spec); err != nil {
		t.Fatal(err)
	}
	spec.PowerState = model.VMRunning
	one, err := e.UpdateVirtualMachine(t.Context(), one.Ref(), spec)
	if err != nil || !strings.Contains(one.DeploymentText, "format=qcow2,vdev=xvda,access=rw,target="+one.Disks[0].File) {
		t.Errorf("started again: %v\n%s", err, one.DeploymentText)
	}

	for _, vm := range []model.VirtualMachine{one, two} {
		if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.DeleteImage(t.Context(), image.Ref()); err != nil {
		t.Errorf("deleting the image after them: %v", err)
	}
}

// Nobody else may have the file that an overlay stands on: what he wrote to it would be garbage in the guest.
func TestForeignDomainOnTheBase(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	image, os := qcow2Image(t, e), kernel(t, e)
	base := filepath.Join(h.Datastore(), "images", "1", "disk.qcow2")
	config := file(t, "foreign.cfg", []byte("name = \"foreign\"\nmemory = 64\nkernel = \""+filepath.Join(h.Datastore(), "images/2/kernel")+"\"\ndisk = [ \"format=qcow2,vdev=xvda,access=rw,target="+base+"\" ]\n"))
	if _, stderr, code := h.XL("create", config); code != 0 {
		t.Fatal(stderr)
	}
	_, err := e.CreateVirtualMachine(t.Context(), site, withDisk("web", os, model.Disk{ImageID: &image.ID}), nil)
	if err == nil || !strings.Contains(err.Error(), "The disk "+base+" is in use already by another domain of this host.") {
		t.Errorf("error is %v", err)
	}
	if domains := h.Domains(); len(domains) != 1 || domains[0].Name != "foreign" {
		t.Errorf("domains are %+v", domains)
	}
}

func TestMissingBaseIsNamed(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	image := rawImage(t, e)
	askQEMU(t, "--version")
	spec := withDisk("web", kernel(t, e), model.Disk{ImageID: &image.ID, Clone: model.CloneOverlay})
	vm := createVM(t, e, spec)
	spec.PowerState = model.VMPoweroff
	if _, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(vm.Disks[0].Base); err != nil {
		t.Fatal(err)
	}
	spec.PowerState = model.VMRunning
	if _, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec); err == nil || !strings.Contains(err.Error(), "The disk "+vm.Disks[0].Base+" is missing.") {
		t.Errorf("error is %v", err)
	}
}

func TestHostWithoutQEMUImg(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.NoTool("qemu-img"))
	e := connect(t, h)
	qcow2, os := qcow2Image(t, e), kernel(t, e)
	raw := createImage(t, e, model.ImageSpec{Name: "raw", Type: model.ImageOS, Path: file(t, "disk.raw", content)})
	for name, test := range map[string]struct {
		disk           model.Disk
		field, foresee string
		create         string
	}{
		"auto": {
			model.Disk{ImageID: &qcow2.ID}, "disks.xvda.clone", `host xen01 has no qemu-img, which makes the overlay over image "root"`,
			"there is no qemu-img on the host, which makes the overlay",
		},
		"overlay": {
			model.Disk{ImageID: &raw.ID, Clone: model.CloneOverlay}, "disks.xvda.clone", `host xen01 has no qemu-img, which makes the overlay over image "raw"`,
			"there is no qemu-img on the host, which makes the overlay",
		},
		"larger": {
			model.Disk{ImageID: &qcow2.ID, Clone: model.CloneCopy, Size: 5}, "disks.xvda.size", `host xen01 has no qemu-img, which makes the copy of image "root" larger`,
			"there is no qemu-img on the host, which makes the disk",
		},
		"copy":             {disk: model.Disk{ImageID: &qcow2.ID, Clone: model.CloneCopy}},
		"raw and larger":   {disk: model.Disk{ImageID: &raw.ID, Size: 5}},
		"without an image": {disk: model.Disk{Volatile: "fs", Size: 5}},
	} {
		spec := withDisk("web-"+strings.ReplaceAll(name, " ", "-"), os, test.disk)
		_, err := e.ForeseeDisks(t.Context(), site, spec.Body.Disks)
		if got := fieldOf(err); got != test.field || test.field != "" && !strings.Contains(err.Error(), test.foresee) {
			t.Errorf("%s: foreseeing says %v", name, err)
		}
		_, err = e.CreateVirtualMachine(t.Context(), site, spec, nil)
		if (err != nil) != (test.create != "") || err != nil && !strings.Contains(err.Error(), test.create) {
			t.Errorf("%s: creating says %v", name, err)
		}
	}
}

// fieldOf is the attribute that an error concerns.
func fieldOf(err error) string {
	if field, ok := errors.AsType[*model.FieldError](err); ok {
		return field.Field
	}
	return ""
}

// What was promised is done, or nothing.
func TestForeseenMethodIsKept(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	image, os := rawImage(t, e), kernel(t, e)
	for method, want := range map[model.CloneMethod]string{
		model.MethodReflink: "was to share the blocks of its image, but here files cannot",
		model.MethodInPlace: `the plan says that the clone_method of the disk is "in-place", but its image or template has changed since then`,
		model.MethodOverlay: `the plan says that the clone_method of the disk is "overlay"`,
		model.MethodCopy:    "",
	} {
		spec := withDisk("web-"+string(method), os, model.Disk{ImageID: &image.ID})
		spec.Foreseen = map[string]model.CloneMethod{"xvda": method}
		vm, err := e.CreateVirtualMachine(t.Context(), site, spec, nil)
		switch {
		case want == "" && (err != nil || vm.Disks[0].Method != method):
			t.Errorf("%s: %v, %v", method, vm.Disks, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error is %v", method, err)
		}
	}
}

func TestHostTellsWhetherBlocksAreShared(t *testing.T) {
	t.Parallel()
	for can, options := range map[bool][]simhost.Option{false: nil, true: {simhost.Reflink()}} {
		h := simhost.Start(t, options...)
		e := connect(t, h)
		if facts, err := e.Host(t.Context(), site); err != nil || facts.Reflink {
			t.Errorf("without a datastore: %t, %v", facts.Reflink, err)
		}
		if _, err := os.Stat(h.Datastore()); !os.IsNotExist(err) {
			t.Errorf("asking made a datastore: %v", err)
		}
		rawImage(t, e)
		if facts, err := e.Host(t.Context(), site); err != nil || facts.Reflink != can {
			t.Errorf("with a datastore: %t, %v", facts.Reflink, err)
		}
		if left := leftovers(t, h); len(left) != 1 {
			t.Errorf("asking left %v", left)
		}
	}
}
