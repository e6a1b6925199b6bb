package model_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

func ptr[T any](value T) *T { return &value }

func TestBodyOverTemplate(t *testing.T) {
	template := model.VirtualMachineBody{
		Type: model.TypePV, Memory: ptr(int64(512)), VCPU: ptr(int64(1)),
		OS:       &model.OS{KernelID: ptr(1), Cmdline: "console=hvc0"},
		Disks:    map[string]model.Disk{"xvda": {ImageID: ptr(3)}, "xvdb": {Volatile: "swap", Size: 64}},
		NICs:     map[string]model.NIC{"eth0": {Bridge: "br0", DNS: []string{"192.0.2.1"}}},
		Context:  map[string]string{"ROLE": "web", "STAGE": "test"},
		Graphics: &model.Graphics{Keymap: "de"},
	}
	mine := model.VirtualMachineBody{
		Memory:  ptr(int64(1024)),
		OS:      &model.OS{Cmdline: "quiet"},
		Disks:   map[string]model.Disk{"xvda": {Size: 4096}, "xvdb": {ImageID: ptr(4)}},
		NICs:    map[string]model.NIC{"eth0": {IP: "192.0.2.7"}, "eth1": {Bridge: "br1"}},
		Context: map[string]string{"STAGE": "live"},
	}
	want := model.VirtualMachineBody{
		Type: model.TypePV, Memory: ptr(int64(1024)), VCPU: ptr(int64(1)),
		OS:       &model.OS{KernelID: ptr(1), Cmdline: "quiet"},
		Disks:    map[string]model.Disk{"xvda": {ImageID: ptr(3), Size: 4096}, "xvdb": {ImageID: ptr(4), Size: 64}},
		NICs:     map[string]model.NIC{"eth0": {Bridge: "br0", IP: "192.0.2.7", DNS: []string{"192.0.2.1"}}, "eth1": {Bridge: "br1"}},
		Context:  map[string]string{"ROLE": "web", "STAGE": "live"},
		Graphics: &model.Graphics{Keymap: "de"},
	}
	before := template.Disks["xvda"]
	if got := mine.Over(template); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(template.Disks["xvda"], before) || len(template.NICs) != 1 {
		t.Error("the template itself was changed")
	}
}

// complete is a body with nothing wrong.
func complete() model.VirtualMachineBody {
	return model.VirtualMachineBody{
		Type: model.TypePV, Memory: ptr(int64(64)), OS: &model.OS{KernelID: ptr(1)},
		Disks: map[string]model.Disk{"xvda": {ImageID: ptr(2)}},
		NICs:  map[string]model.NIC{"eth0": {Bridge: "br0", IP: "192.0.2.7"}},
	}
}

