package transfer

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync/atomic"
)

// content is a file as a sequence of data and holes. Pieces begin at multiples of unit.
type content interface {
	// next fills buf, whose length is a multiple of unit, or reports a hole; io.EOF ends the content.
	next(buf []byte) (n int, hole int64, err error)
}

// input is an open source.
type input struct {
	content
	head     []byte       // first bytes of the content
	tail     []byte       // last bytes of the content, where they can be known beforehand
	size     int64        // of the content; -1 unknown
	length   int64        // of the delivered bytes; -1 unknown
	need     int64        // bytes that the host will have to find room for, as far as known
	taken    atomic.Int64 // delivered bytes read so far
	unpacked hash.Hash    // over the delivered bytes when they differ from the content; else nil
	known    *Checksum    // of the delivered bytes, when they need not be read for it
	data     string       // SHA-256 of the data in the content, when it need not be taken
	verbatim bool
	limit    int64  // of the content
	format   string // once identified
	closers  []func()
}

// Close frees what the source holds; errors of a file that was only read tell nothing.
func (in *input) Close() {
	for i := len(in.closers) - 1; i >= 0; i-- {
		in.closers[i]()
	}
}

func (src Source) check() error {
	if (src.Path == "") == (src.URL == "") {
		return errors.New("a source needs either a path or a URL")
	}
	if src.Checksum != nil {
		if _, err := newHash(src.Checksum.Algorithm); err != nil {
			return err
		}
	}
	if src.URL != "" {
		return checkURL(src.URL)
	}
	return nil
}

// name is how errors and logs call the source; it never holds credentials.
func (src Source) name() string {
	if src.URL != "" {
		return MaskURLs(src.URL)
	}
	return src.Path
}

// open opens a source and reads its head; the context bounds all reading of a URL.
func open(ctx context.Context, src Source) (*input, error) {
	in := &input{size: -1, verbatim: src.Verbatim, limit: cmp.Or(src.Limit, maxVirtualBytes)}
	openIt := in.openPath
	if src.URL != "" {
		openIt = in.openURL
	}
	err := openIt(ctx, src)
	if err != nil {
		in.Close()
	}
	return in, err
}

func (in *input) openURL(ctx context.Context, src Source) error {
	body, length, err := get(ctx, src.URL)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = body.Close() })
	in.length, in.need = length, max(length, 0)
	return in.openStream(body, src)
}

func (in *input) openPath(_ context.Context, src Source) error {
	f, st, err := openFile(src.Path)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = f.Close() })
	size := st.Size()
	in.length, in.need = size, size
	head := make([]byte, min(size, headSize))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return bare(err)
	}
	if !src.Verbatim && compression(head) != "" {
		return in.openStream(f, src)
	}
	in.head, in.size = head, size
	if in.tail = make([]byte, min(size, tailSize)); size > 0 {
		if _, err := f.ReadAt(in.tail, size-int64(len(in.tail))); err != nil && !errors.Is(err, io.EOF) {
			return bare(err)
		}
	}
	in.content = &fileContent{f: f, size: size, mtime: st.ModTime(), taken: &in.taken}
	if src.unknown {
		forget(src.Path)
	} else if known := recall(src.Path, st); known != nil {
		if src.algorithm() == "sha256" {
			sum := known.checksum()
			in.known = &sum
		}
		if src.Verbatim || size%sector == 0 { // what is padded has another digest
			in.data = known.Data
		}
	}
	in.need, err = dataBytes(f, size)
	return err
}

// openFile opens a regular file; a pipe or a device has no size that could be promised.
func openFile(path string) (*os.File, os.FileInfo, error) {
	if st, err := os.Stat(path); err != nil {
		return nil, nil, bare(err)
	} else if !st.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a regular file") // before open, which waits for a pipe's writer
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, bare(err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(bare(err), f.Close())
	}
	return f, st, nil
}

// bare strips the path from an error that will be wrapped with it.
func bare(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// openStream reads a source that can only be read in order: a URL's body, or anything compressed.
func (in *input) openStream(r io.Reader, src Source) error {
	d := &delivery{r: r, in: in}
	packed := bufio.NewReaderSize(d, 256<<10)
	magic, err := packed.Peek(magicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	stream := &streamContent{r: packed, tail: packed}
	if name := compression(magic); src.Verbatim || name == "" {
		in.size = in.length
	} else {
		if in.unpacked, err = newHash(src.algorithm()); err != nil {
			return err
		}
		stream.tail = io.TeeReader(packed, in.unpacked)
		unpacked, closeFn, err := decompress(name, bufio.NewReaderSize(stream.tail, 256<<10))
		if err != nil {
			return err
		}
		in.closers = append(in.closers, closeFn)
		stream.r = bufio.NewReaderSize(unpacked, 256<<10)
	}
	in.content = stream
	in.head, err = stream.r.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// algorithm is the one of the declared checksum, or sha256.
func (src Source) algorithm() string {
	if src.Checksum != nil {
		return src.Checksum.Algorithm
	}
	return "sha256"
}

// identify fills in what head and tail tell.
func (in *input) identify() (Info, error) {
	if in.verbatim {
		return Info{Bytes: max(in.size, 0)}, nil
	}
	format, virtual, err := identifyWhole(in.head, in.tail)
	if err != nil {
		return Info{}, err
	}
	in.format = format
	info := Info{Format: format, VirtualBytes: virtual, Bytes: max(in.size, 0)}
	if format == FormatRaw || format == FormatISO {
		info.Bytes += in.padding(info.Bytes)
		info.VirtualBytes = info.Bytes
	}
	return info, nil
}

// padding is what a content of a size lacks to whole sectors; only bytes that Xen maps as they are need it.
func (in *input) padding(size int64) int64 {
	if in.format == FormatRaw || in.format == FormatISO {
		return -size & (sector - 1)
	}
	return 0
}

// delivery counts what is delivered, and knows when that is less than was promised.
type delivery struct {
	r  io.Reader
	in *input
}

func (d *delivery) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	taken := d.in.taken.Add(int64(n))
	switch {
	case errors.Is(err, io.EOF) && taken < d.in.length:
		err = fmt.Errorf("the source ended after %d of %d bytes", taken, d.in.length)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the source was cut off after %d bytes", taken)
	}
	return n, err
}
