// Package transfer moves disk bytes from a local file or a URL into a file on a Xen host.
//
// Everything is streamed: nothing is copied to a temporary file on the client, and memory stays bounded by a few
// blocks plus the window of the decompressor (64 MiB for `xz -9`, at most 128 MiB for `zstd --long`). Holes and
// runs of zeros are not sent, nor is what an interrupted transfer has sent before or what a similar file on the host
// holds already. The host needs nothing but sh, dd, df, truncate and sha256sum or openssl; with python3, which pygrub brings along, it
// spends a third of the processor time, and with zstd or gzip it takes compressed data, which is sent when the link is slower than the
// compressor.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

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
	// Limit is how many bytes the content, decompressed, may have; 0: as many as a disk can have. What packs terabytes into a megabyte is
	// found out when it passes the limit, or what is free on the host.
	Limit   int64
	unknown bool // nothing that was known of the file counts
	// Progress, when set, is called from one goroutine at the start, every two seconds and at the end of Send.
	Progress func(Progress)
}

// File is a file on a host, and the map of its content that stands beside it.
type File struct {
	Path string // absolute
	Map  string // absolute; default Path with ".map"
}

// Target says where on a host the content goes.
type Target struct {
	File
	// Work is a folder on the file system of Path for what is not whole yet. An interrupted transfer leaves there what the next
	// one with the same folder need not send again, so the folder should be named for the content. Default: Path with ".part".
	Work string
	// Base is a file of similar content on the host, from which is taken what is the same; nil when there is none.
	Base *File
}

// Info describes a source, or what became of it on the host.
type Info struct {
	Format       string   // one of the formats above, such as "qcow2"; empty for a verbatim source
	VirtualBytes int64    // size of the disk that a guest sees; 0 when unknown
	Bytes        int64    // size of the stored file, holes included; 0 when unknown
	SHA256       string   // lower-case hex over the data of the stored file as its map has it; set by Send
	Delivered    Checksum // of the delivered bytes, in the declared algorithm or else sha256; set by Send
	Sent         int64    // bytes that went to the host; set by Send
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

// Send stores a source as a file on a host and returns when the file is complete, synced and verified there.
//
// The file appears under its path at the very end, replacing one of that name. Whatever interrupts the transfer before that
// leaves dst as it was, and in its work folder either nothing or what the next transfer continues from; a source that
// turns out to be wrong leaves nothing. Gzip, xz, zstd and bzip2 are decompressed, found by their content. A raw or ISO image
// whose size is no multiple of 512 bytes is padded with zeros to the next one, because a loop device would hide the
// incomplete sector.
//
// The host proves what the file holds by a SHA-256 over its data, read back from the file, whatever of it was sent now,
// earlier, or not at all, and has it on its disk before the file gets its name.
func Send(ctx context.Context, to Runner, src Source, dst Target) (Info, error) {
	if err := src.check(); err != nil {
		return Info{}, err
	}
	dst, err := dst.complete()
	if err != nil {
		return Info{}, err
	}
	info, err := sendOnce(ctx, to, src, dst)
	switch exitStatus(err) {
	case exitBusy: // somebody else sends the same content right now
		dst.Work = dst.Path + ".part"
		info, err = sendOnce(ctx, to, src, dst)
	case exitDamaged: // what stood on the host, or in the source, was not what it was taken for; it is gone now, or read again
		src.unknown = true
		dst.Base = nil
		info, err = sendOnce(ctx, to, src, dst)
	}
	var exit *host.ExitError
	var connection *host.ConnectionError
	switch {
	case err == nil:
		return info, nil
	case errors.As(err, &exit), errors.As(err, &connection): // say what was attempted, and where
		return Info{}, err
	default:
		return Info{}, fmt.Errorf("sending %s to %s: %w", src.name(), dst.Path, err)
	}
}

func sendOnce(ctx context.Context, to Runner, src Source, dst Target) (Info, error) {
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
	ready, err := prepare(ctx, to, src, dst, in.need)
	if err != nil {
		return Info{}, err
	}
	s, err := newStream(ctx, in, src, ready.already, ready.tool)
	if err != nil {
		return Info{}, err
	}
	stopReport := report(src.Progress, progressInterval, in, s)
	runErr := receive(ctx, to, src, dst, ready, s)
	interrupted := context.Cause(ctx)
	cancel()
	srcErr := s.wait()
	stopReport()
	switch {
	case runErr == nil && s.sum != nil:
	case runErr != nil && interrupted != nil && !errors.Is(runErr, interrupted):
		return Info{}, fmt.Errorf("%w: %w", interrupted, runErr)
	case srcErr != nil && interrupted == nil: // all that the host saw was a stream cut short
		return Info{}, errors.Join(srcErr, discard(ctx, to, dst))
	case runErr != nil:
		return Info{}, runErr
	default:
		return Info{}, errors.New("the host reported success before it had everything")
	}

	info.Bytes, info.SHA256, info.Delivered, info.Sent = s.sum.size, s.sum.sha256, s.delivered, s.link.total.Load()
	if info.Format == "" || info.Format == FormatRaw || info.Format == FormatISO {
		info.VirtualBytes = info.Bytes
	}
	return info, nil
}

// complete fills in the defaults and checks the paths.
func (t Target) complete() (Target, error) {
	if t.Map == "" {
		t.Map = t.Path + ".map"
	}
	if t.Work == "" {
		t.Work = t.Path + ".part"
	}
	paths := []string{t.Path, t.Map, t.Work}
	if t.Base != nil {
		paths = append(paths, t.Base.Path, t.Base.Map)
	}
	for _, p := range paths {
		if err := checkHostPath(p); err != nil {
			return t, err
		}
	}
	return t, nil
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
