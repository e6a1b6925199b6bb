package provider

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/onexen/terraform-provider-xen/internal/engine"
)

// logInterval is how often an upload is told to Terraform's log.
const logInterval = 5 * time.Second

// progressLog tells of uploads: in Terraform's log, and live to what XEN_PROGRESS names. It may be used from several goroutines.
type progressLog struct {
	live io.Writer // nil: nobody looks

	mu     sync.Mutex
	logged map[string]time.Time // by host and image: when it was last told to Terraform's log
}

// newProgressLog opens what XEN_PROGRESS names: "stderr" for the terminal that Terraform runs in, or a file, which is appended to.
func newProgressLog(name string) (*progressLog, error) {
	p := &progressLog{logged: map[string]time.Time{}}
	switch name {
	case "":
	case "stderr":
		p.live = terminal()
	default:
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		p.live = file // as long as the provider runs
	}
	return p, nil
}

// terminal is the standard error of the process that started this one: Terraform keeps that of its providers for its log.
func terminal() io.Writer {
	for _, name := range []string{"/proc/" + strconv.Itoa(os.Getppid()) + "/fd/2", "/dev/tty"} {
		if file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0); err == nil {
			return file
		}
	}
	return os.Stderr
}

// report is what the engine calls.
func (p *progressLog) report(ctx context.Context, now engine.Progress) {
	line := progressLine(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		_, _ = fmt.Fprintln(p.live, line) // an upload does not fail because nobody looks any more
	}
	key := now.Host + "/" + now.Image
	if !now.Ended && time.Since(p.logged[key]) < logInterval-time.Second/2 {
		return
	}
	p.logged[key] = time.Now()
	if now.Ended {
		delete(p.logged, key)
	}
	tflog.Info(ctx, line, map[string]any{"host": now.Host, "image": now.Image, "done_bytes": now.Done, "total_bytes": now.Total, "sent_bytes": now.Sent})
}

// progressLine is for people: "image debian-12 to xen01: 1.2 of 4.0 GiB (30 %), 110.0 MiB/s, 26s left".
func progressLine(p engine.Progress) string {
	line := fmt.Sprintf("image %s to %s: %s", p.Image, p.Host, bytesText(p.Done))
	if percent, known := p.Percent(); known {
		line += fmt.Sprintf(" of %s (%.0f %%)", bytesText(p.Total), percent)
	}
	line += fmt.Sprintf(", %s/s", bytesText(int64(p.Rate())))
	if p.Ended {
		return line + fmt.Sprintf(", ended after %s with %s sent", p.Elapsed.Round(time.Second), bytesText(p.Sent))
	}
	if left, known := p.Left(); known {
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return line
}

// bytesText writes a number of bytes with the unit that suits it.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	size, at := float64(n), 0
	for size >= 1024 && at < len(units)-1 {
		size /= 1024
		at++
	}
	if at == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[at])
}
