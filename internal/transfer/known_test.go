package transfer

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func TestHashIsRemembered(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	data := noise(2 * unit)
	path := place(t, data)
	want := Checksum{"sha256", sha(data)}
	stale, fresh := time.Now().Add(-time.Hour), time.Now()
	// A file that was just written may be written again without its time telling.
	for _, modified := range []time.Time{fresh, stale} {
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
		if got, err := Hash(t.Context(), path); err != nil || got != want {
			t.Fatalf("got %v, %v", got, err)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if known := recall(path, st); (known != nil) != modified.Equal(stale) {
			t.Errorf("of a file of %v is known %v", modified, known)
		}
	}
	if err := writeAt(path, 0, "changed"); err != nil {
		t.Fatal(err)
	}
	if got, err := Hash(t.Context(), path); err != nil || got == want {
		t.Errorf("a changed file has the checksum %v, %v", got, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Hash(cancelled, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantError(t, func() error { _, err := Hash(t.Context(), "/nowhere/x"); return err }(), "unable to read /nowhere/x: no such file")
}

func TestSendTrustsWhatIsKnown(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	path := place(t, noise(unit))
	st, err := os.Stat(path)
	if err == nil {
		err = os.Chtimes(path, st.ModTime(), st.ModTime().Add(-time.Hour))
	}
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Hash(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, checksum := range []*Checksum{nil, &sum, {"md5", "00000000000000000000000000000000"}} {
		info, err := Send(t.Context(), localRunner{}, Source{Path: path, Checksum: checksum}, at(newDst(t)))
		if checksum != nil && checksum.Algorithm == "md5" {
			wantError(t, err, "wrong checksum")
			continue
		}
		if err != nil || info.Delivered != sum {
			t.Errorf("got %+v, %v", info, err)
		}
	}
}
