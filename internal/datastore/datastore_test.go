package datastore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// reach is another client of a simulated host.
func reach(t *testing.T, sim *simhost.Host) *host.Host {
	t.Helper()
	h := host.New(host.Config{Address: sim.Address(), Port: sim.Port(), User: sim.User(), PrivateKeyFiles: []string{sim.PrivateKeyFile()}, HostKey: sim.HostKey()})
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// connect is another client of a simulated host's datastore.
func connect(t *testing.T, sim *simhost.Host) *datastore.Store {
	t.Helper()
	return datastoreOn(t, sim, reach(t, sim))
}

func datastoreOn(t *testing.T, sim *simhost.Host, h *host.Host) *datastore.Store {
	t.Helper()
	store, err := datastore.New(h, sim.Datastore())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// open connects to a simulated host and opens its datastore; each call is another client.
func open(t *testing.T, sim *simhost.Host) *datastore.Store {
	t.Helper()
	store := connect(t, sim)
	if _, err := store.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

func reserve(t *testing.T, store *datastore.Store, kind model.Kind) int {
	t.Helper()
	id, lock, err := store.Reserve(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
	return id
}

func put(t *testing.T, store *datastore.Store, kind model.Kind, header model.Header) int {
	t.Helper()
	id := reserve(t, store, kind)
	header.ID = id
	if err := store.Create(t.Context(), kind, header, header); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdsAreNeverUsedTwice(t *testing.T) {
	store := open(t, simhost.Start(t))
	first := put(t, store, model.KindImage, model.Header{Name: "a"})
	if err := store.Remove(t.Context(), model.KindImage, first); err != nil {
		t.Fatal(err)
	}
	if second := put(t, store, model.KindImage, model.Header{Name: "a"}); second <= first {
		t.Errorf("after %d came %d", first, second)
	}
}

func TestClaimsAreUnique(t *testing.T) {
	store := open(t, simhost.Start(t))
	holder := put(t, store, model.KindVirtualMachine, model.Header{Name: "web", Claims: []string{"name web", "mac 02:00:00:00:00:01"}})
	id := reserve(t, store, model.KindVirtualMachine)
	second := model.Header{ID: id, Name: "web-2", Claims: []string{"name web-2", "mac 02:00:00:00:00:01"}}
	err := store.Create(t.Context(), model.KindVirtualMachine, second, second)
	conflict, ok := errors.AsType[*datastore.ConflictError](err)
	if !ok || conflict.Claim != "mac 02:00:00:00:00:01" || conflict.ID != holder || conflict.Kind != model.KindVirtualMachine {
		t.Errorf("error is %v", err)
	}
	// A longer name is another name, and a record does not conflict with itself.
	second.Claims = []string{"name web-2"}
	if err := store.Create(t.Context(), model.KindVirtualMachine, second, second); err != nil {
		t.Error(err)
	}
	if err := store.Update(t.Context(), model.KindVirtualMachine, second, second); err != nil {
		t.Error(err)
	}
}

// TestUpdatesOfOneRecordAtOnce: the next client may write a record while what the last one began still does.
func TestUpdatesOfOneRecordAtOnce(t *testing.T) {
	sim := simhost.Start(t)
	id := put(t, open(t, sim), model.KindImage, model.Header{Name: "a"})
	var all sync.WaitGroup
	for range 4 {
		store := open(t, sim)
		all.Go(func() {
			for range 10 {
				header := model.Header{ID: id, Name: "a"}
				if err := store.Update(t.Context(), model.KindImage, header, header); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestWhatIsUsedStays(t *testing.T) {
	store := open(t, simhost.Start(t))
	image := put(t, store, model.KindImage, model.Header{Name: "a"})
	vm := put(t, store, model.KindVirtualMachine, model.Header{Name: "web", Uses: []string{"images/1"}})
	for _, err := range []error{
		store.Remove(t.Context(), model.KindImage, image),
		store.UpdateIdle(t.Context(), model.KindImage, model.Header{ID: image, Name: "a"}, model.Header{ID: image, Name: "a"}),
	} {
		if inUse, ok := errors.AsType[*datastore.InUseError](err); !ok || len(inUse.By) != 1 || inUse.By[0] != vm {
			t.Errorf("error is %v", err)
		}
	}
}

func TestWhatIsNeededIsThere(t *testing.T) {
	store := open(t, simhost.Start(t))
	image := put(t, store, model.KindImage, model.Header{Name: "a"})
	other := put(t, store, model.KindImage, model.Header{Name: "b"})
	use := func(id int) string { return "images/" + strconv.Itoa(id) }
	met := []datastore.Need{{Use: use(image), Line: `  "name": "a"`}, {Use: use(other), Line: `  "name": "b"`}, {Use: use(other), Line: fmt.Sprintf(`  "id": %d,`, other)}}
	for name, unmet := range map[string]datastore.Need{
		"no such record":              {Use: "images/7", Line: `  "name": "a"`},
		"a line of another record":    {Use: use(other), Line: `  "name": "a"`},
		"a number that begins as one": {Use: use(image) + "0", Line: `  "name": "a"`},
		"a part of a line":            {Use: use(image), Line: `"name": "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			header := model.Header{ID: 1, Name: "web"}
			err := store.Create(t.Context(), model.KindVirtualMachine, header, header, append(slices.Clone(met), unmet)...)
			if missing, ok := errors.AsType[*datastore.MissingError](err); !ok || missing.Use != unmet.Use {
				t.Errorf("error is %v", err)
			}
		})
	}
	header := model.Header{ID: 1, Name: "web"}
	if err := store.Create(t.Context(), model.KindVirtualMachine, header, header, met...); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	sim := simhost.Start(t)
	store := open(t, sim)
	good := put(t, store, model.KindImage, model.Header{Name: "good"})
	bad := put(t, store, model.KindImage, model.Header{Name: "bad"})
	if err := os.WriteFile(filepath.Join(store.Dir(model.KindImage, bad), "image.json"), []byte("{\n  \"id\": "), 0o600); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(store.Dir(model.KindImage, good), "disk.raw")
	if err := os.WriteFile(disk, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	snapshot, also, err := store.Load(t.Context(), "echo and more\n")
	if err != nil || string(also) != "and more\n" {
		t.Fatalf("also %q, %v", also, err)
	}
	if header, err := datastore.Decode[model.Header](snapshot, model.KindImage, good); err != nil || header.Name != "good" {
		t.Errorf("read %+v, %v", header, err)
	}
	if _, err := datastore.Decode[model.Header](snapshot, model.KindImage, bad); err == nil || errors.Is(err, datastore.ErrAbsent) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged record is read as %v", err)
	}
	if _, err := datastore.Decode[model.Header](snapshot, model.KindImage, 99); !errors.Is(err, datastore.ErrAbsent) {
		t.Errorf("an absent record is read as %v", err)
	}
	if snapshot.Files[disk].Bytes != 5000 {
		t.Errorf("the disk is %+v", snapshot.Files[disk])
	}
}

// A connection that is lost while a record arrives ends the record early; the host must not take that for the whole.
func TestTornRecordIsNotStored(t *testing.T) {
	sim := simhost.Start(t)
	store := open(t, sim)
	header := model.Header{Name: "web", Labels: map[string]string{"stage": "production"}}
	header.ID = put(t, store, model.KindVirtualMachine, header)
	changed := header
	changed.Labels = map[string]string{"stage": "test"}
	sim.AtStep(1, simhost.Torn, sim.Drop)
	if err := store.Update(t.Context(), model.KindVirtualMachine, header, changed); err == nil {
		t.Error("no error although the connection was lost")
	}
	for sim.Sessions() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	snapshot, _, err := open(t, sim).Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := datastore.Decode[model.Header](snapshot, model.KindVirtualMachine, header.ID); err != nil || found.Labels["stage"] != "production" {
		t.Errorf("the record is %+v, %v", found, err)
	}
	if left, _ := filepath.Glob(filepath.Join(store.Root(), "tmp", "*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// A client may die between its number and its record, and one may come back to what is gone.
func TestNothingIsLeftOfWhatNeverCame(t *testing.T) {
	sim := simhost.Start(t)
	store := open(t, sim)
	id := reserve(t, store, model.KindVirtualMachine)
	lock, err := store.Lock(t.Context(), model.KindVirtualMachine, id, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
	for _, pattern := range []string{"vms/[0-9]*", "locks/vms-*"} {
		if left, _ := filepath.Glob(filepath.Join(store.Root(), pattern)); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	}
	if next := put(t, store, model.KindVirtualMachine, model.Header{Name: "web"}); next <= id {
		t.Errorf("after %d came %d", id, next)
	}
}

// What processes left that are no more goes when the next client comes, and what others are at work on stays.
func TestInitClearsAway(t *testing.T) {
	sim := simhost.Start(t)
	open(t, sim)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	alive, dead := strconv.Itoa(os.Getpid()), strconv.Itoa(gone.Process.Pid)
	root := sim.Datastore()
	for _, file := range []string{"tmp/record.vms.1", "vms/7/vm.json.new", "images/.reflink." + alive, "images/.reflink." + dead, "locks/vms-8", "locks/vms-9", "vms/7/vm.json"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o700), os.WriteFile(filepath.Join(root, file), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "vms/6"), 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(filepath.Join(root, "locks/vms-8"))
	if err == nil {
		err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	open(t, sim)
	for file, stays := range map[string]bool{
		"tmp/record.vms.1": false, "vms/7/vm.json.new": false, "images/.reflink." + alive: true, "images/.reflink." + dead: false,
		"locks/vms-8": true, "locks/vms-9": false, "vms/7/vm.json": true, "vms/6": false,
	} {
		if _, err := os.Stat(filepath.Join(root, file)); (err == nil) != stays {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Two Terraforms may be the first ones on a host at the same time.
func TestDatastoreFromManyClients(t *testing.T) {
	sim := simhost.Start(t)
	var all sync.WaitGroup
	for range 8 {
		store := connect(t, sim)
		all.Go(func() {
			if _, err := store.Init(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestInitNamesRecordsWithALine(t *testing.T) {
	store := open(t, simhost.Start(t))
	put(t, store, model.KindImage, model.Header{Name: "a"})
	id := put(t, store, model.KindImage, model.Header{Name: "b"})
	found, err := store.Init(t.Context(), `  "name": "b"`, `  "name": "c"`)
	if want := (datastore.Record{Kind: model.KindImage, ID: id}); err != nil || len(found) != 1 || found[0] != want {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestRootIsChecked(t *testing.T) {
	for _, root := range []string{"", "/", "relative", "/srv/../etc", "/srv/a b", "/srv/a,b", "/srv/a=b", "/srv/'", "/srv/\n"} {
		if _, err := datastore.New(host.New(host.Config{Name: "xen01"}), root); err == nil {
			t.Errorf("%q is taken for a datastore", root)
		}
	}
}
