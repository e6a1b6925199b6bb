package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

const site = "xen01"

// connect makes an engine that speaks to a simulated host over SSH; trace, if there is one, hears of each script.
func connect(t *testing.T, h *simhost.Host, trace ...func(context.Context, string, time.Duration, error)) *engine.Engine {
	t.Helper()
	cfg := host.Config{
		Address: h.Address(), Port: h.Port(), User: h.User(),
		PrivateKeyFiles: []string{h.PrivateKeyFile()}, HostKey: h.HostKey(),
	}
	for _, told := range trace {
		cfg.Trace = told
	}
	e, err := engine.New(engine.Config{Hosts: map[string]engine.HostConfig{site: {Config: cfg, Datastore: h.Datastore()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// file writes a local file for an image.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func createImage(t *testing.T, e *engine.Engine, spec model.ImageSpec) model.Image {
	t.Helper()
	image, err := e.CreateImage(t.Context(), site, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func createVM(t *testing.T, e *engine.Engine, spec model.VirtualMachineSpec) model.VirtualMachine {
	t.Helper()
	if spec.PowerState == "" {
		spec.PowerState = model.VMRunning
	}
	vm, err := e.CreateVirtualMachine(t.Context(), site, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// kernel is an image that a PV domain boots from.
func kernel(t *testing.T, e *engine.Engine) *model.OS {
	t.Helper()
	image := createImage(t, e, model.ImageSpec{Name: "vmlinuz", Type: model.ImageKernel, Path: file(t, "vmlinuz", []byte("kernel"))})
	return &model.OS{KernelID: &image.ID, Cmdline: "console=hvc0"}
}

// leftovers lists what stands in a datastore beside its skeleton.
func leftovers(t *testing.T, h *simhost.Host) []string {
	t.Helper()
	var found []string
	for _, kind := range []string{"images", "templates", "contexts", "vms", "tmp"} {
		entries, err := os.ReadDir(filepath.Join(h.Datastore(), kind))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name() != ".last" {
				found = append(found, kind+"/"+entry.Name())
			}
		}
	}
	return found
}

// contextFile is a file of a context with the text.
func contextFile(text string, executable bool) model.ContextFile {
	sum := sha256.Sum256([]byte(text))
	return model.ContextFile{
		Executable: executable, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
}

func ptr[T any](value T) *T { return &value }

func TestImageLife(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	content := bytes.Repeat([]byte("disk"), 1<<18)
	spec := model.ImageSpec{Name: "debian", Type: model.ImageOS, Path: file(t, "disk.raw", content), Size: 8}

	reserved := model.Image{}
	image, err := e.CreateImage(t.Context(), site, spec, func(i model.Image) { reserved = i })
	if err != nil {
		t.Fatal(err)
	}
	if reserved.ID != image.ID || reserved.State != model.ImageLocked {
		t.Errorf("reserved %d in state %s, want %d LOCKED", reserved.ID, reserved.State, image.ID)
	}
	if image.State != model.ImageReady || image.Size != 8 || image.Format != "raw" || image.Bytes != 8<<20 {
		t.Errorf("image is %+v", image)
	}
	stored, err := os.ReadFile(filepath.Join(h.Datastore(), "images", "1", "disk.raw"))
	if err != nil || !bytes.Equal(stored[:len(content)], content) {
		t.Errorf("the content on the host differs: %v", err)
	}

	spec.Name, spec.Type, spec.Persistent = "debian-12", model.ImageDatablock, true
	if image, err = e.UpdateImage(t.Context(), image.Ref(), spec); err != nil || image.Name != "debian-12" || !image.Persistent || image.Type != model.ImageDatablock {
		t.Errorf("after the update the image is %+v, %v", image, err)
	}
	if ref, err := e.Find(t.Context(), model.KindImage, site, "debian-12"); err != nil || ref != image.Ref() {
		t.Errorf("found %v, %v", ref, err)
	}
	if err := e.DeleteImage(t.Context(), image.Ref()); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, h); len(left) != 0 {
		t.Errorf("left on the host: %v", left)
	}
	if err := e.DeleteImage(t.Context(), image.Ref()); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

func TestVirtualMachineLife(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	os12 := createImage(t, e, model.ImageSpec{Name: "debian", Type: model.ImageOS, Path: file(t, "disk.raw", bytes.Repeat([]byte("os"), 1<<20))})
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4, FSType: "ext4"})
	ctx, err := e.CreateContext(t.Context(), site, model.ContextSpec{
		Variables: map[string]string{"GREETING": "hello"}, Network: true, ContextSettings: model.ContextSettings{StartScript: "echo started"},
		Files: map[string]model.ContextFile{"init.sh": contextFile("#!/bin/sh\n", true)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	template, err := e.CreateTemplate(t.Context(), site, model.TemplateSpec{Name: "web", Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), ContextID: &ctx.ID,
		Disks: map[string]model.Disk{"xvda": {ImageID: &os12.ID}},
		NICs:  map[string]model.NIC{"eth0": {Bridge: "br0"}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	vm := createVM(t, e, model.VirtualMachineSpec{
		TemplateID: &template.ID,
		Body: model.VirtualMachineBody{
			Disks:   map[string]model.Disk{"xvdb": {ImageID: &data.ID}, "xvdc": {Volatile: "swap", Size: 2}},
			NICs:    map[string]model.NIC{"eth0": {IP: "192.168.70.150"}},
			Context: map[string]string{"SET_HOSTNAME": "web-1"},
		},
	})
	if vm.Name != "one-1" || vm.State != model.VMRunning || vm.DomID == 0 {
		t.Errorf("virtual machine is %s in state %s with domid %d", vm.Name, vm.State, vm.DomID)
	}
	if mac := vm.Effective.NICs["eth0"].MAC; mac != "02:00:c0:a8:46:96" {
		t.Errorf("mac is %s", mac)
	}
	for _, line := range []string{`name = "one-1"`, "vdev=xvda", "vdev=xvdz", "mac=02:00:c0:a8:46:96,bridge=br0", "/images/2/disk.raw"} {
		if !strings.Contains(vm.DeploymentText, line) {
			t.Errorf("the deployment file lacks %q:\n%s", line, vm.DeploymentText)
		}
	}
	iso, err := os.ReadFile(filepath.Join(h.Datastore(), "vms", "1", "disk.3"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"GREETING='hello'", "SET_HOSTNAME='web-1'", "ETH0_IP='192.168.70.150'", "ETH0_MAC='02:00:c0:a8:46:96'", "START_SCRIPT_BASE64='ZWNobyBzdGFydGVk'", "#!/bin/sh"} {
		if !bytes.Contains(iso, []byte(text)) {
			t.Errorf("the context lacks %s", text)
		}
	}
	if image, err := e.Image(t.Context(), data.Ref()); err != nil || image.State != model.ImageUsedPers || len(image.UsedBy) != 1 {
		t.Errorf("the persistent image is %s used by %v, %v", image.State, image.UsedBy, err)
	}
	if err := e.DeleteImage(t.Context(), data.Ref()); err == nil || !strings.Contains(err.Error(), `"one-1"`) {
		t.Errorf("deleting an image in use: %v", err)
	}

	if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err != nil {
		t.Fatal(err)
	}
	if domains := h.Domains(); len(domains) != 0 {
		t.Errorf("domains left: %v", domains)
	}
	if _, err := os.Stat(filepath.Join(h.Datastore(), "vms", "1")); !os.IsNotExist(err) {
		t.Errorf("the folder of the virtual machine is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.Datastore(), "images", "2", "disk.raw")); err != nil {
		t.Errorf("the persistent disk is gone: %v", err)
	}
}
