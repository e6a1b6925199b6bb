package engine_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func createContext(t *testing.T, e *engine.Engine, spec model.ContextSpec) model.Context {
	t.Helper()
	record, err := e.CreateContext(t.Context(), site, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// contextOf reads the ISO of a virtual machine as it lies on the host.
func contextOf(t *testing.T, vm model.VirtualMachine) []byte {
	t.Helper()
	at := slices.IndexFunc(vm.Disks, func(disk model.AttachedDisk) bool { return disk.Context })
	if at < 0 {
		t.Fatal("the virtual machine has no context")
	}
	iso, err := os.ReadFile(vm.Disks[at].File)
	if err != nil {
		t.Fatal(err)
	}
	return iso
}

// TestContextISOOnTheHost: the ISO has the checksums of the record, nobody but root reads it, and equal contexts are equal ISOs.
func TestContextISOOnTheHost(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	record := createContext(t, e, model.ContextSpec{
		ContextSettings: model.ContextSettings{Hostname: "web", TimeZone: "UTC"}, Password: "it's a secret", Network: true,
		Files: map[string]model.ContextFile{"init.sh": contextFile("#!/bin/sh\n", true), "a name of 3.parts": contextFile("3", false), "empty": contextFile("", false)},
	})
	body := model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e), ContextID: &record.ID}
	vm := createVM(t, e, model.VirtualMachineSpec{Body: body})
	other := createVM(t, e, model.VirtualMachineSpec{Body: body})
	iso := contextOf(t, vm)
	sum, md := sha256.Sum256(iso), md5.Sum(iso)
	if vm.ContextSHA256 != hex.EncodeToString(sum[:]) || vm.ContextMD5 != hex.EncodeToString(md[:]) || vm.ContextBytes != int64(len(iso)) {
		t.Errorf("the record says %s, %s and %d bytes of an ISO with %x, %x and %d", vm.ContextSHA256, vm.ContextMD5, vm.ContextBytes, sum, md, len(iso))
	}
	if vm.ContextSHA256 != other.ContextSHA256 || !bytes.Equal(iso, contextOf(t, other)) {
		t.Error("equal contexts are not equal ISOs")
	}
	for _, file := range []string{vm.Disks[0].File, filepath.Join(h.Datastore(), "contexts", "1", "files", "init.sh"), filepath.Join(h.Datastore(), "contexts", "1", "context.json")} {
		if stat, err := os.Stat(file); err != nil || stat.Mode() != 0o600 {
			t.Errorf("%s has the mode %v, %v", file, stat.Mode(), err)
		}
	}
	for _, text := range []string{"SET_HOSTNAME='web'", `PASSWORD='it'\''s a secret'`, "INIT_SCRIPTS='init.sh'", "TIMEZONE='UTC'", "NETWORK='YES'"} {
		if !bytes.Contains(iso, []byte(text)) {
			t.Errorf("the context lacks %s", text)
		}
	}
	if log, err := os.ReadFile(filepath.Join(h.Datastore(), "vms", "1", "vm.log")); err != nil || bytes.Contains(log, []byte("secret")) {
		t.Errorf("the log holds a secret, or %v", err)
	}
}

// repeated is a file of so many bytes that are made while they are read.
func repeated(size int64) model.ContextFile {
	open := func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(endless{}, size)), nil }
	from, _ := open()
	sum := sha256.New()
	_, _ = io.Copy(sum, from)
	return model.ContextFile{Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil)), Open: open}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// TestContextFilesAreStreamed: a large file goes to the host once and is put on the ISOs there.
