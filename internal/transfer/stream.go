package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

const (
	blockSize = 4 << 20 // the most that one dd on the host takes
	blocks    = 4       // buffers handed round between reading, digesting and sending
)

var zeros [unit]byte

// stream is what receive.sh reads: lines "OFFSET COUNT" in units, each followed by COUNT units of data, and
// "end SIZE SHA256-OF-THE-DATA" when, and only when, everything was read without an error and agrees with the checksum.
// Reading, digesting and sending run at once, and Read ends early when one of the first two fails.
type stream struct {
	in      *input
	digests *digests
	pad     func(size int64) int64
	want    *Checksum

	free  chan []byte
	read  chan block
	out   chan shipment
	group *errgroup.Group
	ctx   context.Context // of the two goroutines, which end with it

	current shipment // being sent
	sum     *summary // set before the end line is sent
}

// block is a buffer with n bytes of content, or a hole, or the end.
type block struct {
	buf  []byte
	n    int
	hole int64
	end  bool
}

// shipment is what to send in order, and the buffer that is free afterwards.
type shipment struct {
	parts [][]byte
	buf   []byte
}

// summary is what is known of a content at its end.
type summary struct {
	bytes     int64
	sha256    string
	delivered Checksum
}

func newStream(ctx context.Context, in *input, src Source, format string) (*stream, error) {
	d, err := newDigests(src.algorithm(), in.unpacked)
	if err != nil {
		return nil, err
	}
	s := &stream{
		in: in, digests: d, want: src.Checksum,
		pad:  func(size int64) int64 { return padding(size, format) },
		free: make(chan []byte, blocks), read: make(chan block, blocks), out: make(chan shipment, blocks+1),
	}
	for range blocks {
		s.free <- nil // a buffer is made when it is first needed
	}
	s.group, s.ctx = errgroup.WithContext(ctx)
	s.group.Go(s.readBlocks)
	s.group.Go(s.cutBlocks)
	return s, nil
}

// wait returns when the source is no longer used; the error is the source's own, not that of a cancelled context.
func (s *stream) wait() error {
	err := s.group.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (s *stream) readBlocks() error {
	defer close(s.read)
	for {
		b := block{}
		select {
		case b.buf = <-s.free:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
		if b.buf == nil {
			b.buf = make([]byte, blockSize)
		}
		var err error
		b.n, b.hole, err = s.in.next(b.buf)
		b.end = errors.Is(err, io.EOF)
		if err != nil && !b.end {
			return err
		}
		s.read <- b // never blocks: there are no more buffers than places
		if b.end {
			return nil
		}
	}
}

func (s *stream) cutBlocks() error {
	defer close(s.out)
	var size int64
	for b := range s.read {
		if b.end {
			return s.finish(size)
		}
		parts := s.cut(size, b)
		if err := s.digests.hole(s.ctx, b.hole); err != nil {
			return err
		}
		size += int64(b.n) + b.hole
		s.out <- shipment{parts, b.buf} // never blocks, as above
	}
	return nil // the reader failed and says why
}

// cut digests a block that begins at off and returns what of it is sent: the units that hold more than zeros.
func (s *stream) cut(off int64, b block) (parts [][]byte) {
	for start, n := 0, 0; start < b.n; start += n {
		zero := isZero(b.buf[start:min(start+unit, b.n)])
		n = unit
		for start+n < b.n && isZero(b.buf[start+n:min(start+n+unit, b.n)]) == zero {
			n += unit
		}
		run := b.buf[start:min(start+n, b.n)]
		if zero {
			s.digests.skipped(run)
			continue
		}
		s.digests.sent(run)
		clear(b.buf[start+len(run) : start+n]) // the last unit of the content travels whole; the host truncates
		parts = append(parts, fmt.Appendf(nil, "%d %d\n", (off+int64(start))/unit, n/unit), b.buf[start:start+n])
	}
	return parts
}

func isZero(p []byte) bool { return bytes.Equal(p, zeros[:len(p)]) }

// finish checks the checksum and ships the end line.
func (s *stream) finish(size int64) error {
	delivered := s.digests.deliveredSum()
	if s.want != nil && delivered.Hex != s.want.Hex {
		return fmt.Errorf("wrong checksum: expected %s, got %s", s.want, delivered)
	}
	pad := s.pad(size)
	s.digests.pad(zeros[:pad])
	s.sum = &summary{bytes: size + pad, sha256: sumHex(s.digests.stored), delivered: delivered}
	s.out <- shipment{parts: [][]byte{fmt.Appendf(nil, "end %d %s\n", s.sum.bytes, sumHex(s.digests.extents))}}
	return nil
}

// Read implements io.Reader. It fills p from one shipment as far as that goes, so that a line and its data travel
// together.
func (s *stream) Read(p []byte) (n int, err error) {
	for len(s.current.parts) == 0 {
		if s.current.buf != nil {
			s.free <- s.current.buf
		}
		var ok bool
		if s.current, ok = <-s.out; !ok {
			return 0, io.EOF
		}
	}
	for len(s.current.parts) > 0 && n < len(p) {
		part := s.current.parts[0]
		m := copy(p[n:], part)
		if n += m; m == len(part) {
			s.current.parts = s.current.parts[1:]
		} else {
			s.current.parts[0] = part[m:]
		}
	}
	return n, nil
}
