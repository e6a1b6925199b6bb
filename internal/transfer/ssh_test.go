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

func at(path string) transfer.Target { return transfer.Target{File: transfer.File{Path: path}} }

func connect(t *testing.T) (*simhost.Host, *host.Host) {
	t.Helper()
	sim := simhost.Start(t)
	h := host.New(host.Config{
		Name: "xen01", Address: sim.Address(), Port: sim.Port(), User: sim.User(),
		PrivateKeyFiles: []string{sim.PrivateKeyFile()}, HostKey: sim.HostKey(),
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
	if _, err := transfer.Send(t.Context(), h, transfer.Source{Path: path}, at(dst)); err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(stored, data) {
		t.Errorf("%d other bytes were stored, %v", len(stored), err)
	}
	if got := h.Stats().Scripts; got != 2 {
		t.Errorf("sending took %d scripts, want 2", got)
	}
}

func TestSendOverACutConnection(t *testing.T) {
	sim, h := connect(t)
	path, data := image(t)
	dst := filepath.Join(t.TempDir(), "disk.raw")
	sim.DropAfter(5 << 20)
	_, err := transfer.Send(t.Context(), h, transfer.Source{Path: path}, at(dst))
	var connection *host.ConnectionError
	if !errors.As(err, &connection) {
		t.Errorf("got error %v, want a ConnectionError", err)
	}
	wantTheRest(t, h, path, data, dst)
}

func TestSendOverSSHCancelled(t *testing.T) {
	_, h := connect(t)
	path, data := image(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(data[:len(data)-1000])
		<-r.Context().Done() // more is to come, but it never does
	}))
	t.Cleanup(server.Close)
	dst := filepath.Join(t.TempDir(), "disk.raw")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for st, err := os.Stat(dst + ".part/journal"); err != nil || st.Size() == 0; st, err = os.Stat(dst + ".part/journal") {
			time.Sleep(5 * time.Millisecond)
		}
	}()
	_, err := transfer.Send(ctx, h, transfer.Source{URL: server.URL}, at(dst))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context canceled", err)
	}
	wantTheRest(t, h, path, data, dst)
}

// wantTheRest sends the content once more, of which something is on the host already.
func wantTheRest(t *testing.T, h *host.Host, path string, data []byte, dst string) {
	t.Helper()
	if _, err := os.Stat(dst); err == nil {
		t.Error("an unfinished transfer made the file")
	}
	info, err := transfer.Send(t.Context(), h, transfer.Source{Path: path}, at(dst))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(stored, data) {
		t.Errorf("%d other bytes were stored, %v", len(stored), err)
	}
	if info.Sent > 8<<20 {
		t.Errorf("%d bytes were sent although some were there", info.Sent)
	}
	if left, _ := filepath.Glob(dst + ".part"); len(left) > 0 {
		t.Errorf("left on the host: %v", left)
	}
}
