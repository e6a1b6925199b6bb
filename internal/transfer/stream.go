package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	blockSize = 2 << 20 // the most that one dd on the host takes
	blocks    = 6       // buffers handed round between reading, digesting, packing and sending
)

var zeros [unit]byte

// stream is what receive.sh reads: frames, each a line and what belongs to it, offsets and counts in units.
//
//	d FIRST COUNT          and COUNT units of data
//	z FIRST COUNT LENGTH   and LENGTH bytes that decompress to COUNT units of data
//	h FIRST COUNT          zeros where the base has data
//	c FIRST COUNT          COUNT units of the map's extents are complete, so that they can be digested already
//	end LINES BYTES        and the map, whose text has that many lines and whose index that many bytes
//
// The end comes when, and only when, everything was read without an error and agrees with the checksum. Reading, digesting,
// packing and sending run at once, and Read ends early when one of the first two fails.
type stream struct {
	in        *input
	algorithm string // of the checksum of the delivered bytes
	want      *Checksum
	already   already
	content   *contentDigest
	packer    *packer
	link      link

	free  chan []byte
	cut   chan *block
	whole bool        // the source was read to its end; set before cut is closed
	hash  chan *block // nil when the checksum needs no reading
	out   chan *shipment
	group *errgroup.Group
	ctx   context.Context // of the goroutines, which end with it

	delivered Checksum // once hash is drained
	hashed    chan struct{}
	packs     chan struct{} // one for each worker that may pack at once

	current   *shipment   // being sent
	handedOut time.Time   // when Read last returned something
	handed    int64       // and how much
	sum       *contentMap // set before the end is sent
}

// already is what needs no sending.
type already struct {
	room int64      // bytes that are free on the host; 0: not known
	sent unitSet    // was sent by an interrupted transfer
	base contentMap // of the file that the new one starts from
}

// block is a buffer with n bytes of the content at an offset, or a hole; pad zeros follow that belong to the file.
type block struct {
	off   int64
	buf   []byte
	n     int
	hole  int64
	pad   int
	users atomic.Int32
}

// frame is a run of units.
type frame struct {
	kind         byte
	first, count int64
	data         []byte
}

// shipment is the frames of one block, to be sent in order when they are ready.
type shipment struct {
	frames []frame
	how    treatment
	tail   []byte // sent behind the frames
	ready  chan struct{}
	free   func() // when all was sent
	parts  [][]byte
}

func newStream(ctx context.Context, in *input, src Source, have already, tool string) (*stream, error) {
	s := &stream{
		in: in, algorithm: src.algorithm(), want: src.Checksum, already: have, content: newContentDigest(in.data),
		free: make(chan []byte, blocks), cut: make(chan *block, blocks), out: make(chan *shipment, blocks+1), hashed: make(chan struct{}),
	}
	s.packer = newPacker(tool, &s.link)
	s.packs = make(chan struct{}, int(s.packer.workers))
	for range blocks {
		s.free <- nil // a buffer is made when it is first needed
	}
	s.group, s.ctx = errgroup.WithContext(ctx)
	if in.known != nil {
		s.delivered = *in.known
	}
	if in.known == nil && in.unpacked == nil {
		s.hash = make(chan *block, blocks)
		h, err := newHash(s.algorithm)
		if err != nil {
			return nil, err
		}
		s.group.Go(func() error { return s.hashBlocks(h) })
	}
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
	defer close(s.cut)
	if s.hash != nil {
		defer close(s.hash)
	}
	for off := int64(0); ; {
		b := &block{off: off}
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
		if errors.Is(err, io.EOF) {
			s.whole = true
			return nil
		} else if err != nil {
			return err
		}
		off += int64(b.n) + b.hole
		if off > s.in.limit {
			return tooLarge(s.in.limit)
		}
		b.pad = int(s.in.padding(off)) // only behind the last block
		b.users.Store(1)
		if s.hash != nil {
			b.users.Store(2)
			s.hash <- b // never blocks: there are no more buffers than places
		}
		s.cut <- b
	}
}

// release gives the buffer of a block back after its last use.
func (s *stream) release(b *block) {
	if b.users.Add(-1) == 0 {
		s.free <- b.buf
	}
}

// hashBlocks takes the checksum of delivered bytes that are the content itself.
func (s *stream) hashBlocks(h hash.Hash) error {
	for b := range s.hash {
		_, _ = h.Write(b.buf[:b.n])
		for left := b.hole; left > 0; left -= unit {
			if s.ctx.Err() != nil {
				return s.ctx.Err()
			}
			_, _ = h.Write(zeros[:min(left, unit)])
		}
		s.release(b)
	}
	s.delivered = Checksum{s.algorithm, sumHex(h)}
	close(s.hashed)
	return nil
}

