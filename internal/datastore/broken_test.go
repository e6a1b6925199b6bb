package datastore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// One record that is broken, in whatever way, is neither absent nor in the way of the others.
func TestBrokenRecords(t *testing.T) {
	t.Parallel()
	sim := simhost.Start(t)
	store := open(t, sim)
	good := put(t, store, model.KindVirtualMachine, model.Header{Name: "good"})
	whole, err := datastore.Encode(model.Header{ID: good, Name: "good"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) func(string) error {
		return func(file string) error { return os.WriteFile(file, []byte(text), 0o600) }
	}
	broken := map[string]struct {
		how  func(file string) error
		says string
	}{
		"empty":             {write(""), "the file is empty"},
		"cut off":           {write(string(whole[:len(whole)/2])), "invalid character"},
		"cut off early":     {write("{"), "unexpected end"},
		"zeros":             {write(strings.Repeat("\x00", 4096)), "invalid character"},
		"zeros at the end":  {write(string(whole) + strings.Repeat("\x00", 4096)), "invalid character"},
		"foreign JSON":      {write("[1, 2]\n"), "cannot unmarshal array"},
		"of another number": {write(string(whole)), "it says that it is virtual machine 1"},
		"huge number":       {write("{\n  \"id\": 1e99\n}\n"), "cannot unmarshal number"},
		"no JSON":           {write("<html>\nvms/1/vm.json:{}\n"), "invalid character"},
		"enormous":          {func(file string) error { return os.Truncate(file, 1<<30) }, "far too long"},
		"symbolic link": {func(file string) error {
			return errors.Join(os.Remove(file), os.Symlink("../1/vm.json", file))
		}, "not a regular file"},
		"folder": {func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, "not a regular file"},
		"link to its folder": {func(file string) error {
			folder := filepath.Dir(file)
			return errors.Join(os.Rename(folder, folder+".moved"), os.Symlink(folder+".moved", folder))
		}, "not a folder"},
	}
	ids := map[string]int{}
	for name, test := range broken {
		ids[name] = put(t, store, model.KindVirtualMachine, model.Header{Name: "bad"})
		if err := test.how(filepath.Join(store.Dir(model.KindVirtualMachine, ids[name]), "vm.json")); err != nil {
			t.Fatal(err)
		}
	}
	odd := filepath.Join(sim.Datastore(), "vms", "01")
	if err := errors.Join(os.Mkdir(odd, 0o700), write("{}")(filepath.Join(odd, "vm.json"))); err != nil {
		t.Fatal(err)
	}
	snapshot, _, err := store.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if header, err := datastore.Decode[model.Header](snapshot, model.KindVirtualMachine, good); err != nil || header.Name != "good" {
		t.Errorf("the record that is in order is read as %+v, %v", header, err)
	}
	for name, test := range broken {
		_, err := datastore.Decode[model.Header](snapshot, model.KindVirtualMachine, ids[name])
		file := filepath.Join(store.Dir(model.KindVirtualMachine, ids[name]), "vm.json")
		if err == nil || errors.Is(err, datastore.ErrAbsent) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), file+" on host "+sim.Address()+": restore it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a disk fails to give is not absent either.
func TestUnreadableRecords(t *testing.T) {
	t.Parallel()
	sim := simhost.Start(t)
	store := open(t, sim)
	id := put(t, store, model.KindImage, model.Header{Name: "a"})
	sim.FailTool("grep -aH", 2, "grep: images/1/image.json: Input/output error")
	snapshot, _, err := store.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := datastore.Decode[model.Header](snapshot, model.KindImage, id); err == nil || !strings.Contains(err.Error(), "damaged: Input/output error") {
		t.Errorf("the record is read as %v", err)
	}
	sim.ClearFaults()
	sim.FailTool("grep -aH", 2, "")
	if snapshot, _, err := store.Load(t.Context(), ""); err == nil {
		t.Errorf("nothing could be read, and that was taken for %v", snapshot.Records)
	}
	sim.ClearFaults()
	if err := os.Rename(filepath.Join(sim.Datastore(), "images"), filepath.Join(sim.Datastore(), "images.away")); err != nil {
		t.Fatal(err)
	}
	if snapshot, _, err := store.Load(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "images") {
		t.Errorf("without its folder the images are %v, %v", snapshot.Records, err)
	}
	// Somebody moved them to a larger disk.
	if err := os.Symlink("images.away", filepath.Join(sim.Datastore(), "images")); err != nil {
		t.Fatal(err)
	}
	if snapshot, _, err = store.Load(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := datastore.Decode[model.Header](snapshot, model.KindImage, id); err != nil {
		t.Errorf("behind a link: %v", err)
	}
}

// What a damaged record uses or claims is not known: nobody else may get it, and it may not go.
func TestDamagedRecordKeepsWhatItUses(t *testing.T) {
	t.Parallel()
	sim := simhost.Start(t)
	store := open(t, sim)
	image := put(t, store, model.KindImage, model.Header{Name: "data"})
	other := model.Header{Name: "other", Claims: []string{"name other"}}
	other.ID = put(t, store, model.KindVirtualMachine, other)
	broken := put(t, store, model.KindVirtualMachine, model.Header{Name: "db", Uses: []string{"images/1"}, Claims: []string{"name db", "image 1"}})
	file := filepath.Join(store.Dir(model.KindVirtualMachine, broken), "vm.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	thief := model.Header{ID: reserve(t, store, model.KindVirtualMachine), Name: "thief", Claims: []string{"name thief", "image 1"}}
	damaged := "vms/2/vm.json in the datastore " + sim.Datastore() + " on host"
	for text, told := range map[string]string{"": damaged, "{\n": damaged, strings.Repeat("\x00", len(whole)): damaged, string(whole[:len(whole)-2]): "virtual machine"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"its image goes":      store.Remove(t.Context(), model.KindImage, image),
			"its image changes":   store.UpdateIdle(t.Context(), model.KindImage, model.Header{ID: image, Name: "data"}, model.Header{ID: image, Name: "data"}),
			"another takes it":    store.Create(t.Context(), model.KindVirtualMachine, thief, thief),
			"one that has a name": store.Update(t.Context(), model.KindVirtualMachine, model.Header{ID: other.ID, Name: "other", Claims: []string{"name other", "image 1"}}, other),
		} {
			if err == nil || !strings.Contains(err.Error(), told) {
				t.Errorf("beside %q %s: %v", text, what, err)
			}
		}
		if err := store.Update(t.Context(), model.KindVirtualMachine, other, other); err != nil {
			t.Errorf("beside %q a record with what it has: %v", text, err)
		}
	}
	if err := store.Remove(t.Context(), model.KindVirtualMachine, broken); err != nil {
		t.Error(err)
	}
	if err := store.Create(t.Context(), model.KindVirtualMachine, thief, thief); err != nil {
		t.Error(err)
	}
}
