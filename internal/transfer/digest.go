package transfer

import (
	"crypto/sha256"
	"hash"
)

// contentDigest takes the map of a content while it passes: where data is, its fingerprints, and the SHA-256 of all of it.
type contentDigest struct {
	mapBuilder
	data hash.Hash
}

func newContentDigest() *contentDigest { return &contentDigest{data: sha256.New()} }

// add takes one unit with data in it; the last one of a content may be short. It tells what was digested: the unit and zeros before it.
func (d *contentDigest) add(first int64, p []byte, fingerprint uint64) extent {
	filler := d.mapBuilder.add(first, 1)
	for range filler {
		_, _ = d.data.Write(zeros[:])
		d.fingerprint(zeroPrint)
	}
	_, _ = d.data.Write(p)
	d.fingerprint(fingerprint)
	return extent{first - filler, filler + 1}
}

func (d *contentDigest) finish(size int64) *contentMap {
	d.size, d.sha256 = size, sumHex(d.data)
	return &d.contentMap
}
