package transfer

import (
	"context"
	"crypto/sha256"
	"hash"
)

// digests are taken of a content while it passes. The host can only prove what it was sent, so next to the digest of
// all bytes there is one of the data sent; it costs nothing while both are the same.
type digests struct {
	algorithm string    // of delivered
	delivered hash.Hash // over the delivered bytes
	stored    hash.Hash // over the whole content
	extents   hash.Hash // over the data sent; stored itself until something was skipped
	whole     []hash.Hash
	lastSent  bool
}

// newDigests takes the digest of the delivered bytes from unpacked when they are not the content itself.
func newDigests(algorithm string, unpacked hash.Hash) (*digests, error) {
	d := &digests{algorithm: algorithm, delivered: unpacked, stored: sha256.New()}
	d.extents, d.whole = d.stored, []hash.Hash{d.stored}
	switch {
	case unpacked != nil:
	case algorithm == "sha256":
		d.delivered = d.stored
	default:
		var err error
		if d.delivered, err = newHash(algorithm); err != nil {
			return nil, err
		}
		d.whole = append(d.whole, d.delivered)
	}
	return d, nil
}

func (d *digests) sent(p []byte) {
	d.write(p)
	if d.extents != d.stored {
		_, _ = d.extents.Write(p)
	}
	d.lastSent = true
}

func (d *digests) skipped(p []byte) {
	if d.extents == d.stored {
		d.extents = clone(d.stored)
	}
	d.write(p)
	d.lastSent = false
}

func (d *digests) write(p []byte) {
	for _, h := range d.whole {
		_, _ = h.Write(p)
	}
}

// hole is skipped for n zeros; a long one takes seconds.
func (d *digests) hole(ctx context.Context, n int64) error {
	for ; n > 0; n -= unit {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.skipped(zeros[:min(n, unit)])
	}
	return nil
}

// deliveredSum is final only before pad.
func (d *digests) deliveredSum() Checksum { return Checksum{d.algorithm, sumHex(d.delivered)} }

// pad adds the zeros behind the content, which lie in the unit of its last byte: on the host that unit is data or hole.
func (d *digests) pad(p []byte) {
	if d.lastSent {
		d.sent(p)
	} else if len(p) > 0 {
		d.skipped(p)
	}
}

// clone copies the state of a digest; those of crypto/sha256 can always.
func clone(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone() //nolint:forcetypeassert // documented since Go 1.25.
	if err != nil {
		panic(err)
	}
	return c
}
