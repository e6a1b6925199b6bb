package transfer

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// discarding stands for a host that takes everything, so that only the client's memory is seen.
var discarding = runnerFunc(func(_ context.Context, s host.Script) (host.Result, error) {
	if s.Stdin == nil {
		return host.Result{Stdout: []byte("tool zstd\n")}, nil
	}
	_, err := io.Copy(io.Discard, struct{ io.Reader }{s.Stdin})
	return host.Result{}, err
})

func TestSendIsBoundedInMemory(t *testing.T) {
	sparse := place(t, nil)
	if err := errors.Join(os.Truncate(sparse, 2<<30), writeAt(sparse, 1<<30, "data")); err != nil {
		t.Fatal(err)
	}
	dense := place(t, nil)
	f, err := os.OpenFile(dense, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	block := noise(blockSize)
	for range 256 << 20 / blockSize {
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"2 GiB, sparse": sparse, "256 MiB, dense": dense} {
		t.Run(name, func(t *testing.T) {
			peak := watchHeap(t)
			if _, err := Send(t.Context(), discarding, Source{Path: path}, at("/disk.raw")); err != nil {
				t.Fatal(err)
			}
			if got := peak(); got > 64<<20 {
				t.Errorf("the heap grew by %d MiB, want at most 64", got>>20)
			}
		})
	}
}

// watchHeap returns by how much the heap grew at most.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	start, peak := heap(), uint64(0)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			peak = max(peak, heap())
			select {
			case <-quit:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(quit); <-done; return peak - min(peak, start) }
}
