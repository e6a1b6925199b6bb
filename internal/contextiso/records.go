package contextiso

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"
)

// systemSectors at the start of every ISO stay empty, ECMA-119 6.2.1.
const systemSectors = 16

// Every time on the image is 2000-01-01 00:00:00 UTC, so that equal contents are equal bytes.
var recordTime = [7]byte{100, 1, 1}

const (
	volumeTime   = "2000010100000000\x00"
	neverExpires = "0000000000000000\x00"
)

// tree is one of the two hierarchies of folders; both lead to the same files.
type tree struct {
	dir    func(*node) *extent
	name   func(*node) []byte
	order  func(a, b *node) int
	extras func(n *node, self, root bool) []byte // Rock Ridge, in the primary tree only
	letter func(string) []byte                   // of text in the volume descriptor
}

var (
	primary = tree{
		dir:    func(n *node) *extent { return &n.plainDir },
		name:   func(n *node) []byte { return []byte(n.plain) },
		order:  func(a, b *node) int { return cmp.Compare(plainOrder(a.plain), plainOrder(b.plain)) },
		extras: rockRidge,
		letter: func(s string) []byte { return []byte(s) },
	}
	joliet = tree{
		dir:    func(n *node) *extent { return &n.longDir },
		name:   func(n *node) []byte { return ucs2(n.name) },
		order:  func(a, b *node) int { return slices.Compare(ucs2(a.name), ucs2(b.name)) },
		extras: func(*node, bool, bool) []byte { return nil },
		letter: ucs2,
	}
)

// ucs2 is Joliet's text: two bytes a letter, big end first.
func ucs2(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}

// both32 and both16 are numbers in both byte orders, ECMA-119 7.3.3 and 7.2.3.
func both32(b []byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, n), n)
}

func both16(b []byte, n uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, n), n)
}

