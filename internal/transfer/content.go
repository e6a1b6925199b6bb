package transfer

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

const (
	unit    = 64 << 10 // granularity of extents; the host's dd counts in it
	sector  = 512      // what Xen maps as they are consists of these
	maxHole = 1 << 30  // longer holes come in pieces, so that progress and cancellation are seen
)

var errChanged = errors.New("the file changed while it was read")

// fileContent reads a plain local file and skips its holes without reading them.
type fileContent struct {
	f       *os.File
	size    int64
	mtime   time.Time
	taken   *atomic.Int64
	off     int64
	dataEnd int64 // where the data around off ends, rounded up to a unit
}

func (c *fileContent) next(buf []byte) (n int, hole int64, err error) {
	defer func() { c.off += int64(n) + hole; c.taken.Store(c.off) }()
	if c.off == c.size {
		return 0, 0, c.end()
	}
	if c.off >= c.dataEnd {
		start, end, err := nextData(c.f, c.off, c.size)
		if err != nil {
			return 0, 0, err
		}
		if start &^= unit - 1; start > c.off {
			return 0, min(start-c.off, maxHole), nil
		}
		c.dataEnd = min((end+unit-1)&^(unit-1), c.size)
	}
	n, err = c.f.ReadAt(buf[:min(int64(len(buf)), c.dataEnd-c.off)], c.off)
	if errors.Is(err, io.EOF) {
		err = errChanged
	}
	return n, 0, bare(err)
}

// end is io.EOF when the file is still the one that was opened: a disk in use by a guest would arrive torn.
func (c *fileContent) end() error {
	st, err := c.f.Stat()
	if err != nil {
		return bare(err)
	}
	if st.Size() != c.size || !st.ModTime().Equal(c.mtime) {
		return errChanged
	}
	return io.EOF
}

// dataBytes is how much of a file is no hole.
func dataBytes(f *os.File, size int64) (total int64, err error) {
	for off := int64(0); off < size; {
		start, end, err := nextData(f, off, size)
		if err != nil {
			return 0, err
		}
		total += end - start
		off = end
	}
	return total, nil
}

// streamContent reads what comes in order, and at its end drains the delivered bytes behind it, which belong to
// the checksum.
type streamContent struct {
	r    *bufio.Reader
	tail io.Reader
}

func (c *streamContent) next(buf []byte) (n int, hole int64, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = c.r.Read(buf[n:])
		n += m
	}
	if !errors.Is(err, io.EOF) {
		return n, 0, err
	}
	if n > 0 {
		return n, 0, nil
	}
	if _, err := io.Copy(io.Discard, c.tail); err != nil {
		return 0, 0, err
	}
	return 0, 0, io.EOF
}
