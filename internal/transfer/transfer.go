// Package transfer moves disk bytes from a local file or a URL into a file on a Xen host.
//
// Everything is streamed: nothing is copied to a temporary file on the client, and memory stays bounded by a few
// blocks plus the window of the decompressor (64 MiB for `xz -9`, at most 128 MiB for `zstd --long`). Holes and
// runs of zeros are not sent; the host needs nothing but sh, dd, df, truncate and sha256sum or openssl.
package transfer

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// progressInterval is how often Source.Progress is called.
const progressInterval = 5 * time.Second

//go:embed receive.sh
var receiveScript string

// Runner is the part of a host that a transfer needs; *host.Host is one.
type Runner interface {
	Run(ctx context.Context, s host.Script) (host.Result, error)
}

// Source says where bytes come from: a local file or an http or https URL, exactly one of the two.
type Source struct {
	Path string
	URL  string
	// Checksum is compared with the bytes as delivered, before any decompression; nil checks nothing.
	Checksum *Checksum
	// Verbatim stores the delivered bytes as they are: no decompression, no format, no padding. Kernels, initial
	// ramdisks and other files that are no disks are sent so.
	Verbatim bool
	// Progress, when set, is called from one goroutine at the start, every five seconds and at the end of Send with
	// the delivered bytes taken so far and in total; total is -1 while it is unknown.
	Progress func(sent, total int64)
}

// Info describes a source, or what became of it on the host.
type Info struct {
	Format       string   // one of the formats above, such as "qcow2"; empty for a verbatim source
	VirtualBytes int64    // size of the disk that a guest sees; 0 when unknown
	Bytes        int64    // size of the stored file, holes included; 0 when unknown
	SHA256       string   // lower-case hex over the stored bytes, holes included; set by Send
	Delivered    Checksum // of the delivered bytes, in the declared algorithm or else sha256; set by Send
}

// Inspect tells what a source is without reading more than its head, for use at plan time.
//
// Of a local file it learns the format and, unless the file is a compressed raw image, its sizes; of a compressed
// qcow2 image it learns the virtual size only. Of a URL nothing is fetched: only its form is checked, and the Info is
// empty. A qcow2 image that refers to other files, is encrypted or corrupt, and image formats that Xen cannot use are
// refused, as Send does.
func Inspect(ctx context.Context, src Source) (Info, error) {
	if err := src.check(); err != nil {
		return Info{}, err
	}
	if src.URL != "" {
		return Info{}, nil
	}
	in, err := open(ctx, src)
	if err != nil {
		return Info{}, fmt.Errorf("inspecting %s: %w", src.name(), err)
	}
	defer in.Close()
	info, err := in.identify()
	if err != nil {
		return Info{}, fmt.Errorf("inspecting %s: %w", src.name(), err)
	}
	return info, nil
}

// Send stores a source as the file dst on a host and returns when the file is complete, synced and verified there.
//
// The host writes dst.part and renames it to dst at the very end, replacing a file of that name; whatever fails before
// that leaves dst as it was and removes dst.part. Gzip, xz, zstd and bzip2 are decompressed, found by their content.
// A raw or ISO image whose size is no multiple of 512 bytes is padded with zeros to the next one, because a loop device
// would hide the incomplete sector. A format other than "" is compared with the content, see CheckFormat.
//
// The host proves what it wrote by a SHA-256 over the data it was sent, read back from the file after the sync.
func Send(ctx context.Context, to Runner, src Source, dst, format string) (Info, error) {
	if err := src.check(); err != nil {
		return Info{}, err
	}
	if err := checkHostPath(dst); err != nil {
		return Info{}, err
	}
	info, err := send(ctx, to, src, dst, format)
	var exit *host.ExitError
	var connection *host.ConnectionError
	switch {
	case err == nil:
		return info, nil
	case errors.As(err, &exit), errors.As(err, &connection): // say what was attempted, and where
		return Info{}, err
	default:
		return Info{}, fmt.Errorf("sending %s to %s: %w", src.name(), dst, err)
	}
}

func send(ctx context.Context, to Runner, src Source, dst, format string) (Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := open(ctx, src)
	if err != nil {
		return Info{}, err
	}
	defer in.Close()
	info, err := in.identify()
	if err != nil {
		return Info{}, err
	}
	if !src.Verbatim {
		if err := CheckFormat(format, info.Format); err != nil {
			return Info{}, err
		}
		if format != "" {
			info.Format = format
		}
	}

	s, err := newStream(ctx, in, src, info.Format)
	if err != nil {
		return Info{}, err
	}
	stopReport := report(src.Progress, progressInterval, in)
	_, runErr := to.Run(ctx, host.Script{
		Step:  fmt.Sprintf("store %s as %s", src.name(), dst),
		Text:  receiveScript,
		Args:  []string{dst, strconv.FormatInt((in.need+1023)/1024, 10)},
		Stdin: s,
	})
	interrupted := ctx.Err()
	cancel()
	srcErr := s.wait()
	stopReport()
	switch {
	case runErr == nil && s.sum != nil:
	case runErr != nil && interrupted != nil && !errors.Is(runErr, interrupted):
		return Info{}, fmt.Errorf("%w: %w", interrupted, runErr)
	case srcErr != nil && interrupted == nil: // all that the host saw was a stream cut short
		return Info{}, srcErr
	case runErr != nil:
		return Info{}, runErr
	default:
		return Info{}, errors.New("the host reported success before it had everything")
	}

	info.Bytes, info.SHA256, info.Delivered = s.sum.bytes, s.sum.sha256, s.sum.delivered
	if info.Format == "" || info.Format == formatRaw || info.Format == formatISO {
		info.VirtualBytes = info.Bytes
	}
	return info, nil
}

// checkHostPath accepts absolute clean paths of one line; df and error messages are line by line.
func checkHostPath(p string) error {
	switch {
	case !path.IsAbs(p) || path.Clean(p) != p || p == "/":
		return fmt.Errorf("path on the host %q must be absolute and without empty, . or .. parts", p)
	case strings.ContainsAny(p, "\x00\n\r"):
		return fmt.Errorf("path on the host %q must not hold NUL or line breaks", p)
	}
	return nil
}

// report calls f now, every interval, and once more when the returned function is called.
func report(f func(sent, total int64), interval time.Duration, in *input) (stop func()) {
	if f == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			f(in.taken.Load(), in.length)
			select {
			case <-ticker.C:
			case <-quit:
				f(in.taken.Load(), in.length)
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
