package engine_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// askQEMU runs qemu-img on this machine.
func askQEMU(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed")
	}
	said, err := exec.Command("qemu-img", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("qemu-img %v: %v: %s", args, err, said)
	}
	return string(said)
}

// rawDisk is a raw disk of so many MiB that holds the text.
func rawDisk(t *testing.T, text string, mib int) string {
	t.Helper()
	content := make([]byte, mib<<20)
	copy(content, text)
	return file(t, "disk.raw", content)
}

func stored(h *simhost.Host, image model.Image) string {
	return filepath.Join(h.Datastore(), "images", strconv.Itoa(image.ID), image.File)
}

// holds demands that the content on the host is a disk of that format which a guest would see as that raw disk.
func holds(t *testing.T, h *simhost.Host, image model.Image, format, raw string) {
	t.Helper()
	if image.Format != format || image.State != model.ImageReady {
		t.Errorf("image %s is %s and %s", image.Name, image.Format, image.State)
	}
	if said := askQEMU(t, "compare", "-f", format, "-F", "raw", stored(h, image), raw); !strings.Contains(said, "identical") {
		t.Errorf("image %s: %s", image.Name, said)
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v\nwant %s", err, want)
	}
}

// inode tells whether two files are one.
func TestQcow2Grows(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	raw := rawDisk(t, "one", 2)
	spec := model.ImageSpec{Name: "disk", Type: model.ImageOS, Path: raw, Format: model.FormatQcow2}
	image := createImage(t, e, spec)
	vm := createVM(t, e, model.VirtualMachineSpec{Body: model.VirtualMachineBody{
		Type: model.TypeHVM, Memory: ptr(int64(64)), Disks: map[string]model.Disk{"xvda": {ImageID: &image.ID, Clone: model.CloneCopy}},
	}})
	// A virtual machine with a copy of its own is not in the way.
	spec.Size = 5
	image, err := e.UpdateImage(t.Context(), image.Ref(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if said := askQEMU(t, "info", "-f", "qcow2", stored(h, image)); !strings.Contains(said, "(5242880 bytes)") || image.Size != 5 || !image.Altered {
		t.Errorf("the record is %+v, the disk is\n%s", image, said)
	}
	if image.State != model.ImageUsed {
		t.Errorf("the state is %s", image.State)
	}
	if vm, err = e.VirtualMachine(t.Context(), vm.Ref()); err != nil || vm.Disks[0].Size != 2 {
		t.Errorf("the copy has %d MiB, %v", vm.Disks[0].Size, err)
	}
	spec.Size = 4
	_, err = e.UpdateImage(t.Context(), image.Ref(), spec)
	refused(t, err, "size: the image has 5 MiB and cannot shrink to 4 MiB")
}

// A change of the size that was cut off leaves an image that nobody uses until the next apply has looked at it.
func TestCutGrowthIsMended(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.ImageSpec{Name: "disk", Type: model.ImageOS, Path: rawDisk(t, "one", 2)}
	image := createImage(t, e, spec)
	spec.Size = 3
	h.FailToolTimes(1, "truncate", 1, "truncate: no luck")
	_, err := e.UpdateImage(t.Context(), image.Ref(), spec)
	refused(t, err, "no luck")
	if image, err = e.Image(t.Context(), image.Ref()); err != nil || image.State != model.ImageError || !strings.Contains(image.Failure, "cut off") {
		t.Errorf("the image is %s, %q, %v", image.State, image.Failure, err)
	}
	_, err = e.CreateVirtualMachine(t.Context(), site, model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{
		Type: model.TypeHVM, Memory: ptr(int64(64)), Disks: map[string]model.Disk{"xvda": {ImageID: &image.ID}},
	}}, nil)
	refused(t, err, `image "disk" is in the state ERROR`)
	if image, err = e.UpdateImage(t.Context(), image.Ref(), spec); err != nil || image.State != model.ImageReady || image.Bytes != 3<<20 {
		t.Errorf("the image is %+v, %v", image, err)
	}
}

// A domain of somebody else has the file.
func TestImageInUseByForeignDomainDoesNotGrow(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4}
	image := createImage(t, e, spec)
	_ = kernel(t, e)
	config := file(t, "foreign.cfg", []byte("name = \"foreign\"\nmemory = 64\nkernel = \""+filepath.Join(h.Datastore(), "images/2/kernel")+"\"\ndisk = [ \"format=raw,vdev=xvda,access=rw,target="+stored(h, image)+"\" ]\n"))
	if _, stderr, code := h.XL("create", config); code != 0 {
		t.Fatal(stderr)
	}
	spec.Size = 5
	_, err := e.UpdateImage(t.Context(), image.Ref(), spec)
	refused(t, err, "is in use: /dev/loop")
	if now, err := e.Image(t.Context(), image.Ref()); err != nil || now.State != model.ImageReady || now.Size != 4 {
		t.Errorf("the image is %+v, %v", now, err)
	}
}

