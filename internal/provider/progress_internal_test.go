package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

func TestProgressLine(t *testing.T) {
	for want, p := range map[string]engine.Progress{
		"image debian to xen01: 1.0 GiB of 4.0 GiB (25 %), 102.4 MiB/s, 30s left":                         {Progress: transfer.Progress{Done: 1 << 30, Total: 4 << 30, Elapsed: 10 * time.Second}},
		"image debian to xen01: 512 bytes, 512 bytes/s":                                                   {Progress: transfer.Progress{Done: 512, Total: -1, Elapsed: time.Second}},
		"image debian to xen01: 0 bytes of 1.0 KiB (0 %), 0 bytes/s":                                      {Progress: transfer.Progress{Total: 1024}},
		"image debian to xen01: 1.0 KiB of 1.0 KiB (100 %), 1.0 KiB/s, ended after 1s with 70.0 KiB sent": {Progress: transfer.Progress{Done: 1024, Total: 1024, Sent: 70 << 10, Elapsed: time.Second}, Ended: true},
	} {
		p.Host, p.Image = "xen01", "debian"
		if got := progressLine(p); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestProgressGoesToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "progress")
	log, err := newProgressLog(file)
	if err != nil {
		t.Fatal(err)
	}
	for done := range int64(3) {
		log.report(t.Context(), engine.Progress{Host: "xen01", Image: "debian", Progress: transfer.Progress{Done: done, Total: 2}, Ended: done == 2})
	}
	text, err := os.ReadFile(file)
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || len(lines) != 3 || !strings.Contains(lines[2], "ended") {
		t.Errorf("the file has %q, %v", text, err)
	}
	if len(log.logged) != 0 {
		t.Error("the log remembers an upload that has ended")
	}
	if _, err := newProgressLog(t.TempDir()); err == nil {
		t.Error("a folder is taken for a file")
	}
}