// record is a directory record, ECMA-119 9.1.
func record(name []byte, at extent, isDir bool, extras []byte) []byte {
	b := both32([]byte{0, 0}, at.start)
	b = both32(b, at.bytes)
	b = append(b, recordTime[:]...)
	flags := byte(0)
	if isDir {
		flags = 2
	}
	b = append(b, flags, 0, 0)
	b = both16(b, 1) // volume 1 of the set
	b = append(b, byte(len(name)))
	b = append(b, name...)
	if len(name)%2 == 0 {
		b = append(b, 0)
	}
	b = append(b, extras...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	b[0] = byte(len(b))
	return b
}

// records are the contents of a folder: itself, its parent, its children. No record crosses the
// end of a sector, and the last sector is filled up.
func (t tree) records(folder *node) []byte {
	all := record([]byte{0}, *t.dir(folder), true, t.extras(folder, true, folder.parent == folder))
	all = append(all, record([]byte{1}, *t.dir(folder.parent), true, t.extras(folder.parent, true, false))...)
	for _, c := range slices.SortedFunc(slices.Values(folder.children), t.order) {
		at := extent{c.extent, uint32(c.size)}
		if c.isDir() {
			at = *t.dir(c)
		}
		r := record(t.name(c), at, c.isDir(), t.extras(c, false, false))
		if len(all)%sectorSize+len(r) > sectorSize {
			all = fill(all)
		}
		all = append(all, r...)
	}
	return fill(all)
}

// fill adds zeros up to the end of a sector.
func fill(b []byte) []byte {
	return append(b, make([]byte, -len(b)&(sectorSize-1))...)
}

// rockRidge are the system use entries of a record: its mode and, unless it is "." or "..", its
// name. The first record of all announces the extension. SUSP 1.12, RRIP 1.10.
func rockRidge(n *node, self, root bool) []byte {
	var b []byte
	if root {
		b = append(b, "SP\x07\x01\xbe\xef\x00"...)
	}
	const regular, directory = 0o100000, 0o040000
	mode, links := uint32(regular), uint32(1)
	if n.isDir() {
		mode, links = directory, 2
	}
	b = append(b, "PX\x24\x01"...)
	b = both32(b, mode|uint32(n.mode.Perm()))
	b = both32(b, links)
	b = both32(b, 0) // user
	b = both32(b, 0) // group
	if !self {
		b = append(b, "NM"...)
		b = append(b, byte(5+len(n.name)), 1, 0)
		b = append(b, n.name...)
	}
	if root {
		const id, about = "RRIP_1991A", "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS"
		b = append(b, "ER"...)
		b = append(b, byte(8+len(id)+len(about)), 1, byte(len(id)), byte(len(about)), 0, 1)
		b = append(b, id+about...)
	}
	return b
}

// pathTables list the folders for readers that do not walk: primary with the little end first,
// with the big end first, and the same of Joliet, ECMA-119 9.4.
func (l *layout) pathTables() [4][]byte {
	return [4][]byte{
		l.pathTable(primary, binary.LittleEndian), l.pathTable(primary, binary.BigEndian),
		l.pathTable(joliet, binary.LittleEndian), l.pathTable(joliet, binary.BigEndian),
	}
}

func (l *layout) pathTable(t tree, order binary.AppendByteOrder) []byte {
	folders := l.inTableOrder(t)
	var b []byte
	for _, folder := range folders {
		name := []byte{0}
		if folder != l.root {
			name = t.name(folder)
		}
		b = append(b, byte(len(name)), 0)
		b = order.AppendUint32(b, t.dir(folder).start)
		b = order.AppendUint16(b, uint16(slices.Index(folders, folder.parent)+1))
		b = append(b, name...)
		if len(name)%2 == 1 {
			b = append(b, 0)
		}
	}
	return b
}

// inTableOrder lists the folders by level, then by the number of the parent, then by name.
func (l *layout) inTableOrder(t tree) []*node {
	folders := []*node{l.root}
	for i := 0; i < len(folders); i++ {
		for _, c := range slices.SortedFunc(slices.Values(folders[i].children), t.order) {
			if c.isDir() {
				folders = append(folders, c)
			}
		}
	}
	return folders
}

// descriptor is the primary (kind 1) or Joliet's (kind 2) volume descriptor, ECMA-119 8.4 and 8.5.
func (l *layout) descriptor(kind byte, t tree, tables []extent, escape string) []byte {
	text := func(s string, width int) []byte {
		filled := t.letter(s + strings.Repeat(" ", width))
		return append(filled[:width&^(len(t.letter(" "))-1)], make([]byte, width&(len(t.letter(" "))-1))...)
	}
	b := append([]byte{kind}, "CD001\x01\x00"...)
	b = append(b, text("", 32)...)
	b = append(b, text(l.label, 32)...)
	b = append(b, make([]byte, 8)...)
	b = both32(b, l.sectors)
	b = append(b, escape...)
	b = append(b, make([]byte, 32-len(escape))...)
	b = both16(b, 1) // one volume in the set
	b = both16(b, 1) // this is volume 1
	b = both16(b, sectorSize)
	b = both32(b, tables[0].bytes)
	b = binary.LittleEndian.AppendUint32(b, tables[0].start)
	b = append(b, make([]byte, 4)...)
	b = binary.BigEndian.AppendUint32(b, tables[1].start)
	b = append(b, make([]byte, 4)...)
	b = append(b, record([]byte{0}, *t.dir(l.root), true, nil)...)
	for _, width := range []int{128, 128, 128, 128, 37, 37, 37} { // set, publisher, preparer, application, three files
		b = append(b, text("", width)...)
	}
	b = append(b, volumeTime+volumeTime+neverExpires+volumeTime...)
	b = append(b, 1) // version of the structure
	return fill(b)
}

// parts are the image from its first byte to its last, in the order of place.
func (l *layout) parts() []Part {
	b := slices.Concat(
		make([]byte, systemSectors*sectorSize),
		l.descriptor(1, primary, l.tables[:2], ""),
		l.descriptor(2, joliet, l.tables[2:], "%/E"), // UCS-2 level 3
		fill([]byte("\xffCD001\x01")),
	)
	for _, table := range l.pathTables() {
		b = append(b, fill(table)...)
	}
	for _, t := range []tree{primary, joliet} {
		for _, folder := range l.folders {
			b = append(b, t.records(folder)...)
		}
	}
	var parts []Part
	for _, f := range l.files {
		if f.file.From == "" {
			b = append(b, fill(slices.Clone(f.file.Data))...)
			continue
		}
		parts = append(parts, bytesPart(b), Part{From: f.file.From, Size: f.size, SHA256: f.file.SHA256})
		b = make([]byte, -f.size&(sectorSize-1))
	}
	return append(parts, bytesPart(slices.Concat(b, make([]byte, padSectors*sectorSize))))
}