func TestImageBehindOurBack(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	spec := model.ImageSpec{Name: "disk", Type: model.ImageOS, Path: rawDisk(t, "one", 1)}
	image := createImage(t, e, spec)
	data := model.ImageSpec{Name: "data", Type: model.ImageDatablock, Size: 1, Persistent: true, Format: model.FormatQcow2}
	persistent := createImage(t, e, data)
	look := func(ref model.Ref, state model.ImageState, says string) {
		t.Helper()
		now, err := connect(t, h).Image(t.Context(), ref)
		if err != nil || now.State != state || !strings.Contains(now.Failure, says) {
			t.Errorf("the image is %s, %q, %v; want %s, %q", now.State, now.Failure, err, state, says)
		}
	}
	f, err := os.OpenFile(stored(h, image), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write([]byte("more"))
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	look(image.Ref(), model.ImageError, "has 1048580 bytes, not the 1048576 that were stored")
	_, err = e.UpdateImage(t.Context(), image.Ref(), spec)
	refused(t, err, "has 1048580 bytes instead of 1048576")
	// It may be put aside without a look at it.
	spec.Disabled = true
	if _, err := e.UpdateImage(t.Context(), image.Ref(), spec); err != nil {
		t.Fatal(err)
	}
	look(image.Ref(), model.ImageDisabled, "")
	spec.Disabled = false
	_, err = e.UpdateImage(t.Context(), image.Ref(), spec)
	refused(t, err, "could not be verified")
	look(image.Ref(), model.ImageDisabled, "")

	// Guests write to a persistent image, so neither its time nor its length says anything; its structure does.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(stored(h, persistent), later, later); err != nil {
		t.Fatal(err)
	}
	look(persistent.Ref(), model.ImageReady, "")
	data.Persistent = false
	if _, err := e.UpdateImage(t.Context(), persistent.Ref(), data); err != nil {
		t.Fatal(err)
	}
	look(persistent.Ref(), model.ImageReady, "")
	data.Persistent, data.Disabled = true, true
	if _, err := e.UpdateImage(t.Context(), persistent.Ref(), data); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(stored(h, persistent))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(content)
	copy(broken[48:], []byte{0, 0, 0, 0, 0, 0, 2, 1}) // the offset of the refcount table, not at a cluster
	for _, test := range []struct {
		content []byte
		says    string
	}{{broken, "qemu-img"}, {content, ""}} {
		if err := os.WriteFile(stored(h, persistent), test.content, 0o600); err != nil {
			t.Fatal(err)
		}
		data.Disabled = false
		_, err = e.UpdateImage(t.Context(), persistent.Ref(), data)
		switch {
		case test.says != "":
			refused(t, err, test.says)
		case err != nil:
			t.Error(err)
		}
	}
	look(persistent.Ref(), model.ImageReady, "")
}

// A disk of a virtual machine that rests on another file is saved whole.
