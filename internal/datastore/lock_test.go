package datastore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func TestReserveFromManyClients(t *testing.T) {
	sim := simhost.Start(t)
	open(t, sim)
	var (
		mu   sync.Mutex
		seen = map[int]bool{}
		all  sync.WaitGroup
	)
	for range 4 {
		store := open(t, sim)
		all.Go(func() {
			for range 5 {
				id := reserve(t, store, model.KindVirtualMachine)
				mu.Lock()
				if seen[id] {
					t.Errorf("got %d a second time", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != 20 {
		t.Errorf("%d numbers were reserved, not 20", len(seen))
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	sim := simhost.Start(t)
	store, other := open(t, sim), open(t, sim)
	lock, err := store.Lock(t.Context(), model.KindImage, 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Lock(t.Context(), model.KindImage, 1, time.Second)
	locked, ok := errors.AsType[*datastore.LockedError](err)
	if !ok || !strings.Contains(locked.Owner, "since 20") || !strings.Contains(locked.Owner, "process") {
		t.Errorf("error is %v", err)
	}
	lock.Release()
	if lock, err = other.Lock(t.Context(), model.KindImage, 1, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	lock.Release()
}

// The lock of a record that never came is taken away by its holder, while others wait for it: only one of them may be the next.
func TestWhoeverWaitedForALockHoldsIt(t *testing.T) {
	sim := simhost.Start(t)
	store := open(t, sim)
	if err := sim.Count("flock"); err != nil {
		t.Fatal(err)
	}
	id, first, err := store.Reserve(t.Context(), model.KindImage)
	if err != nil {
		t.Fatal(err)
	}
	type held struct {
		lock *datastore.Lock
		err  error
	}
	waiting := make(chan held)
	go func() {
		lock, err := store.Lock(t.Context(), model.KindImage, id, 30*time.Second)
		waiting <- held{lock, err}
	}()
	for sim.Ran("flock") < 3 { // for the number, by its holder, and by the one who waits
		time.Sleep(10 * time.Millisecond)
	}
	first.Release()
	next := <-waiting
	if next.err != nil {
		t.Fatal(next.err)
	}
	if _, err := open(t, sim).Lock(t.Context(), model.KindImage, id, 0); err == nil {
		t.Error("two clients hold one lock")
	}
	next.lock.Release()
}

func TestDeadClientLosesItsLock(t *testing.T) {
	sim := simhost.Start(t)
	store := open(t, sim)
	if _, err := store.Lock(t.Context(), model.KindImage, 1, time.Second); err != nil {
		t.Fatal(err)
	}
	sim.Drop()
	lock, err := open(t, sim).Lock(t.Context(), model.KindImage, 1, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
}

// A step goes on when its client dies. Until it has ended, nobody else works on the record, and who asks hears why.
func TestLockOutlivesItsClientByItsSteps(t *testing.T) {
	sim := simhost.Start(t)
	client := reach(t, sim)
	open(t, sim)
	id, lock, err := datastoreOn(t, sim, client).Reserve(t.Context(), model.KindImage)
	if err != nil {
		t.Fatal(err)
	}
	done, begun := filepath.Join(sim.Dir(), "done"), filepath.Join(sim.Dir(), "begun")
	step := datastore.Under(lock.Context(t.Context()), host.Script{Step: "work", Text: `: >"$1"; sleep 2; : >"$2"`, Args: []string{begun, done}})
	go func() { _, _ = client.Run(t.Context(), step) }()
	for {
		if _, err := os.Stat(begun); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = client.Close()
	other := open(t, sim)
	var locked *datastore.LockedError
	for locked == nil || !locked.Gone {
		if _, err := other.Lock(t.Context(), model.KindImage, id, 0); !errors.As(err, &locked) {
			t.Fatal(err)
		}
	}
	if told := locked.Error(); !strings.Contains(told, "who is gone, but what they began still runs on the host") {
		t.Errorf("it is told: %s", told)
	}
	next, err := other.Lock(t.Context(), model.KindImage, id, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Release()
	if _, err := os.Stat(done); err != nil {
		t.Error("the lock was free before the step had ended")
	}
}
