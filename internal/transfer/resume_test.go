package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// cutting ends the stream after some bytes, as a lost connection does.
func cutting(left int64, on localRunner) runnerFunc {
	return receiving(func(ctx context.Context, s host.Script) (host.Result, error) {
		s.Stdin = io.LimitReader(s.Stdin, left)
		return on.Run(ctx, s)
	})
}

// Wherever the connection ends, a part of the stream is never taken for the whole, and the next transfer makes it whole.
func TestSendCutShort(t *testing.T) {
	data := append(append(make([]byte, unit), noise(unit)...), make([]byte, 20*unit)...)
	data = append(data, noise(2*unit)...)
	src := Source{Path: place(t, data)}
	whole, err := Send(t.Context(), localRunner{}, src, at(newDst(t)))
	if err != nil {
		t.Fatal(err)
	}
	first, second := int64(len("d 1 1\n")+unit), int64(len("d 22 2\n")+2*unit)
	for name, runner := range receivers(t) {
		for _, left := range []int64{0, 5, 7, first - 1, first, first + 7, first + second - 1, first + second, whole.Sent - 25, whole.Sent - 9, whole.Sent - 1} {
			dst := newDst(t)
			_, err := Send(t.Context(), cutting(left, runner), src, at(dst))
			wantError(t, err, "the stream ended too early")
			if _, err := os.Stat(dst); err == nil {
				t.Fatalf("%s: after %d bytes there is a file", name, left)
			}
			if left < first {
				wantNothing(t, dst)
			}
			info, err := Send(t.Context(), runner, src, at(dst))
			if err != nil {
				t.Fatalf("%s: after %d bytes: %v", name, left, err)
			}
			wantStored(t, dst, data)
			saved := int64(0)
			if left >= first {
				saved += first
			}
			if left >= first+second {
				saved += second
			}
			if info.Sent != whole.Sent-saved || info.SHA256 != whole.SHA256 {
				t.Errorf("%s: after %d bytes %d of %d were sent again, SHA-256 %s", name, left, info.Sent, whole.Sent, info.SHA256)
			}
		}
	}
}

func TestSendCancelledGoesOn(t *testing.T) {
	data := noise(6 * blockSize)
	dst := newDst(t)
	ctx, cancel := context.WithCancel(t.Context())
	runner := receiving(func(ctx context.Context, s host.Script) (host.Result, error) {
		s.Stdin = &thenDo{from: s.Stdin, left: 3 * blockSize, do: func() { cancel(); time.Sleep(50 * time.Millisecond) }}
		return localRunner{}.Run(ctx, s)
	})
	start := time.Now()
	_, err := Send(ctx, runner, Source{Path: place(t, data)}, at(dst))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context canceled", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	info, err := Send(t.Context(), localRunner{}, Source{Path: place(t, data)}, at(dst))
	if err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
	if info.Sent > 5*blockSize {
		t.Errorf("%d bytes were sent again", info.Sent)
	}
}

// thenDo does something once when enough was read.
type thenDo struct {
	from io.Reader
	left int
	do   func()
}

func (r *thenDo) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.left -= n; r.left <= 0 && r.do != nil {
		r.do()
		r.do = nil
	}
	return n, err
}

// What an interrupted transfer left is proved like everything else, and thrown away when it is something else.
func TestSendDoesNotTrustWhatIsThere(t *testing.T) {
	data := noise(2*unit + blockSize)
	src, dst := Source{Path: place(t, data)}, newDst(t)
	if _, err := Send(t.Context(), cutting(blockSize+unit/2, localRunner{}), src, at(dst)); err == nil {
		t.Fatal("no error")
	}
	if err := writeAt(dst+".part/part", 100, "damage"); err != nil {
		t.Fatal(err)
	}
	if _, err := Send(t.Context(), localRunner{}, src, at(dst)); err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
}

func TestSendToABusyFolder(t *testing.T) {
	data := noise(unit)
	dst, work := newDst(t), filepath.Join(t.TempDir(), "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(work, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	impatient := runnerFunc(func(ctx context.Context, s host.Script) (host.Result, error) {
		s.Text = string(bytes.ReplaceAll([]byte(s.Text), []byte("flock -w 10"), []byte("flock -w 0")))
		return localRunner{}.Run(ctx, s)
	})
	if _, err := Send(t.Context(), impatient, Source{Path: place(t, data)}, Target{File: File{Path: dst}, Work: work}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
	if _, err := os.Stat(filepath.Join(work, "lock")); err != nil {
		t.Error("the folder of the other transfer is gone")
	}
}

