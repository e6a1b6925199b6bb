package transfer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

const (
	// maxGap is how many units of zeros between data count as data, too: reading them takes the host less time than starting
	// another dd.
	maxGap = 8
	// maxExtents bounds the memory for a content that alternates between data and zeros; behind it all zeros count as data.
	maxExtents = 1 << 20
	// maxIndex bounds the memory for the fingerprints: a content with more than 64 GiB of data has none.
	maxIndex = 1 << 20
)

// extent is a run of units that hold data; between extents there are only zeros.
type extent struct{ first, count int64 }

func (e extent) end() int64 { return e.first + e.count }

// contentMap tells where the data of a content is, and by a fingerprint of each of its units what it is. It is stored beside
// the file on the host, as text and behind it the fingerprints as little-endian numbers of 64 bits:
//
//	size 4294967296
//	sha256 9f86d0...
//	0 12
//	40 3
//	index 120
//
// The SHA-256 is that of all data in the extents, in their order. A map whose index is empty serves to verify the file only.
type contentMap struct {
	size    int64
	sha256  string
	extents []extent
	index   []uint64 // of each unit in the extents, in their order; nil when there is none
}

var zeroPrint = fingerprint(zeros[:])

// fingerprint of a unit; a last unit that is not full counts as filled with zeros.
func fingerprint(unit []byte) uint64 { return xxhash.Sum64(unit) }

// mapBuilder gathers the map of a content that is read from its beginning to its end.
type mapBuilder struct {
	contentMap
	unindexed bool
}

// add appends a run of data, and tells how many units of zeros before it count as data, too.
func (b *mapBuilder) add(first, count int64) (filler int64) {
	last := len(b.extents) - 1
	if last >= 0 {
		filler = first - b.extents[last].end()
	}
	if last < 0 || filler > maxGap && len(b.extents) < maxExtents {
		b.extents = append(b.extents, extent{first, count})
		return 0
	}
	b.extents[last].count += filler + count
	return filler
}

func (b *mapBuilder) fingerprint(f uint64) {
	if b.unindexed || len(b.index) == maxIndex {
		b.unindexed, b.index = true, nil
		return
	}
	b.index = append(b.index, f)
}

// text is the part of the map that a shell reads.
func (m *contentMap) text() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "size %d\nsha256 %s\n", m.size, m.sha256)
	for _, e := range m.extents {
		fmt.Fprintf(&out, "%d %d\n", e.first, e.count)
	}
	fmt.Fprintf(&out, "index %d\n", 8*len(m.index))
	return out.Bytes()
}

// encode is the whole map.
func (m *contentMap) encode() []byte {
	out := m.text()
	for _, f := range m.index {
		out = binary.LittleEndian.AppendUint64(out, f)
	}
	return out
}

var errMap = errors.New("the map of a file on the host is damaged")

// parseMap reads a map; one without an index is of no use to a transfer, and so is no error but empty.
func parseMap(r *bufio.Reader) (m contentMap, err error) {
	var units int64
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return contentMap{}, errMap
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		number, err := strconv.ParseInt(value, 10, 64)
		switch {
		case name == "sha256":
			m.sha256 = value
		case err != nil || number < 0:
			return contentMap{}, errMap
		case name == "size":
			m.size = number
		case name == "index" && number != 8*units:
			return contentMap{}, nil
		case name == "index":
			return m, m.readIndex(r, units)
		default:
			first, err := strconv.ParseInt(name, 10, 64)
			switch {
			case err != nil || len(m.extents) > 0 && first < m.extents[len(m.extents)-1].end():
				return contentMap{}, errMap
			case number > maxIndex-units:
				return contentMap{}, nil
			}
			m.extents = append(m.extents, extent{first, number})
			units += number
		}
	}
}

func (m *contentMap) readIndex(r io.Reader, units int64) error {
	raw := make([]byte, 8*units)
	if _, err := io.ReadFull(r, raw); err != nil {
		return errMap
	}
	m.index = make([]uint64, units)
	for i := range m.index {
		m.index[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return nil
}

// cursor looks units of a map up in ascending order.
type cursor struct {
	m      *contentMap
	extent int
	before int64 // units in the extents before the current one
}

// at is the fingerprint of a unit of the map; false when it holds only zeros.
func (c *cursor) at(unit int64) (uint64, bool) {
	for c.extent < len(c.m.extents) && c.m.extents[c.extent].end() <= unit {
		c.before += c.m.extents[c.extent].count
		c.extent++
	}
	if c.extent == len(c.m.extents) || c.m.extents[c.extent].first > unit {
		return 0, false
	}
	f := c.m.index[c.before+unit-c.m.extents[c.extent].first]
	return f, f != zeroPrint
}

// next is the first unit with data in [from, end); end when there is none.
func (c *cursor) next(from, end int64) int64 {
	for from < end {
		if _, data := c.at(from); data {
			return from
		}
		if c.extent == len(c.m.extents) {
			return end
		}
		from = max(from+1, c.m.extents[c.extent].first)
	}
	return end
}

// unitSet is a set of units.
type unitSet []uint64

func (s *unitSet) add(e extent) {
	if need := int((e.end() + 63) / 64); need > len(*s) {
		*s = append(*s, make([]uint64, need-len(*s))...)
	}
	for unit := e.first; unit < e.end(); unit++ {
		(*s)[unit/64] |= 1 << (unit % 64)
	}
}

func (s unitSet) has(unit int64) bool {
	return unit/64 < int64(len(s)) && s[unit/64]&(1<<(unit%64)) != 0
}
