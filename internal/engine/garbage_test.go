package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// Whatever xl prints instead of what it should, a virtual machine that runs is never absent or powered off, and its disk stays.
func TestGarbageIsNeverAbsence(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	image := createImage(t, e, model.ImageSpec{Name: "root", Type: model.ImageOS, Path: file(t, "disk.raw", make([]byte, 1<<20))})
	vm := createVM(t, e, model.VirtualMachineSpec{Name: "web", Body: model.VirtualMachineBody{
		Memory: ptr(int64(64)), OS: kernel(t, e), Disks: map[string]model.Disk{"xvda": {ImageID: &image.ID}},
	}})
	const head, dom0 = "UUID                                  ID    name\n", "00000000-0000-0000-0000-000000000000  0    Domain-0\n"
	for _, test := range []struct{ command, prints string }{
		{"xl vm-list", ""}, {"xl vm-list", head}, {"xl vm-list", head + dom0 + "5b1e7a52-90d5-4a77\n"},
		{"xl list", "Name ID Mem VCPUs State Time(s)\n"}, {"xl list -l", "null\n"}, {"xl info", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	} {
		h.AnswerTool(-1, test.command, test.prints)
		e := connect(t, h) // sees the host anew
		if seen, err := e.VirtualMachine(t.Context(), vm.Ref()); err == nil || errors.Is(err, engine.ErrAbsent) {
			t.Errorf("%s prints %.60q: the virtual machine is read as %s, %v", test.command, test.prints, seen.State, err)
		}
		if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err == nil {
			t.Fatalf("%s prints %.60q: the virtual machine could be destroyed", test.command, test.prints)
		}
		h.ClearFaults()
	}
	if domains := h.Domains(); len(domains) != 1 {
		t.Errorf("domains: %+v", domains)
	}
	if _, err := os.Stat(filepath.Join(h.Datastore(), "vms", "1", "disk.0")); err != nil {
		t.Error(err)
	}
	if err := e.DeleteVirtualMachine(t.Context(), vm.Ref()); err != nil {
		t.Error(err)
	}
}

// One record that is broken is an error of its own, never absent, and in nobody's way; what it may use stays.
func TestBrokenRecordIsNobodyElses(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	data := createImage(t, e, model.ImageSpec{Name: "data", Type: model.ImageDatablock, Persistent: true, Size: 4})
	body := model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e)}
	with := body
	with.Disks = map[string]model.Disk{"xvda": {ImageID: &data.ID}}
	broken := createVM(t, e, model.VirtualMachineSpec{Name: "db", Body: with})
	other := createVM(t, e, model.VirtualMachineSpec{Name: "web", Body: body})
	record := filepath.Join(h.Datastore(), "vms", "1", "vm.json")
	whole, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", strings.Repeat("\x00", 500)} {
		if err := os.WriteFile(record, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := connect(t, h)
		for what, err := range map[string]error{
			"reading":   second(e.VirtualMachine(t.Context(), broken.Ref())),
			"listing":   second(e.VirtualMachines(t.Context(), site)),
			"destroy":   e.DeleteVirtualMachine(t.Context(), broken.Ref()),
			"the image": e.DeleteImage(t.Context(), data.Ref()),
		} {
			if err == nil || errors.Is(err, engine.ErrAbsent) || !strings.Contains(err.Error(), "vms/1/vm.json") || !strings.Contains(err.Error(), "restore it from a backup") {
				t.Errorf("%q, %s: %v", text[:min(len(text), 20)], what, err)
			}
		}
		if vm, err := e.VirtualMachine(t.Context(), other.Ref()); err != nil || vm.State != model.VMRunning {
			t.Errorf("the other one is %s, %v", vm.State, err)
		}
		if _, err := e.UpdateVirtualMachine(t.Context(), other.Ref(), model.VirtualMachineSpec{Name: "web", PowerState: model.VMRunning, Labels: map[string]string{"a": text[:min(len(text), 1)] + "b"}, Body: body}); err != nil {
			t.Errorf("the other one cannot be changed: %v", err)
		}
	}
	if domains := h.Domains(); len(domains) != 2 {
		t.Errorf("domains: %+v", domains)
	}
	if err := os.WriteFile(record, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if vm, err := connect(t, h).VirtualMachine(t.Context(), broken.Ref()); err != nil || vm.State != model.VMRunning {
		t.Errorf("mended, it is %s, %v", vm.State, err)
	}
}

func second[T any](_ T, err error) error { return err }