func TestBodyCheck(t *testing.T) {
	if err := complete().CheckComplete(); err != nil {
		t.Fatalf("a good body is refused: %s", err)
	}
	for want, change := range map[string]func(*model.VirtualMachineBody){
		"type":                func(b *model.VirtualMachineBody) { b.Type = "kvm" },
		"cpu":                 func(b *model.VirtualMachineBody) { b.CPU = ptr(0.0) },
		"vcpu":                func(b *model.VirtualMachineBody) { b.VCPU = ptr(int64(0)) },
		"memory":              func(b *model.VirtualMachineBody) { b.Memory = ptr(int64(-1)) },
		"memory_max":          func(b *model.VirtualMachineBody) { b.MemoryMax = ptr(int64(32)) },
		"os":                  func(b *model.VirtualMachineBody) { b.OS = nil },
		"os.boot":             func(b *model.VirtualMachineBody) { b.OS.Boot = []string{"disk"} },
		"os.cmdline":          func(b *model.VirtualMachineBody) { b.OS.Cmdline = "a\nb" },
		"os.firmware":         func(b *model.VirtualMachineBody) { b.OS.Firmware = "uefi" },
		"disks.vda":           func(b *model.VirtualMachineBody) { b.Disks["vda"] = model.Disk{ImageID: ptr(1)} },
		"disks.xvda":          func(b *model.VirtualMachineBody) { b.Disks["xvda"] = model.Disk{} },
		"disks.xvdb.volatile": func(b *model.VirtualMachineBody) { b.Disks["xvdb"] = model.Disk{Volatile: "tape", Size: 1} },
		"disks.xvdb.size":     func(b *model.VirtualMachineBody) { b.Disks["xvdb"] = model.Disk{Volatile: "fs"} },
		"disks.xvdb.fstype": func(b *model.VirtualMachineBody) {
			b.Disks["xvdb"] = model.Disk{Volatile: "fs", Size: 1, FSType: "ntfs"}
		},
		"nics.net0":            func(b *model.VirtualMachineBody) { b.NICs["net0"] = model.NIC{Bridge: "br0"} },
		"nics.eth0.bridge":     func(b *model.VirtualMachineBody) { b.NICs["eth0"] = model.NIC{Bridge: "br0,script=x"} },
		"nics.eth0.ip":         func(b *model.VirtualMachineBody) { b.NICs["eth0"] = model.NIC{Bridge: "br0", IP: "192.0.2.300"} },
		"nics.eth0.mac":        func(b *model.VirtualMachineBody) { b.NICs["eth0"] = model.NIC{Bridge: "br0", MAC: "02:00:zz"} },
		"nics.eth1.ip":         func(b *model.VirtualMachineBody) { b.NICs["eth1"] = b.NICs["eth0"] },
		"nics.eth0.netmask":    func(b *model.VirtualMachineBody) { b.NICs["eth0"] = model.NIC{Bridge: "br0", Netmask: "255.0.255.0"} },
		"context.set-hostname": func(b *model.VirtualMachineBody) { b.Context = map[string]string{"set-hostname": "x"} },
		"graphics.port":        func(b *model.VirtualMachineBody) { b.Graphics = &model.Graphics{Port: 22} },
		"graphics.password_wo": func(b *model.VirtualMachineBody) { b.Graphics = &model.Graphics{Password: "secret,123"} },
		"graphics.listen":      func(b *model.VirtualMachineBody) { b.Graphics = &model.Graphics{Listen: "everywhere"} },
	} {
		body := complete()
		change(&body)
		err := body.CheckComplete()
		switch {
		case err == nil:
			t.Errorf("%s: nothing is refused", want)
		case err.Field != want:
			t.Errorf("refused is %s, want %s: %s", err.Field, want, err)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error tells the password: %s", want, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"web-1", "one-226", "a", "Debian_12.img", "7z"} {
		if err := model.CheckName(name); err != nil {
			t.Errorf("%q is refused: %s", name, err)
		}
	}
	for _, name := range []string{"", "226", "a,b", "a\nb", "a b", "-rf", "$(reboot)", "a/b", "ü", strings.Repeat("x", 129)} {
		if model.CheckName(name) == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestParseRef(t *testing.T) {
	if ref, err := model.ParseRef("xen01/7"); err != nil || ref != (model.Ref{Host: "xen01", ID: 7}) || ref.String() != "xen01/7" {
		t.Errorf("got %v, %v", ref, err)
	}
	for _, id := range []string{"", "7", "/7", "xen01/", "xen01/-7", "xen01/07", "xen01/a", "xen01/7/8"} {
		if ref, err := model.ParseRef(id); err == nil {
			t.Errorf("%q is read as %v", id, ref)
		}
	}
}

func TestImageCheck(t *testing.T) {
	for want, spec := range map[string]model.ImageSpec{
		"name":       {Name: "12", Type: model.ImageOS, Path: "x"},
		"type":       {Name: "a", Type: "FLOPPY", Path: "x"},
		"path":       {Name: "a", Type: model.ImageCDROM},
		"size":       {Name: "a", Type: model.ImageDatablock},
		"persistent": {Name: "a", Type: model.ImageCDROM, Path: "x", Persistent: true},
		"format":     {Name: "a", Type: model.ImageKernel, Path: "x", Format: "raw"},
		"fstype":     {Name: "a", Type: model.ImageDatablock, Size: 1, FSType: "ntfs"},
		"checksum":   {Name: "a", Type: model.ImageDatablock, Size: 1, Checksum: "md5:00"},
	} {
		if err := spec.Check(); err == nil || err.Field != want {
			t.Errorf("refused is %v, want %s", err, want)
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
