package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

func TestSendKeepsTheBytes(t *testing.T) {
	tests := map[string][]byte{
		"one byte":              {1},
		"one sector":            noise(512),
		"one unit":              noise(unit),
		"one unit and a byte":   noise(unit + 1),
		"one block":             noise(blockSize),
		"blocks and a tail":     noise(2*blockSize + 3*unit + 777),
		"buffers used again":    noise((blocks+1)*blockSize + 1),
		"zeros":                 make([]byte, 3*blockSize),
		"zeros of odd size":     make([]byte, blockSize+1),
		"data then zeros":       append(noise(unit), make([]byte, 5*unit)...),
		"zeros then data":       append(make([]byte, blockSize+5*unit), noise(100)...),
		"every other unit zero": checkered(3 * blockSize),
		"zero tail in a unit":   append(noise(unit), make([]byte, 511)...),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			src, dst := place(t, data), newDst(t)
			info, err := Send(t.Context(), localRunner{}, Source{Path: src}, at(dst))
			if err != nil {
				t.Fatal(err)
			}
			padded := append(bytes.Clone(data), make([]byte, -len(data)&511)...)
			want := Info{"raw", int64(len(padded)), int64(len(padded)), dataSHA(padded), Checksum{"sha256", sha(data)}, info.Sent}
			if info != want {
				t.Errorf("got  %+v\nwant %+v", info, want)
			}
			wantStored(t, dst, padded)
		})
	}
}

func TestSendVerbatim(t *testing.T) {
	tests := map[string][]byte{
		"gzip":  pack(t, "gzip", noise(1000)),
		"odd":   noise(1001),
		"empty": {},
		"qcow2": qcow2Header(3, 1<<30),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			dst := newDst(t)
			info, err := Send(t.Context(), localRunner{}, Source{Path: place(t, data), Verbatim: true}, at(dst))
			if err != nil {
				t.Fatal(err)
			}
			n := int64(len(data))
			if want := (Info{"", n, n, dataSHA(data), Checksum{"sha256", sha(data)}, info.Sent}); info != want {
				t.Errorf("got  %+v\nwant %+v", info, want)
			}
			wantStored(t, dst, data)
		})
	}
}

func TestSendKeepsFilesSparse(t *testing.T) {
	const size = 64 << 20
	holes := place(t, nil)
	if err := errors.Join(os.Truncate(holes, size), writeAt(holes, 10<<20+5, "data"), writeAt(holes, 40<<20, "more")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		src       string
		allocated int64
	}{
		"holes": {holes, 2 * unit},
		"zeros": {place(t, make([]byte, size)), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dst := newDst(t)
			if _, err := Send(t.Context(), localRunner{}, Source{Path: test.src}, at(dst)); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(test.src)
			if err != nil {
				t.Fatal(err)
			}
			wantStored(t, dst, want)
			if got := allocated(t, dst); got > test.allocated {
				t.Errorf("%d bytes are allocated on the host, want at most %d", got, test.allocated)
			}
		})
	}
}

func TestSendSetsPrivateModeAndReplaces(t *testing.T) {
	dst := newDst(t)
	if err := os.WriteFile(dst, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := noise(512)
	if _, err := Send(t.Context(), localRunner{}, Source{Path: place(t, data)}, at(dst)); err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
	if st, _ := os.Stat(dst); st.Mode() != 0o600 {
		t.Errorf("mode is %v, want 0600", st.Mode())
	}
}

func TestSendChecksTheChecksum(t *testing.T) {
	data := noise(3*unit + 7)
	packed := pack(t, "gzip", data)
	digest := md5.Sum(data)
	packedDigest := md5.Sum(packed)
	tests := map[string]struct {
		data     []byte
		checksum string
		wrong    bool
	}{
		"sha256":                      {data, "sha256:" + sha(data), false},
		"md5":                         {data, "md5:" + hex.EncodeToString(digest[:]), false},
		"of the packed bytes, sha256": {packed, "sha256:" + sha(packed), false},
		"of the packed bytes, md5":    {packed, "md5:" + hex.EncodeToString(packedDigest[:]), false},
		"of the unpacked bytes":       {packed, "sha256:" + sha(data), true},
		"of something else, sha256":   {data, "sha256:" + sha(packed), true},
		"of something else, md5":      {data, "md5:" + hex.EncodeToString(packedDigest[:]), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dst, want := newDst(t), mustChecksum(t, test.checksum)
			info, err := Send(t.Context(), localRunner{}, Source{Path: place(t, test.data), Checksum: &want}, at(dst))
			if !test.wrong {
				if err != nil || info.Delivered != want {
					t.Fatalf("got %v, %v, want %v", info.Delivered, err, want)
				}
				return
			}
			got := sha(test.data)
			if want.Algorithm == "md5" {
				got = hex.EncodeToString(digest[:])
			}
			wantError(t, err, "expected "+test.checksum, "got "+want.Algorithm+":"+got)
			wantNothing(t, dst)
		})
	}
}

