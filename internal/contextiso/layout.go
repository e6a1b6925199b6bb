package contextiso

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	sectorSize   = 2048
	maxNameBytes = 160 // what a directory record of at most 254 bytes has left for Rock Ridge's name
	maxNameUCS2  = 64  // Joliet's limit
	maxDepth     = 8   // of folders, the root included, ECMA-119 6.8.2.1

	// padSectors of zeros end the image, as with genisoimage's -pad. Without them busybox's findfs, which looks for the superblocks of all
	// file systems and gives up where it cannot read, does not find the label of an image of less than 68 KiB.
	padSectors = 150
)

// node is a file or folder on its way to the image.
type node struct {
	name     string // as given, for Rock Ridge and Joliet
	plain    string // ISO 9660's own name: CONTEXT.SH;1
	mode     fs.FileMode
	parent   *node // the root's is itself
	children []*node
	file     File
	size     int64  // bytes of a file
	extent   uint32 // sector of a file's contents
	plainDir extent // of a folder in the primary tree
	longDir  extent // of a folder in the Joliet tree
}

// extent is a run of sectors.
type extent struct {
	start uint32
	bytes uint32
}

func (n *node) isDir() bool { return n.mode.IsDir() }

// layout says what stands where: descriptors, path tables, the folders of both trees, files.
type layout struct {
	label   string
	root    *node
	folders []*node // each after its parent, level by level: the order of path tables
	files   []*node
	tables  [4]extent // path tables: primary in both byte orders, Joliet in both
	sectors uint32    // of the whole image
}

// labelForm also allows the small letters that ECMA-119 8.4.7 does not, because cloud-init looks for "cidata".
var labelForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,16}$`)

func newLayout(label string, files []File) (*layout, error) {
	if !labelForm.MatchString(label) {
		return nil, fmt.Errorf("label %q: use up to 16 letters, digits and _", label)
	}
	l := &layout{label: label, root: &node{mode: fs.ModeDir | 0o755}}
	l.root.parent = l.root
	for _, f := range files {
		if err := l.root.add(f); err != nil {
			return nil, fmt.Errorf("file %q: %w", f.Name, err)
		}
	}
	l.flatten()
	return l, l.place()
}

// add puts the file below its folders, making those that are new.
func (n *node) add(f File) error {
	if f.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("mode %v is more than permission bits", f.Mode)
	}
	if f.Size < 0 || f.Size > math.MaxUint32-sectorSize {
		return fmt.Errorf("%d bytes do not fit: a file on an ISO is smaller than 4 GiB", f.Size)
	}
	parts := strings.Split(f.Name, "/")
	if len(parts) > maxDepth-1 {
		return fmt.Errorf("more than %d folders deep", maxDepth-2)
	}
	for i, part := range parts {
		if err := checkName(part); err != nil {
			return err
		}
		last := i == len(parts)-1
		child := n.child(part)
		switch {
		case child == nil:
			child = &node{name: part, parent: n, mode: fs.ModeDir | 0o755}
			if last {
				child.file, child.mode, child.size = f, f.Mode, f.Size
			}
			n.children = append(n.children, child)
		case last || !child.isDir() || child.name != part:
			return fmt.Errorf("clashes with %q; names are compared without case, as some guests do", child.name)
		}
		n = child
	}
	return nil
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

// checkName says whether both Rock Ridge and Joliet can hold the name as it is.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return errors.New("a part of the name is empty or made of dots")
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	case strings.ContainsAny(name, `*/:;?\`) || strings.ContainsFunc(name, unicode.IsControl):
		return errors.New(`a name on an ISO holds no control characters and none of * / : ; ? \`)
	case strings.ContainsFunc(name, func(r rune) bool { return r > math.MaxUint16 }):
		return errors.New("a name on an ISO holds characters of Unicode's basic plane only")
	case len(utf16.Encode([]rune(name))) > maxNameUCS2 || len(name) > maxNameBytes:
		return fmt.Errorf("a name on an ISO has at most %d characters and %d bytes", maxNameUCS2, maxNameBytes)
	}
	return nil
}

// flatten sorts every folder, gives plain names, and lists folders and files.
func (l *layout) flatten() {
	l.folders = []*node{l.root}
	for i := 0; i < len(l.folders); i++ {
		folder := l.folders[i]
		slices.SortFunc(folder.children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
		namePlainly(folder.children)
		slices.SortFunc(folder.children, func(a, b *node) int { return cmp.Compare(plainOrder(a.plain), plainOrder(b.plain)) })
		for _, c := range folder.children {
			if c.isDir() {
				l.folders = append(l.folders, c)
			} else {
				l.files = append(l.files, c)
			}
		}
	}
}

var noPlainLetter = regexp.MustCompile(`[^A-Z0-9_]`)

// namePlainly gives names of at most eight letters, a dot and three more, ECMA-119 level 1;
// a name that is taken gets a number. Readers without Rock Ridge and Joliet see them.
func namePlainly(siblings []*node) {
	taken := map[string]bool{}
	for _, n := range siblings {
		base, extension, _ := strings.Cut(strings.ToUpper(n.name), ".")
		base, extension = noPlainLetter.ReplaceAllString(base, "_"), noPlainLetter.ReplaceAllString(extension, "_")
		if n.isDir() {
			extension = ""
		}
		extension = extension[:min(3, len(extension))]
		number := ""
		for i := 1; ; i++ {
			n.plain = base[:min(8-len(number), len(base))] + number
			if !n.isDir() {
				n.plain += "." + extension + ";1"
			}
			if n.plain != "" && n.plain != ".;1" && !taken[n.plain] {
				break
			}
			number = strconv.Itoa(i)
		}
		taken[n.plain] = true
	}
}

// plainOrder makes plain names compare as ECMA-119 9.3 wants: bases filled up with spaces.
func plainOrder(plain string) string {
	base, extension, _ := strings.Cut(plain, ".")
	return fmt.Sprintf("%-8s%s", base, extension)
}

// place gives everything its sectors, in the order of parts.
func (l *layout) place() error {
	next := uint64(systemSectors + 3) // three volume descriptors
	take := func(size uint64) extent {
		at := extent{start: uint32(next), bytes: uint32(size)}
		next += (size + sectorSize - 1) / sectorSize
		return at
	}
	for i, table := range l.pathTables() {
		l.tables[i] = take(uint64(len(table)))
	}
	for _, tree := range []tree{primary, joliet} {
		for _, folder := range l.folders {
			*tree.dir(folder) = take(uint64(len(tree.records(folder))))
		}
	}
	for _, f := range l.files {
		f.extent = uint32(next)
		take(uint64(f.size))
	}
	next += padSectors
	if next > math.MaxUint32 {
		return errors.New("the files do not fit on an ISO")
	}
	l.sectors = uint32(next)
	return nil
}
