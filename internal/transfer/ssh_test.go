package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

func connect(t *testing.T) (*simhost.Host, *host.Host) {
	t.Helper()
	sim := simhost.Start(t)
	h := host.New(host.Config{
		Name: "xen01", Address: sim.Address(), Port: sim.Port(), User: sim.User(),
		PrivateKeyFile: sim.PrivateKeyFile(), HostKey: sim.HostKey(),
	})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, h
}

// image is 16 MiB of which every other MiB is zero, and a tail.
func image(t *testing.T) (path string, data []byte) {
	t.Helper()
	data = make([]byte, 16<<20+512)
	for i := range data {
		if i>>20%2 == 0 {
			data[i] = byte(i>>8 ^ i)
		}
	}
	path = filepath.Join(t.TempDir(), "image.raw")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

func TestSendOverSSH(t *testing.T) {
	_, h := connect(t)
	path, data := image(t)
	dst := filepath.Join(t.TempDir(), "disk.raw")
	if _, err := transfer.Send(t.Context(), h, transfer.Source{Path: path}, dst, "raw"); err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(stored, data) {
		t.Errorf("%d other bytes were stored, %v", len(stored), err)
	}
	if got := h.Stats().Scripts; got != 1 {
		t.Errorf("sending took %d scripts, want 1", got)
	}
}

func TestSendOverACutConnection(t *testing.T) {
	sim, h := connect(t)
	path, _ := image(t)
	dir := t.TempDir()
	sim.DropAfter(3 << 20)
	_, err := transfer.Send(t.Context(), h, transfer.Source{Path: path}, filepath.Join(dir, "disk.raw"), "")
	var connection *host.ConnectionError
	if !errors.As(err, &connection) {
		t.Errorf("got error %v, want a ConnectionError", err)
	}
	wantNothingSoon(t, dir)
}

func TestSendOverSSHCancelled(t *testing.T) {
	_, h := connect(t)
	_, data := image(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(data)
		<-r.Context().Done() // more is to come, but it never does
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for st, err := os.Stat(dir + "/disk.raw.part"); err != nil || st.Size() == 0; st, err = os.Stat(dir + "/disk.raw.part") {
			time.Sleep(5 * time.Millisecond)
		}
	}()
	_, err := transfer.Send(ctx, h, transfer.Source{URL: server.URL}, dir+"/disk.raw", "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context canceled", err)
	}
	wantNothingSoon(t, dir)
}

// wantNothingSoon leaves the host a moment to notice that its client is gone.
func wantNothingSoon(t *testing.T, dir string) {
	t.Helper()
	var entries []os.DirEntry
	for range 100 {
		var err error
		if entries, err = os.ReadDir(dir); err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("left on the host: %v", entries)
}
