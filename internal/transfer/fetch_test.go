package transfer

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// without is a runner whose PATH lacks some of the machine's tools.
func without(t *testing.T, missing ...string) localRunner {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{"sh", "dd", "od", "tr", "tail", "head", "stat", "cp", "mv", "rm", "readlink", "sha256sum", "md5sum", "gzip", "xz", "zstd", "bzip2", "curl", "wget", "fallocate"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatalf("the test needs %s", tool)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range missing {
		if err := os.Remove(filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return localRunner{env: []string{"PATH=" + bin}}
}

func TestFetchFromHostsFile(t *testing.T) {
	data := append(make([]byte, 1<<20), checkered(3*unit)...)
	data = append(data, make([]byte, 1<<20)...)
	for _, packed := range []string{"", "gzip", "xz", "zstd", "bzip2"} {
		t.Run(packed, func(t *testing.T) {
			delivered := data
			if packed != "" {
				delivered = pack(t, packed, data)
			}
			dst, src := newDst(t), HostSource{Path: place(t, delivered), Forbidden: t.TempDir()}
			info, err := Fetch(t.Context(), localRunner{}, src, dst)
			want := Info{Format: "raw", VirtualBytes: int64(len(data)), Bytes: int64(len(data)), Delivered: Checksum{"sha256", sha(delivered)}}
			if err != nil || info != want {
				t.Fatalf("got %+v, %v, want %+v", info, err, want)
			}
			wantStored(t, dst, data)
			if got := allocated(t, dst); got > 1<<20 {
				t.Errorf("%d bytes are allocated for 128 KiB of data", got)
			}
			wantOnly(t, dst)

			src.Checksum = &Checksum{"sha256", strings.Repeat("0", 64)}
			_, err = Fetch(t.Context(), localRunner{}, src, dst)
			wantError(t, err, "wrong checksum: expected sha256:000", "got sha256:"+sha(delivered))
		})
	}
}

// wantOnly wants nothing beside dst.
func wantOnly(t *testing.T, dst string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dst))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file stand %v, %v", entries, err)
	}
}

func TestFetchVerbatim(t *testing.T) {
	packed := pack(t, "gzip", noise(5000))
	dst := newDst(t)
	info, err := Fetch(t.Context(), localRunner{}, HostSource{Path: place(t, packed), Forbidden: t.TempDir(), Verbatim: true}, dst)
	if err != nil || info.Format != "" || info.Bytes != int64(len(packed)) {
		t.Fatalf("got %+v, %v", info, err)
	}
	wantStored(t, dst, packed)
}

func TestFetchRefusesHostsFile(t *testing.T) {
	store := t.TempDir()
	inside := filepath.Join(store, "disk.raw")
	if err := os.WriteFile(inside, noise(1000), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	cut := pack(t, "gzip", noise(100000))
	for name, test := range map[string]struct {
		path, want string
		runner     localRunner
	}{
		"absent":           {path: "/absent/disk", want: "/absent/disk does not exist on the host"},
		"a folder":         {path: store, want: "neither a regular file nor a block device"},
		"in the datastore": {path: inside, want: "lies in the datastore"},
		"a link into it":   {path: link, want: "lies in the datastore"},
		"relative":         {path: "disk", want: "must be absolute"},
		"cut off":          {path: place(t, cut[:5000]), want: "could not be decompressed with gzip"},
		"backing file":     {path: place(t, qcow2With(15, 8)), want: "backing file"},
		"no xz":            {path: place(t, pack(t, "xz", noise(1000))), runner: without(t, "xz"), want: "there is no xz on the host: install the package xz-utils"},
	} {
		_, err := Fetch(t.Context(), test.runner, HostSource{Path: test.path, Forbidden: store}, newDst(t))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func qcow2With(offset int, value byte) []byte {
	h := qcow2Header(3, 1<<30)
	h[offset] = value
	return h
}

func TestFetchFromURL(t *testing.T) {
	data := append(qcow2Header(3, 1<<30), noise(100000)...)
	server := imageServer(t, data)
	for tool, runner := range map[string]localRunner{"curl": without(t, "wget"), "wget": without(t, "curl")} {
		t.Run(tool, func(t *testing.T) {
			for _, path := range []string{"/ok", "/chunked", "/moved", "/ok?a=%22b%5C&token=" + secret} {
				dst := newDst(t)
				info, err := Fetch(t.Context(), runner, HostSource{URL: server.URL + path, Checksum: &Checksum{"sha256", sha(data)}}, dst)
				if err != nil || info.Format != "qcow2" || info.VirtualBytes != 1<<30 || info.Delivered.Hex != sha(data) {
					t.Fatalf("%s: got %+v, %v", path, info, err)
				}
				wantStored(t, dst, data)
				wantOnly(t, dst)
			}
			for path, want := range map[string]string{
				"/absent":                 "404",
				"/absent?token=" + secret: "404",
				"/signed":                 "404",
			} {
				_, err := Fetch(t.Context(), runner, HostSource{URL: server.URL + path}, newDst(t))
				wantError(t, err, "Unable to fetch "+server.URL, want)
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: the error holds the token: %s", path, err)
				}
			}
			_, err := Fetch(t.Context(), runner, HostSource{URL: server.URL + "/ok", Checksum: &Checksum{"md5", strings.Repeat("0", 32)}}, newDst(t))
			wantError(t, err, "wrong checksum: expected md5:000")
		})
	}
	_, err := Fetch(t.Context(), without(t, "curl", "wget"), HostSource{URL: server.URL + "/ok"}, newDst(t))
	wantError(t, err, "neither curl nor wget", `fetch_from = "client"`)
}

func TestFetchCutTransfer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(noise(5000))
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	for tool, runner := range map[string]localRunner{"curl": without(t, "wget"), "wget": without(t, "curl")} {
		dst := newDst(t)
		if _, err := Fetch(t.Context(), runner, HostSource{URL: server.URL}, dst); err == nil {
			t.Errorf("%s: no error", tool)
		}
		if _, err := os.Stat(dst); err == nil {
			t.Errorf("%s: a cut file stands there as if it were whole", tool)
		}
	}
}

// No other process may read the URL, which may hold a password.
func TestFetchShowsNobodyTheURL(t *testing.T) {
	server := imageServer(t, noise(1000))
	address := strings.Replace(server.URL, "http://", "http://user:"+secret+"@", 1) + "/private"
	var seen []host.Script
	spy := runnerFunc(func(ctx context.Context, s host.Script) (host.Result, error) {
		seen = append(seen, s)
		return localRunner{}.Run(ctx, s)
	})
	dst := newDst(t)
	if _, err := Fetch(t.Context(), spy, HostSource{URL: address}, dst); err != nil {
		t.Fatal(err)
	}
	for _, s := range seen {
		if text := s.Step + strings.Join(s.Args, " ") + s.Text; strings.Contains(text, secret) {
			t.Errorf("the password stands in %s", text)
		}
	}
	if content, err := os.ReadFile(dst); err != nil || !bytes.Equal(content, noise(1000)) {
		t.Errorf("got %d bytes, %v", len(content), err)
	}
}
