package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

type runnerFunc func(context.Context, host.Script) (host.Result, error)

func (f runnerFunc) Run(ctx context.Context, s host.Script) (host.Result, error) { return f(ctx, s) }

// receiving is a runner that lets f run the script that takes the stream.
func receiving(f runnerFunc) runnerFunc {
	return func(ctx context.Context, s host.Script) (host.Result, error) {
		if s.Stdin == nil {
			return localRunner{}.Run(ctx, s)
		}
		return f(ctx, s)
	}
}

func place(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newDst is a path in an empty directory that stands for the host.
func newDst(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "disk.raw")
}

func at(path string) Target { return Target{File: File{Path: path}} }

// dataSHA is the SHA-256 of the data as a map has it: all but long runs of zeros.
func dataSHA(p []byte) string {
	digest, gap := sha256.New(), []byte(nil)
	begun := false
	for len(p) > 0 {
		piece := p[:min(len(p), unit)]
		p = p[len(piece):]
		if len(bytes.TrimLeft(piece, "\x00")) == 0 {
			gap = append(gap, piece...)
			continue
		}
		if begun && len(gap) <= maxGap*unit {
			_, _ = digest.Write(gap)
		}
		begun, gap = true, nil
		_, _ = digest.Write(piece)
	}
	return sumHex(digest)
}

func writeAt(path string, off int64, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt([]byte(text), off); err != nil {
		return err
	}
	return f.Close()
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// wantStored wants dst to hold data, and nothing beside it.
func wantStored(t *testing.T, dst string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(dst)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("the host holds %d other bytes than the %d of the source", len(got), len(data))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dst), "*.part*")); len(left) > 0 {
		t.Errorf("left on the host: %v", left)
	}
}

func wantNothing(t *testing.T, dst string) {
	t.Helper()
	wantEmpty(t, filepath.Dir(dst))
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left on the host: %v, %v", entries, err)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
}

func mustChecksum(t *testing.T, s string) Checksum {
	t.Helper()
	c, err := ParseChecksum(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pack compresses; bzip2 has no writer in Go.
func pack(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "xz":
		w, err = xz.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out)
	case "bzip2":
		cmd := exec.Command("bzip2", "-1", "-c")
		if cmd.Err != nil {
			cmd = exec.Command("busybox", "bzip2", "-1", "-c")
		}
		cmd.Stdin, cmd.Stdout = bytes.NewReader(data), &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("bzip2: %v", err)
		}
		return out.Bytes()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func qcow2Header(version uint32, size uint64) []byte {
	h := make([]byte, 104)
	copy(h, "QFI\xfb")
	binary.BigEndian.PutUint32(h[4:], version)
	binary.BigEndian.PutUint32(h[20:], 16)
	binary.BigEndian.PutUint64(h[24:], size)
	binary.BigEndian.PutUint32(h[100:], 104)
	return h
}

func isoImage() []byte {
	p := make([]byte, 18*2048)
	copy(p[32768:], "\x01CD001\x01")
	return p
}

func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(p)
	return p
}

// checkered has data and zeros in turn, the worst case for extents.
func checkered(n int) []byte {
	p := noise(n)
	for i := unit; i < n; i += 2 * unit {
		clear(p[i : i+unit])
	}
	return p
}

func sha(p []byte) string {
	s := sha256.Sum256(p)
	return hex.EncodeToString(s[:])
}
