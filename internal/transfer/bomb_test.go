package transfer

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// ways are how a content comes to a host: each stores it or refuses it.
func ways(t *testing.T, content []byte, limit int64) map[string]func(dst string) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	t.Cleanup(server.Close)
	file := place(t, content)
	send := func(src Source) func(string) error {
		return func(dst string) error {
			_, err := Send(t.Context(), localRunner{}, src, at(dst))
			if err == nil { // as an engine does
				_, err = Identify(t.Context(), localRunner{}, dst)
			}
			return err
		}
	}
	fetch := func(src HostSource) func(string) error {
		return func(dst string) error { _, err := Fetch(t.Context(), localRunner{}, src, dst); return err }
	}
	return map[string]func(string) error{
		"local file":      send(Source{Path: file, Limit: limit}),
		"URL":             send(Source{URL: server.URL, Limit: limit}),
		"file of a host":  fetch(HostSource{Path: file, Forbidden: t.TempDir(), Limit: limit}),
		"URL from a host": fetch(HostSource{URL: server.URL, Limit: limit}),
	}
}

// What packs much into little ends where it passes its limit, and no more than that was stored.
func TestBombs(t *testing.T) {
	const limit = 8 << 20
	large := bytes.Repeat(noise(1<<20), 24)
	for name, content := range map[string][]byte{
		"gzip of zeros": pack(t, "gzip", make([]byte, 64<<20)),
		"zstd of zeros": pack(t, "zstd", make([]byte, 64<<20)),
		"zstd of data":  pack(t, "zstd", large),
		"xz of data":    pack(t, "xz", large[:12<<20]),
		"plain":         large[:limit+512],
	} {
		for way, store := range ways(t, content, limit) {
			dst := newDst(t)
			err := store(dst)
			if err == nil || !strings.Contains(err.Error(), "the content has more than the 8 MiB that it may have") {
				t.Errorf("%s, %s: %v", name, way, err)
			}
			if st, err := os.Stat(dst); err == nil && st.Size() > limit+1 {
				t.Errorf("%s, %s: %d bytes were stored", name, way, st.Size())
			}
		}
	}
	for way, store := range ways(t, pack(t, "gzip", large[:limit]), limit) {
		if err := store(newDst(t)); err != nil {
			t.Errorf("%s: what is as large as it may be: %v", way, err)
		}
	}
}

// The host's disk is not filled to find out that there is no room.
func TestBombLargerThanTheRoom(t *testing.T) {
	dst, sent := newDst(t), 0
	runner := runnerFunc(func(ctx context.Context, s host.Script) (host.Result, error) {
		if s.Stdin != nil {
			sent++
		}
		result, err := localRunner{}.Run(ctx, s)
		if before, _, found := bytes.Cut(result.Stdout, []byte("free ")); found {
			result.Stdout = fmt.Appendf(before, "free 4096\n")
		}
		return result, err
	})
	bomb := pack(t, "zstd", bytes.Repeat(noise(1<<20), 16))
	_, err := Send(t.Context(), runner, Source{Path: place(t, bomb)}, at(dst))
	wantError(t, err, "takes more than the 4 MiB that are free on the host")
	if sent == 0 {
		t.Error("nothing was begun")
	}
	wantNothing(t, dst)
}