func TestSendDecompresses(t *testing.T) {
	data := append(append(noise(2*unit+100), make([]byte, 2*blockSize)...), noise(300)...)
	padded := append(bytes.Clone(data), make([]byte, -len(data)&511)...)
	for _, name := range []string{"gzip", "xz", "zstd", "bzip2"} {
		packed := pack(t, name, data)
		t.Run(name, func(t *testing.T) {
			dst := newDst(t)
			info, err := Send(t.Context(), localRunner{}, Source{Path: place(t, packed)}, at(dst))
			if err != nil {
				t.Fatal(err)
			}
			wantStored(t, dst, padded)
			n := int64(len(padded))
			if want := (Info{"raw", n, n, dataSHA(padded), Checksum{"sha256", sha(packed)}, info.Sent}); info != want {
				t.Errorf("got  %+v\nwant %+v", info, want)
			}
		})
		t.Run(name+" cut", func(t *testing.T) {
			dst := newDst(t)
			_, err := Send(t.Context(), localRunner{}, Source{Path: place(t, packed[:len(packed)/2])}, at(dst))
			wantError(t, err, name)
			wantNothing(t, dst)
		})
		t.Run(name+" damaged", func(t *testing.T) {
			damaged, dst := bytes.Clone(packed), newDst(t)
			damaged[len(damaged)/2] ^= 0x40
			_, err := Send(t.Context(), localRunner{}, Source{Path: place(t, damaged)}, at(dst))
			wantError(t, err, name)
			wantNothing(t, dst)
		})
	}
}

func TestSendTellsTheFormat(t *testing.T) {
	tests := []struct {
		content []byte
		format  string
		virtual int64
	}{
		{noise(4096), "raw", 4096},
		{append(qcow2Header(3, 1<<30), make([]byte, 4096)...), "qcow2", 1 << 30},
		{isoImage(), "iso", 36864},
	}
	for _, test := range tests {
		t.Run(test.format, func(t *testing.T) {
			dst := newDst(t)
			info, err := Send(t.Context(), localRunner{}, Source{Path: place(t, test.content)}, at(dst))
			if err != nil || info.Format != test.format || info.VirtualBytes != test.virtual || info.Bytes != int64(len(test.content)) {
				t.Errorf("got %+v, %v", info, err)
			}
			wantStored(t, dst, test.content)
		})
	}
	_, err := Send(t.Context(), localRunner{}, Source{Path: place(t, nil)}, at(newDst(t)))
	wantError(t, err, "it is empty")
}

func TestSendToHostilePaths(t *testing.T) {
	dir := t.TempDir()
	data := noise(2 * unit)
	src := place(t, data)
	for _, name := range []string{"a b", "-rf", `it's "quoted"`, "$(touch x)", "`id`", "*", "a\\b", "ünï", "tab\there", " "} {
		for _, dst := range []string{filepath.Join(dir, name), filepath.Join(dir, "in "+name, name)} {
			if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := Send(t.Context(), localRunner{}, Source{Path: src}, at(dst)); err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			wantStored(t, dst, data)
		}
	}
	for _, dst := range []string{"", "relative", "-f", "/a\nb", "/a/../b", "/a/", "/", "/a\x00b"} {
		if _, err := Send(t.Context(), localRunner{}, Source{Path: src}, at(dst)); err == nil || !strings.Contains(err.Error(), "path on the host") {
			t.Errorf("%q: got error %v", dst, err)
		}
	}
}

func TestSendRefusesWhatItCannotStore(t *testing.T) {
	src := place(t, noise(512))
	dir := t.TempDir()
	tests := map[string]struct {
		src  Source
		dst  string
		want string
	}{
		"no source":         {Source{}, dir + "/x", "either a path or a URL"},
		"two sources":       {Source{Path: src, URL: "http://localhost/"}, dir + "/x", "either a path or a URL"},
		"missing file":      {Source{Path: "/nowhere/x"}, dir + "/x", "sending /nowhere/x to " + dir + "/x: no such file or directory"},
		"directory":         {Source{Path: dir}, dir + "/x", "not a regular file"},
		"device":            {Source{Path: "/dev/zero"}, dir + "/x", "not a regular file"},
		"missing directory": {Source{Path: src}, dir + "/a/x", "directory " + dir + "/a does not exist"},
		"onto a directory":  {Source{Path: src}, dir, "is a directory"},
		"unknown algorithm": {Source{Path: src, Checksum: &Checksum{"crc32", "00"}}, dir + "/x", "crc32"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Send(t.Context(), localRunner{}, test.src, at(test.dst))
			wantError(t, err, test.want)
		})
	}
	wantEmpty(t, dir)
}