// A changed content costs what has changed, whether data came, went, or became other data.
func TestSendOverABase(t *testing.T) {
	old := append(append(noise(40*unit), make([]byte, 40*unit)...), noise(40*unit+300)...)
	changes := map[string]struct {
		change func([]byte) []byte
		sent   int64 // units
	}{
		"nothing":       {func(p []byte) []byte { return p }, 0},
		"one byte":      {func(p []byte) []byte { p[5*unit+7]++; return p }, 1},
		"data to zeros": {func(p []byte) []byte { clear(p[3*unit : 9*unit]); return p }, 0},
		"zeros to data": {func(p []byte) []byte { copy(p[50*unit:], noise(3*unit)); return p }, 3},
		"emptied":       {func(p []byte) []byte { clear(p[3*unit : 9*unit]); return p }, 0},
		"one more":      {func(p []byte) []byte { return append(p, noise(unit)...) }, 2},
		"shorter":       {func(p []byte) []byte { return p[:100*unit] }, 0},
		"cut in a unit": {func(p []byte) []byte { return p[:100*unit+512] }, 1},
	}
	hosts := receivers(t)
	for name, test := range changes {
		runner := hosts["python3"]
		if strings.Contains(name, "zeros") {
			runner = hosts["sh"] // each has a way of its own to make zeros
		}
		t.Run(name, func(t *testing.T) {
			base, dst := newDst(t), newDst(t)
			if _, err := Send(t.Context(), localRunner{}, Source{Path: place(t, old)}, at(base)); err != nil {
				t.Fatal(err)
			}
			data := test.change(bytes.Clone(old))
			target := at(dst)
			target.Base = &File{Path: base, Map: base + ".map"}
			info, err := Send(t.Context(), runner, Source{Path: place(t, data)}, target)
			if err != nil {
				t.Fatal(err)
			}
			padded := append(bytes.Clone(data), make([]byte, -len(data)&511)...)
			wantStored(t, dst, padded)
			if info.SHA256 != dataSHA(padded) {
				t.Error("the digest is wrong")
			}
			if overhead := info.Sent - test.sent*unit; overhead < 0 || overhead > 4096 {
				t.Errorf("%d bytes were sent, want %d units", info.Sent, test.sent)
			}
			wantStored(t, base, append(bytes.Clone(old), make([]byte, -len(old)&511)...))
		})
	}
}

func TestSendOverADamagedBase(t *testing.T) {
	data := noise(10 * unit)
	base, dst := newDst(t), newDst(t)
	if _, err := Send(t.Context(), localRunner{}, Source{Path: place(t, data)}, at(base)); err != nil {
		t.Fatal(err)
	}
	if err := writeAt(base, 100, "damage"); err != nil {
		t.Fatal(err)
	}
	target := at(dst)
	target.Base = &File{Path: base, Map: base + ".map"}
	if _, err := Send(t.Context(), localRunner{}, Source{Path: place(t, data)}, target); err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
}

func TestSendInterruptedOverABase(t *testing.T) {
	old := append(noise(40*unit), make([]byte, unit)...)
	data := bytes.Clone(old)
	clear(data[:unit])
	copy(data[20*unit:], bytes.Repeat([]byte("x"), 2*unit))
	copy(data[30*unit:], bytes.Repeat([]byte("y"), 2*unit))
	base, dst, src := newDst(t), newDst(t), Source{Path: place(t, data)}
	if _, err := Send(t.Context(), localRunner{}, Source{Path: place(t, old)}, at(base)); err != nil {
		t.Fatal(err)
	}
	target := at(dst)
	target.Base = &File{Path: base, Map: base + ".map"}
	if _, err := Send(t.Context(), cutting(3*unit, localRunner{}), src, target); err == nil {
		t.Fatal("no error")
	}
	// Without the base, what was sent over it is of no use.
	for _, next := range []Target{at(dst), target} {
		if _, err := Send(t.Context(), localRunner{}, src, next); err != nil {
			t.Fatal(err)
		}
		wantStored(t, dst, data)
	}
}
