package transfer

import (
	"bytes"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// worthwhile is how much faster a transfer must become before it is compressed: both sides pay for it in processor time.
	worthwhile = 1.2
	// retrial is after how many bytes a compression that was not worthwhile is tried again.
	retrial = 256 << 20
	// fastest is a link (bytes per second) that no compressor keeps up with.
	fastest = 1 << 30
	// window is how much is sent for one measurement of the speed of the link, unless that takes longer than a second.
	window = 8 << 20
	// windows is how many of these are looked at.
	windows = 4
)

// packer compresses frames when that makes the transfer faster, which it finds out as it goes: the link's speed is
// measured by how long writing to it takes, the compressor's by trying. What comes of it is measured, too: where not the link but a
// processor is slow, compression makes the transfer slower.
type packer struct {
	encode  func(data, buf []byte) []byte // nil: the host cannot decompress
	workers float64                       // that may compress at once
	link    *link

	mu     sync.Mutex
	speed  float64 // of one worker, in bytes per second; 0: never tried
	ratio  float64 // packed to plain
	tried  int64   // content sent in all when it was last tried
	passed int64   // content sent in all
	rest   int64   // how much must have been sent before anything is compressed again
	plain  float64 // content per second without compression; 0: not known
	pace   pace
}

// pace measures how fast content goes through, by windows of a second; the first one after a change is left out, as buffers fill up.
type pace struct {
	packed  bool
	settled bool
	began   time.Time
	bytes   int64
}

// treatment is what is done with the data of a block.
type treatment int

const (
	plainly treatment = iota
	trial             // compressed to see what comes of it
	packed
)

// newPacker uses the tool that the host has: "zstd", "gzip", or none.
func newPacker(tool string, l *link) *packer {
	p := &packer{link: l, workers: float64(max(1, min(4, runtime.GOMAXPROCS(0)-1)))}
	switch tool {
	case "zstd":
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(int(p.workers)),
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err == nil {
			p.encode = e.EncodeAll
		}
	case "gzip":
		p.encode = encodeGzip
	}
	return p
}

func encodeGzip(data, buf []byte) []byte {
	out := bytes.NewBuffer(buf)
	w, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err == nil {
		_, _ = w.Write(data) // a buffer takes everything
		_ = w.Close()
	}
	return out.Bytes()
}

// treatment decides what is done with the next data.
func (p *packer) treatment() treatment {
	rate := p.link.rate()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.encode == nil || rate == 0 || rate > fastest || p.passed < p.rest:
		return plainly
	case p.speed == 0 || p.passed-p.tried > retrial:
		p.tried = p.passed
		return trial
	case p.plain > 0 && min(p.speed*p.workers, rate/p.ratio) > worthwhile*rate:
		return packed
	}
	return plainly
}

// sent notes that so much content has gone through, and gives compression up for a while when it does not help.
func (p *packer) sent(bytes int64, how treatment, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed += bytes
	if how == trial {
		return
	}
	if p.pace.began.IsZero() || p.pace.packed != (how == packed) {
		p.pace = pace{packed: how == packed, began: now}
		return
	}
	p.pace.bytes += bytes
	took := now.Sub(p.pace.began)
	if took < time.Second {
		return
	}
	rate := float64(p.pace.bytes) / took.Seconds()
	switch {
	case !p.pace.settled:
	case how == plainly:
		p.plain = rate
	case rate < worthwhile*p.plain:
		p.rest = p.passed + retrial
	}
	p.pace.settled, p.pace.bytes, p.pace.began = true, 0, now
}

// pack compresses one run of data, and learns from it; false when it did not shrink by a tenth.
func (p *packer) pack(data []byte) ([]byte, bool) {
	began := time.Now()
	packed := p.encode(data, make([]byte, 0, len(data)/2))
	took := max(time.Since(began), time.Microsecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = float64(len(data)) / took.Seconds()
	p.ratio = float64(len(packed)) / float64(len(data))
	return packed, p.ratio < 0.9
}

// link knows how fast the other side takes what is sent.
type link struct {
	total atomic.Int64 // bytes that were taken

	mu     sync.Mutex
	bytes  int64 // of the current window
	busy   time.Duration
	speeds []float64 // bytes per second in the last whole windows
}

// sent notes that some bytes took a while to be taken.
func (l *link) sent(bytes int64, took time.Duration) {
	l.total.Add(bytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += bytes
	l.busy += took
	if l.bytes < window && l.busy < time.Second {
		return
	}
	l.speeds = append(l.speeds, float64(l.bytes)/max(l.busy, time.Microsecond).Seconds())
	l.speeds = l.speeds[max(0, len(l.speeds)-windows):]
	l.bytes, l.busy = 0, 0
}

// rate is that of the best of the last windows: what held up the others was not the link but a disk or a processor, which
// compression does not relieve. It is 0 while there are not enough of them.
func (l *link) rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.speeds) < windows {
		return 0
	}
	return slices.Max(l.speeds)
}