func (s *stream) cutBlocks() error {
	defer close(s.out)
	base, size, taken := cursor{m: &s.already.base}, int64(0), int64(0)
	for b := range s.cut {
		shipment := &shipment{ready: make(chan struct{}), free: func() { s.release(b) }}
		if b.hole > 0 {
			shipment.frames = s.wipe(&base, b.off/unit, (b.off+b.hole)/unit)
		} else {
			shipment.frames = s.frames(&base, b)
		}
		if taken += shipment.data(); s.already.room > 0 && taken > s.already.room {
			return fmt.Errorf("the content takes more than the %d MiB that are free on the host", s.already.room>>20)
		}
		size = b.off + int64(b.n) + b.hole + int64(b.pad)
		select {
		case s.out <- shipment:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
		s.pack(shipment)
	}
	// A reader that failed closes the channel before its error cancels the context, so only its own word counts.
	if !s.whole {
		return nil
	}
	return s.finish(size)
}

// wipe makes zeros of the units in [first, end) that have data in the base.
func (s *stream) wipe(base *cursor, first, end int64) (frames []frame) {
	for unit := base.next(first, end); unit < end; unit = base.next(unit+1, end) {
		if !s.already.sent.has(unit) {
			frames = appendUnits(frames, frame{'h', unit, 1, nil})
		}
	}
	return frames
}

// frames digests a block with data and returns what of it is sent: units that hold more than zeros and are not on the host already.
func (s *stream) frames(base *cursor, b *block) (frames []frame) {
	n := b.n + b.pad
	clear(b.buf[b.n:min(len(b.buf), (n+unit-1)&^(unit-1))]) // the last unit travels whole; the host truncates
	var complete []frame
	for at := 0; at < n; at += unit {
		piece, number := b.buf[at:at+unit], (b.off+int64(at))/unit
		before, inBase := base.at(number)
		f := frame{'d', number, 1, piece}
		if isZero(piece) {
			if !inBase {
				continue
			}
			f = frame{'h', number, 1, nil}
		} else {
			mine := fingerprint(piece)
			digested := s.content.add(number, piece[:min(unit, n-at)], mine)
			complete = appendUnits(complete, frame{'c', digested.first, digested.count, nil})
			if inBase && before == mine {
				continue
			}
		}
		if !s.already.sent.has(number) {
			frames = appendUnits(frames, f)
		}
	}
	return append(frames, complete...)
}

// appendUnits adds a frame, which may become part of the one before it.
func appendUnits(frames []frame, f frame) []frame {
	if len(frames) > 0 {
		last := &frames[len(frames)-1]
		if last.kind == f.kind && last.first+last.count == f.first {
			last.count += f.count
			last.data = last.data[:len(last.data)+len(f.data)]
			return frames
		}
	}
	return append(frames, f)
}

func isZero(p []byte) bool { return bytes.Equal(p, zeros[:len(p)]) }

// pack compresses the frames of a shipment while others are read and sent, if that is worth while.
func (s *stream) pack(shipment *shipment) {
	if shipment.content() > 0 {
		shipment.how = s.packer.treatment()
	}
	if shipment.how == plainly {
		close(shipment.ready)
		return
	}
	s.packs <- struct{}{}
	go func() {
		defer func() { <-s.packs; close(shipment.ready) }()
		for i, f := range shipment.frames {
			if f.kind != 'd' {
				continue
			}
			if packed, smaller := s.packer.pack(f.data); smaller {
				shipment.frames[i].kind, shipment.frames[i].data = 'z', packed
			}
		}
	}()
}

// finish checks the checksum and ships the end.
func (s *stream) finish(size int64) error {
	if err := s.checkDelivered(); err != nil {
		return err
	}
	m := s.content.finish(size)
	end := &shipment{ready: make(chan struct{}), free: func() {}}
	end.tail = append(fmt.Appendf(nil, "end %d %d\n", len(m.extents)+3, 8*len(m.index)), m.encode()...)
	close(end.ready)
	s.sum = m
	s.out <- end // never blocks: there is one more place than buffers
	return nil
}

func (s *stream) checkDelivered() error {
	switch {
	case s.in.unpacked != nil:
		s.delivered = Checksum{s.algorithm, sumHex(s.in.unpacked)}
	case s.hash != nil:
		select {
		case <-s.hashed:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	if s.want != nil && s.delivered.Hex != s.want.Hex {
		return fmt.Errorf("wrong checksum: expected %s, got %s", s.want, s.delivered)
	}
	return nil
}

// Read implements io.Reader. The time until the next call is what sending took.
func (s *stream) Read(p []byte) (n int, err error) {
	if s.handed > 0 {
		s.link.sent(s.handed, time.Since(s.handedOut))
		s.handed = 0
	}
	for s.current == nil || len(s.current.parts) == 0 {
		if s.current != nil {
			s.packer.sent(s.current.content(), s.current.how, time.Now())
			s.current.free()
		}
		var ok bool
		if s.current, ok = <-s.out; !ok {
			s.current = &shipment{free: func() {}}
			return 0, io.EOF
		}
		<-s.current.ready
		s.current.lay()
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
	s.handed, s.handedOut = int64(n), time.Now()
	return n, nil
}

// content is how many bytes the frames stand for.
func (s *shipment) content() (bytes int64) {
	for _, f := range s.frames {
		if f.kind != 'c' {
			bytes += f.count * unit
		}
	}
	return bytes
}

// data is how many bytes on the host the frames take at most.
func (s *shipment) data() (bytes int64) {
	for _, f := range s.frames {
		if f.kind == 'd' {
			bytes += f.count * unit
		}
	}
	return bytes
}

// tooLarge says that a content has more bytes than it may.
func tooLarge(limit int64) error {
	return fmt.Errorf("the content has more than the %d MiB that it may have; a larger size lets it have more", limit>>20)
}

// lay puts the lines and data of a shipment in a row.
func (s *shipment) lay() {
	for _, f := range s.frames {
		line := fmt.Appendf(nil, "%c %d %d", f.kind, f.first, f.count)
		if f.kind == 'z' {
			line = fmt.Appendf(line, " %d", len(f.data))
		}
		s.parts = append(s.parts, append(line, '\n'))
		if len(f.data) > 0 {
			s.parts = append(s.parts, f.data)
		}
	}
	if len(s.tail) > 0 {
		s.parts = append(s.parts, s.tail)
	}
}