func TestSendNoticesAChangedFile(t *testing.T) {
	src, dst := place(t, noise(8*blockSize)), newDst(t)
	runner := receiving(func(ctx context.Context, s host.Script) (host.Result, error) {
		if err := writeAt(src, 1, "changed"); err != nil {
			t.Error(err)
		}
		if err := os.Chtimes(src, time.Time{}, time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
		return localRunner{}.Run(ctx, s)
	})
	_, err := Send(t.Context(), runner, Source{Path: src}, at(dst))
	wantError(t, err, errChanged.Error())
	wantNothing(t, dst)
}

// A host whose disk does not hold what was sent.
func TestSendProvesWhatTheHostHolds(t *testing.T) {
	for name, on := range receivers(t) {
		t.Run(name, func(t *testing.T) {
			dst := newDst(t)
			runner := receiving(func(ctx context.Context, s host.Script) (host.Result, error) {
				s.Text = strings.Replace(s.Text, "got=$(", `printf X | dd of="$part" conv=notrunc seek=70000 bs=1 2>/dev/null; got=$(`, 1)
				s.Args[6] = strings.Replace(s.Args[6], "put(file, buffer[:n], at)", "put(file, bytes(n), at)", 1)
				return on.Run(ctx, s)
			})
			_, err := Send(t.Context(), runner, Source{Path: place(t, noise(2*unit))}, at(dst))
			wantError(t, err, "is not what was sent")
			wantNothing(t, dst)
		})
	}
}

func TestSendWithoutRoom(t *testing.T) {
	src := place(t, noise(5<<20))
	t.Run("known before", func(t *testing.T) {
		dst := newDst(t)
		runner := withTool(t, "df", `echo Filesystem 1024-blocks Used Available Capacity Mounted on
			echo '/dev/with space 9000 1000 3100 90% /mnt'`)
		_, err := Send(t.Context(), runner, Source{Path: src}, at(dst))
		wantError(t, err, "not enough space in "+filepath.Dir(dst), "at least 5 MiB needed, 3 MiB free", src)
		wantNothing(t, dst)
	})
	t.Run("found out by dd", func(t *testing.T) {
		dst := newDst(t)
		runner := withoutPython(t, withTool(t, "dd", `case $* in
			*seek=16*) echo "dd: error writing '/x': No space left on device" >&2; exit 1 ;;
			*) PATH=${PATH#*:} exec dd "$@" ;;
			esac`))
		packed := pack(t, "gzip", checkered(5<<20))
		_, err := Send(t.Context(), runner, Source{Path: place(t, packed)}, at(dst))
		wantError(t, err, "No space left on device", "not enough space in "+filepath.Dir(dst))
		wantNothing(t, dst)
	})
	t.Run("found out by python3", func(t *testing.T) {
		dst := newDst(t)
		runner := receiving(func(ctx context.Context, s host.Script) (host.Result, error) {
			s.Text = "trap '' XFSZ; ulimit -f 2048\n" + s.Text
			return localRunner{}.Run(ctx, s)
		})
		_, err := Send(t.Context(), runner, Source{Path: src}, at(dst))
		wantError(t, err, "unable to store the data", "File too large")
		wantNothing(t, dst)
	})
}

func TestSendReportsProgress(t *testing.T) {
	var calls []Progress
	src := Source{Path: place(t, noise(blockSize)), Progress: func(p Progress) { calls = append(calls, p) }}
	if _, err := Send(t.Context(), localRunner{}, src, at(newDst(t))); err != nil {
		t.Fatal(err)
	}
	last := calls[len(calls)-1]
	percent, known := last.Percent()
	if len(calls) < 2 || last.Done != blockSize || last.Total != blockSize || last.Sent <= blockSize || !known || percent != 100 || last.Rate() <= 0 {
		t.Errorf("calls were %+v", calls)
	}
	if left, known := last.Left(); !known || left != 0 {
		t.Errorf("at the end %v are left", left)
	}
}
