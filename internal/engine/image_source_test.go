package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func serve(t *testing.T, content func() []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content()) }))
	t.Cleanup(server.Close)
	return server.URL + "/disk.img"
}

func TestImageFormats(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	raw := rawDisk(t, "one", 4)
	convert := func(name string, options ...string) string {
		path := filepath.Join(t.TempDir(), name)
		askQEMU(t, append(append([]string{"convert", "-f", "raw"}, options...), raw, path)...)
		return path
	}
	for name, source := range map[string]string{
		"raw":     raw,
		"qcow2":   convert("a.qcow2", "-O", "qcow2"),
		"vmdk":    convert("a.vmdk", "-O", "vmdk"),
		"stream":  convert("s.vmdk", "-O", "vmdk", "-o", "subformat=streamOptimized"),
		"vhd":     convert("a.vhd", "-O", "vpc", "-o", "force_size=on"),
		"vhdx":    convert("a.vhdx", "-O", "vhdx"),
		"vhd-fix": convert("f.vhd", "-O", "vpc", "-o", "subformat=fixed,force_size=on"),
	} {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		url := serve(t, func() []byte { return content })
		ways := []model.ImageSpec{{Path: url, Format: model.FormatRaw}, {Path: url, Format: model.FormatQcow2, FetchFrom: model.FetchFromHost}}
		if name == "vmdk" {
			ways = append(ways, model.ImageSpec{Path: source, Format: model.FormatQcow2}, model.ImageSpec{HostPath: source, Format: model.FormatRaw})
		}
		for i, spec := range ways {
			spec.Name, spec.Type = fmt.Sprintf("%s-%d", name, i), model.ImageOS
			image := createImage(t, e, spec)
			holds(t, h, image, spec.Format, raw)
			if image.Size != 4 || image.SHA256 == "" || image.Delivered == "" {
				t.Errorf("%s: the record is %+v", spec.Name, image)
			}
		}
		if name == "raw" || name == "qcow2" {
			continue
		}
		_, err = e.CreateImage(t.Context(), site, model.ImageSpec{Name: "plain", Type: model.ImageOS, Path: url}, nil)
		refused(t, err, "image, which Xen cannot use as it is: set format")
		if name != "vmdk" {
			continue
		}
		_, err = e.CreateImage(t.Context(), site, model.ImageSpec{Name: "plain", Type: model.ImageCDROM, HostPath: source}, nil)
		refused(t, err, "a CDROM image is an ISO 9660 image")
	}
}

