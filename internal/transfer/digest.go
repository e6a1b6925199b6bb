package transfer

import (
	"crypto/sha256"
	"hash"
)

// contentDigest takes the map of a content while it passes: where data is, its fingerprints, and the SHA-256 of all of it.
type contentDigest struct {
	mapBuilder
	data  hash.Hash
	known string // what the SHA-256 will be; "" when it has to be taken
}

func newContentDigest(known string) *contentDigest {
	return &contentDigest{data: sha256.New(), known: known}
}

// add takes one unit with data in it; the last one of a content may be short. It tells what was digested: the unit and zeros before it.
func (d *contentDigest) add(first int64, p []byte, fingerprint uint64) extent {
	filler := d.mapBuilder.add(first, 1)
	for range filler {
		d.fingerprint(zeroPrint)
	}
	d.fingerprint(fingerprint)
	if d.known == "" {
		writeZeros(d.data, filler*unit)
		_, _ = d.data.Write(p)
	}
	return extent{first - filler, filler + 1}
}

func (d *contentDigest) finish(size int64) *contentMap {
	d.size, d.sha256 = size, d.known
	if d.known == "" {
		d.sha256 = sumHex(d.data)
	}
	return &d.contentMap
}

// fileDigest takes two digests of a file at once: that of all its bytes, and that of the data in it as a contentDigest has it. They are
// one until the first zeros that are no data.
type fileDigest struct {
	mapBuilder
	whole hash.Hash
	data  hash.Hash // nil while it is the same as whole
	zeros int64     // bytes that passed since the last data
}

// add takes the bytes of the unit with that number; the last one of a file may be short.
func (d *fileDigest) add(number int64, p []byte) {
	if isZero(p) {
		d.zeros += int64(len(p))
		return
	}
	filler := d.mapBuilder.add(number, 1) * unit
	if d.zeros != filler {
		d.part()
	}
	if d.data != nil {
		writeZeros(d.data, filler)
		_, _ = d.data.Write(p)
	}
	writeZeros(d.whole, d.zeros)
	_, _ = d.whole.Write(p)
	d.zeros = 0
}

// part makes two digests of the one.
func (d *fileDigest) part() {
	if cloner, ok := d.whole.(hash.Cloner); ok && d.data == nil {
		d.data, _ = cloner.Clone() // that of SHA-256 does not fail
	}
}

// sums ends the digests.
func (d *fileDigest) sums() (whole, data string) {
	if d.zeros > 0 {
		d.part()
		writeZeros(d.whole, d.zeros)
	}
	whole = sumHex(d.whole)
	if d.data == nil {
		return whole, whole
	}
	return whole, sumHex(d.data)
}

func writeZeros(h hash.Hash, count int64) {
	for ; count > 0; count -= unit {
		_, _ = h.Write(zeros[:min(count, unit)])
	}
}