func TestContextFilesAreStreamed(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	const size = 80<<20 + 1
	record := createContext(t, e, model.ContextSpec{Files: map[string]model.ContextFile{"app.tar": repeated(size), "b": contextFile("small", false)}})
	body := model.VirtualMachineBody{Memory: ptr(int64(64)), OS: kernel(t, e), ContextID: &record.ID}
	vm := createVM(t, e, model.VirtualMachineSpec{Body: body})
	stat, err := os.Stat(vm.Disks[0].File)
	if err != nil || stat.Size() < size {
		t.Errorf("the ISO has %d bytes, %v", stat.Size(), err)
	}
	stored := filepath.Join(h.Datastore(), "contexts", "1", "files", "app.tar")
	if err := os.WriteFile(stored, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = e.CreateVirtualMachine(t.Context(), site, model.VirtualMachineSpec{Body: body, PowerState: model.VMRunning}, nil)
	if err == nil || !strings.Contains(err.Error(), "app.tar of the context was changed on the host") {
		t.Errorf("a changed file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.Datastore(), "vms", "2")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the failed virtual machine left something: %v", err)
	}
}

// TestContextFileThatChanges is one that is other when it is sent than when it was measured.
func TestContextFileThatChanges(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	for name, text := range map[string]string{"shorter": "12", "other": "abd"} {
		changed := contextFile("abc", false)
		changed.Open = contextFile(text, false).Open
		_, err := e.CreateContext(t.Context(), site, model.ContextSpec{Files: map[string]model.ContextFile{"app": changed, "next": contextFile("more", false)}}, nil)
		if err == nil || !strings.Contains(err.Error(), "app is not what it was to be") {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := contextFile("abc", false)
	gone.Open = func() (io.ReadCloser, error) { return nil, errors.New("disk on fire") }
	if _, err := e.CreateContext(t.Context(), site, model.ContextSpec{Files: map[string]model.ContextFile{"app": gone}}, nil); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("unreadable: %v", err)
	}
	if left := leftovers(t, h); len(left) != 0 {
		t.Errorf("left on the host: %v", left)
	}
}

// TestContextFollowsTheName: guests that are told the name of their virtual machine get a new ISO with a new name.
// TestContextFileWithoutSpace is one that does not fit on the host, which is not one that changed.
func TestContextFileWithoutSpace(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	file := contextFile(strings.Repeat("large ", 10000), false)
	if _, err := e.CreateContext(t.Context(), site, model.ContextSpec{}, nil); err != nil { // opens the datastore
		t.Fatal(err)
	}
	told := false
	for step := range 4 {
		h.Full(1 + step)
		_, err := e.CreateContext(t.Context(), site, model.ContextSpec{Files: map[string]model.ContextFile{"app": file}}, nil)
		h.Full(0)
		if err == nil {
			continue
		}
		told = told || strings.Contains(err.Error(), "Unable to store ./app: ")
		if strings.Contains(err.Error(), "changed") {
			t.Errorf("at step %d: %v", step, err)
		}
	}
	if !told {
		t.Error("nothing tells what does not fit")
	}
}

func TestContextFollowsTheName(t *testing.T) {
	t.Parallel()
	for _, format := range model.ContextFormats {
		h := simhost.Start(t)
		e := connect(t, h)
		record := createContext(t, e, model.ContextSpec{ContextSettings: model.ContextSettings{Format: format, HostnameFromName: true}})
		root := createImage(t, e, model.ImageSpec{Name: "root", Type: model.ImageOS, Path: file(t, "disk.raw", bytes.Repeat([]byte("os"), 1<<19))})
		spec := model.VirtualMachineSpec{Name: "web-1", Body: model.VirtualMachineBody{
			Memory: ptr(int64(64)), Type: model.TypeHVM, ContextID: &record.ID, Disks: map[string]model.Disk{"xvda": {ImageID: &root.ID}},
		}}
		vm := createVM(t, e, spec)
		word := map[model.ContextFormat]string{model.ContextOpenNebula: "SET_HOSTNAME='%s'", model.ContextNoCloud: `"local-hostname":"%s"`}[format]
		if iso := contextOf(t, vm); !bytes.Contains(iso, fmt.Appendf(nil, word, "web-1")) {
			t.Errorf("%s: the guest is not told its name", format)
		}
		spec.Name, spec.PowerState = "web-2", model.VMRunning
		renamed, err := e.UpdateVirtualMachine(t.Context(), vm.Ref(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if iso := contextOf(t, renamed); !bytes.Contains(iso, fmt.Appendf(nil, word, "web-2")) || renamed.DomID != vm.DomID || len(renamed.Pending) > 0 {
			t.Errorf("%s: after the change of the name the guest waits for %q", format, renamed.Pending)
		}
		if cd := h.Domains()[0].Disks[1]; !cd.CDROM || cd.Target == vm.Disks[1].File {
			t.Errorf("%s: in the CD-ROM drive lies %+v", format, cd)
		}
	}
}

// TestAddressesOfOneHost: two guests of one host have neither one MAC address nor one IP address, whoever made them.
func TestAddressesOfOneHost(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	e := connect(t, h)
	os12 := kernel(t, e)
	create := func(nic model.NIC) error {
		nic.Bridge = "br0"
		_, err := e.CreateVirtualMachine(t.Context(), site, model.VirtualMachineSpec{PowerState: model.VMRunning, Body: model.VirtualMachineBody{
			Memory: ptr(int64(32)), OS: os12, NICs: map[string]model.NIC{"eth0": nic},
		}}, nil)
		return err
	}
	if err := create(model.NIC{IP: "192.168.70.150", IP6: "2001:db8::2"}); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "foreign.cfg")
	if err := os.WriteFile(config, []byte("name = \"foreign\"\nmemory = 32\nkernel = \""+filepath.Join(h.Datastore(), "images", "1", "kernel")+"\"\nvif = [ \"mac=00:16:3e:00:00:01,bridge=br0\" ]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := h.XL("create", config); status != 0 {
		t.Fatal(stderr)
	}
	e = connect(t, h) // the next apply: one that is under way does not look at foreign domains for each virtual machine
	for want, nic := range map[string]model.NIC{
		"MAC address 02:00:c0:a8:46:96 is taken": {MAC: "02:00:C0:A8:46:96"},
		"IP address 192.168.70.150 is taken":     {MAC: "02:00:00:00:00:01", IP: "192.168.70.150"},
		"IP address 2001:db8::2 is taken":        {IP6: "2001:DB8:0::2"},
		`domain "foreign" on host`:               {MAC: "00:16:3E:00:00:01"},
	} {
		if err := create(nic); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, not %s", nic, err, want)
		}
	}
	if err := create(model.NIC{}); err != nil {
		t.Error(err)
	}
}