// No image leads to another file of the host, however it came there.
func TestImagesNameNoOtherFiles(t *testing.T) {
	qemu, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("there is no qemu-img; make test installs it")
	}
	dir := t.TempDir()
	shadow := filepath.Join(dir, "shadow")
	if err := os.WriteFile(shadow, bytes.Repeat([]byte("root:$6$secret:"), 70000), 0o600); err != nil {
		t.Fatal(err)
	}
	image := func(name string, args ...string) []byte {
		t.Helper()
		file := filepath.Join(dir, name)
		args = append(append([]string{"create", "-q"}, args...), file)
		if !strings.Contains(strings.Join(args, " "), "backing_file") {
			args = append(args, "1M")
		}
		if out, err := exec.Command(qemu, args...).CombinedOutput(); err != nil {
			t.Fatalf("qemu-img %v: %v\n%s", args, err, out)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	text := func(extent string) []byte {
		return []byte("# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n" + extent + "\nddb.adapterType = \"ide\"\n")
	}
	image("parent.vmdk", "-f", "vmdk")
	hostile := map[string][]byte{
		"qcow2 on a raw file":    image("1.qcow2", "-f", "qcow2", "-o", "backing_file="+shadow+",backing_fmt=raw"),
		"qcow2 on JSON":          image("2.qcow2", "-u", "-f", "qcow2", "-F", "raw", "-b", `json:{"driver":"raw","file":{"driver":"file","filename":"`+shadow+`"}}`),
		"qcow2 version 2":        image("3.qcow2", "-f", "qcow2", "-o", "compat=0.10,backing_file="+shadow+",backing_fmt=raw"),
		"qcow2 with a data file": image("4.qcow2", "-f", "qcow2", "-o", "data_file="+filepath.Join(dir, "data")+",data_file_raw=on"),
		"qed":                    image("5.qed", "-f", "qed", "-o", "backing_file="+shadow+",backing_fmt=raw"),
		"vmdk on a parent":       image("6.vmdk", "-f", "vmdk", "-o", "backing_fmt=vmdk,backing_file="+filepath.Join(dir, "parent.vmdk")),
		"vmdk, flat":             image("7.vmdk", "-f", "vmdk", "-o", "subformat=monolithicFlat"),
		"vmdk, many":             image("8.vmdk", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"),
		"vmdk of another file":   text(`RW 2048 FLAT "` + shadow + `" 0`),
		"vmdk of a device":       text(`RW 2048 VMFSRDM "/dev/sda"`),
	}
	for name, content := range hostile {
		for _, tool := range []string{"", "gzip"} {
			delivered := content
			if tool != "" {
				delivered = pack(t, tool, content)
			}
			for way, store := range ways(t, delivered, 0) {
				if err := store(newDst(t)); err == nil {
					t.Errorf("%s %s from a %s was taken", tool, name, way)
				}
			}
		}
	}
}

// FuzzNoOtherFile changes bytes of images that rest on another file: what identify takes rests on none in the eyes of qemu-img either.
func FuzzNoOtherFile(f *testing.F) {
	qemu, err := exec.LookPath("qemu-img")
	if err != nil {
		f.Skip("there is no qemu-img; make test installs it")
	}
	for _, at := range []int{0, 4, 7, 8, 15, 16, 19, 72, 79, 100, 103, 104, 112} {
		f.Add(uint16(at), byte(0), uint16(at+1), byte(2))
	}
	dir := f.TempDir()
	var seeds [][]byte
	for _, args := range [][]string{
		{"-f", "qcow2", "-o", "backing_file=/etc/shadow,backing_fmt=raw", "-u"},
		{"-f", "qcow2", "-o", "compat=0.10,backing_file=/etc/shadow,backing_fmt=raw", "-u"},
		{"-f", "qcow2", "-o", "data_file=" + dir + "/data,data_file_raw=on"},
		{"-f", "vmdk"},
	} {
		file := filepath.Join(dir, "seed")
		if out, err := exec.Command(qemu, append(append([]string{"create", "-q"}, args...), file, "1M")...).CombinedOutput(); err != nil {
			f.Fatalf("%v: %s", err, out)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, content)
		_ = os.Remove(file)
	}
	// An image that only names a data file, and does not say that it has one, is read without it: who needs it misses it now.
	missing := []byte("'" + dir + "/data': No such file")
	_ = os.Remove(dir + "/data")
	restsOnAnother := func(file, format string) (string, bool) {
		said, _ := exec.Command(qemu, "info", "-U", "--output=json", "-f", format, file).CombinedOutput()
		read, _ := exec.Command(qemu, "map", "-U", "--output=json", "-f", format, file).CombinedOutput()
		return string(said) + string(read), bytes.Contains(said, []byte("backing-filename")) || bytes.Contains(read, missing)
	}
	for i, seed := range seeds[:3] {
		file := filepath.Join(dir, "seed")
		if err := os.WriteFile(file, seed, 0o600); err != nil {
			f.Fatal(err)
		}
		if said, rests := restsOnAnother(file, "qcow2"); !rests {
			f.Fatalf("seed %d rests on no other file: %s", i, said)
		}
	}
	f.Fuzz(func(t *testing.T, at uint16, value byte, at2 uint16, value2 byte) {
		for _, seed := range seeds {
			content := bytes.Clone(seed)
			content[int(at)%min(len(content), 4096)] = value
			content[int(at2)%min(len(content), 4096)] = value2
			format, _, err := identifyWhole(content[:min(len(content), headSize)], content[len(content)-tailSize:])
			if err != nil || format == FormatRaw || format == FormatISO {
				continue
			}
			if said, rests := restsOnAnother(place(t, content), format); rests {
				t.Errorf("taken as %s with %d=%d, %d=%d, but it rests on another file:\n%s", format, at, value, at2, value2, said)
			}
		}
	})
}