func TestDisksOfOtherFilesAreRefused(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	secret := rawDisk(t, "secret", 1)
	child := filepath.Join(t.TempDir(), "child.qcow2")
	askQEMU(t, "create", "-f", "qcow2", "-b", secret, "-F", "raw", child)
	flat := filepath.Join(t.TempDir(), "flat.vmdk")
	askQEMU(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", secret, flat)
	for _, spec := range []model.ImageSpec{{HostPath: child}, {Path: child}, {HostPath: flat}, {Path: flat}} {
		spec.Name, spec.Type, spec.Format = "child", model.ImageOS, model.FormatRaw
		_, err := e.CreateImage(t.Context(), site, spec, nil)
		if err == nil {
			t.Errorf("%+v was taken", spec)
		}
	}
	if left := leftovers(t, h); len(left) != 0 {
		t.Errorf("left on the host: %v", left)
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat, _ := info.Sys().(*syscall.Stat_t)
	return stat.Ino
}

func TestSameContentIsFoundOnTheHost(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	raw := rawDisk(t, "same", 2)
	sum, err := engine.SourceChecksum(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := 0
	url := serve(t, func() []byte {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return content
	})
	spec := func(name string, change func(*model.ImageSpec)) model.ImageSpec {
		s := model.ImageSpec{Name: name, Type: model.ImageOS, Path: url, Checksum: sum}
		if change != nil {
			change(&s)
		}
		return s
	}
	// Several at once: the others wait for the first.
	var done sync.WaitGroup
	for i := range 3 {
		done.Go(func() {
			if _, err := e.CreateImage(context.WithoutCancel(t.Context()), site, spec(fmt.Sprintf("a%d", i), nil), nil); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if asked != 1 {
		t.Errorf("the content was asked for %d times", asked)
	}
	for name, test := range map[string]struct {
		change func(*model.ImageSpec)
		asks   int
	}{
		"data":      {func(s *model.ImageSpec) { s.Type = model.ImageDatablock }, 0},
		"fetched":   {func(s *model.ImageSpec) { s.FetchFrom = model.FetchFromHost }, 0},
		"larger":    {func(s *model.ImageSpec) { s.Size = 3 }, 0},
		"raw":       {func(s *model.ImageSpec) { s.Format = model.FormatRaw }, 0},
		"own":       {func(s *model.ImageSpec) { s.Persistent = true }, 0},
		"other":     {func(s *model.ImageSpec) { s.Format = model.FormatQcow2 }, 1},
		"weak":      {func(s *model.ImageSpec) { s.Checksum = "" }, 1},
		"a-kernel":  {func(s *model.ImageSpec) { s.Type = model.ImageKernel }, 1},
		"hard-link": {nil, 0},
	} {
		before := asked
		image := createImage(t, e, spec(name, test.change))
		if asked-before != test.asks {
			t.Errorf("%s: asked for %d times, not %d", name, asked-before, test.asks)
		}
		if name != "other" && name != "a-kernel" && name != "larger" {
			holds(t, h, image, model.FormatRaw, raw)
		}
		if name == "larger" && image.Bytes != 3<<20 {
			t.Errorf("the larger one has %d bytes", image.Bytes)
		}
	}

	// A file that several have is no longer that of the one that changes.
	first, err := e.Find(t.Context(), model.KindImage, site, "a0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := e.Find(t.Context(), model.KindImage, site, "a1")
	if err != nil {
		t.Fatal(err)
	}
	one, err := e.UpdateImage(t.Context(), first, spec("a0", func(s *model.ImageSpec) { s.Persistent = true }))
	if err != nil {
		t.Fatal(err)
	}
	two, err := e.UpdateImage(t.Context(), second, spec("a1", func(s *model.ImageSpec) { s.Size = 4 }))
	if err != nil {
		t.Fatal(err)
	}
	if one.SHA256 != "" || !one.Altered || two.SHA256 == "" || !two.Altered || two.Size != 4 || two.Bytes != 4<<20 || one.Bytes != 2<<20 {
		t.Errorf("the records are\n%+v\n%+v", one, two)
	}
	if inode(t, stored(h, one)) == inode(t, stored(h, two)) {
		t.Error("a persistent image shares its file")
	}
	third := createImage(t, e, spec("again", nil))
	if id := inode(t, stored(h, third)); id == inode(t, stored(h, one)) || id == inode(t, stored(h, two)) {
		t.Error("an image shares the file of one that guests write to")
	}
	holds(t, h, third, model.FormatRaw, raw)
}

func TestCloneIsRefused(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	raw := rawDisk(t, "one", 1)
	source := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Path: raw, Persistent: true})
	clone := func(name string, change func(*model.ImageSpec)) (model.Image, error) {
		spec := model.ImageSpec{Name: name, Type: model.ImageOS, SourceImage: &source.ID}
		if change != nil {
			change(&spec)
		}
		return e.CreateImage(t.Context(), site, spec, nil)
	}
	image, err := clone("converted", func(s *model.ImageSpec) { s.Format = model.FormatQcow2 })
	if err != nil {
		t.Fatal(err)
	}
	holds(t, h, image, model.FormatQcow2, raw)
	_, err = clone("kernel", func(s *model.ImageSpec) { s.Type = model.ImageKernel })
	refused(t, err, `source_image_id: image "data" has the type DATABLOCK`)
	_, err = clone("absent", func(s *model.ImageSpec) { s.SourceImage = ptr(99) })
	refused(t, err, "source_image_id: there is no image 99 on host xen01")
	vm := createVM(t, e, model.VirtualMachineSpec{Name: "web", Body: model.VirtualMachineBody{
		Type: model.TypeHVM, Memory: ptr(int64(64)), Disks: map[string]model.Disk{"xvda": {ImageID: &source.ID}},
	}})
	_, err = clone("used", nil)
	refused(t, err, `source_image_id: image "data" is persistent and in use by virtual machine web`)
	if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.UpdateImage(t.Context(), source.Ref(), model.ImageSpec{Name: "data", Type: model.ImageDatablock, Path: raw, Persistent: true, Disabled: true}); err != nil {
		t.Fatal(err)
	}
	_, err = clone("disabled", nil)
	refused(t, err, `source_image_id: image "data" is disabled`)
}

func TestSavedDiskIsWhole(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	raw := rawDisk(t, "base", 2)
	base := createImage(t, e, model.ImageSpec{Name: "base", Type: model.ImageOS, Path: raw, Format: model.FormatQcow2})
	vm := createVM(t, e, model.VirtualMachineSpec{PowerState: model.VMPoweroff, Body: model.VirtualMachineBody{
		Type: model.TypeHVM, Memory: ptr(int64(64)), Disks: map[string]model.Disk{"xvda": {ImageID: &base.ID}},
	}})
	disk := vm.Disks[0].File
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	askQEMU(t, "create", "-f", "qcow2", "-b", stored(h, base), "-F", "qcow2", disk)
	for _, format := range []string{"", model.FormatRaw} {
		image := createImage(t, e, model.ImageSpec{
			Name: "saved" + format, Type: model.ImageOS, Format: format, SourceDisk: &model.DiskRef{VM: vm.ID, Slot: "xvda"},
		})
		if format == "" {
			format = model.FormatQcow2
		}
		holds(t, h, image, format, raw)
		if said := askQEMU(t, "info", "-f", format, stored(h, image)); strings.Contains(said, "backing file") {
			t.Errorf("the saved disk rests on another file:\n%s", said)
		}
	}
	_, err := e.CreateImage(t.Context(), site, model.ImageSpec{Name: "x", Type: model.ImageOS, SourceDisk: &model.DiskRef{VM: 99, Slot: "xvda"}}, nil)
	refused(t, err, "source_disk.virtual_machine_id: there is no virtual machine 99 on host xen01")
}
