package contextiso

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// Label is the volume label by which a guest finds its context.
const Label = "CONTEXT"

// File is a file to put on the ISO. Its contents are at hand, or somewhere that only the one who puts the image together can read.
type File struct {
	Name   string      // "init.sh", or "scripts/init.sh" for a file in a folder
	Mode   fs.FileMode // permission bits
	Size   int64       // bytes
	SHA256 string      // of the contents, hexadecimal
	Data   []byte      // the contents, unless there is a From
	From   string      // names the place of the contents
}

// Content is a File whose bytes are at hand.
func Content(name string, mode fs.FileMode, data []byte) File {
	return File{Name: name, Mode: mode, Size: int64(len(data)), SHA256: digest(data), Data: data}
}

// Image is an ISO image that is laid out. Put one after the other, its Parts are the image.
type Image struct {
	Parts []Part
	Size  int64 // bytes
}

// Part is a run of bytes of an image.
type Part struct {
	Data   []byte // the bytes, unless there is a From
	From   string // of the file whose contents they are
	Size   int64  // bytes
	SHA256 string // hexadecimal
}

func bytesPart(data []byte) Part {
	return Part{Data: data, Size: int64(len(data)), SHA256: digest(data)}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// NewImage lays out an ISO image with the label and the files. Names are kept as given, by Rock Ridge and by Joliet. The bytes depend on
// the label, the names, modes and contents only: not on the order of the files, the time, or the machine. Before it returns, NewImage
// reads the image back with another implementation of ISO 9660 and compares every name, mode, place and length, and the contents that
// are at hand; whoever puts the parts together compares them with their checksums.
func NewImage(label string, files []File) (*Image, error) {
	l, err := newLayout(label, files)
	if err != nil {
		return nil, fmt.Errorf("context image: %w", err)
	}
	image := &Image{Parts: l.parts(), Size: int64(l.sectors) * sectorSize}
	if err := image.readBack(l); err != nil {
		return nil, fmt.Errorf("context image, reading it back: %w", err)
	}
	return image, nil
}

// Digest is equal for images of equal bytes. It is a SHA-256 over the checksums of the parts, hexadecimal, and none of the image.
func (i *Image) Digest() string {
	var text strings.Builder
	for _, part := range i.Parts {
		fmt.Fprintf(&text, "%d %s\n", part.Size, part.SHA256)
	}
	return digest([]byte(text.String()))
}

// readBack compares the image with its layout. What is not at hand takes no space in the temporary file.
func (i *Image) readBack(l *layout) (err error) {
	out, err := os.CreateTemp("", "terraform-provider-xen-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close(), os.Remove(out.Name())) }()
	at := int64(0)
	for _, part := range i.Parts {
		if _, err := out.WriteAt(part.Data, at); err != nil {
			return err
		}
		at += part.Size
	}
	if at != i.Size {
		return fmt.Errorf("its parts have %d bytes, not %d", at, i.Size)
	}
	return l.compare(out)
}

// compare reads the image with an independent implementation and finds everything as it was put
// in. (kdomanski/iso9660 is none for this: in a folder of more than one sector it forgets names.)
func (l *layout) compare(image *os.File) error {
	read, err := iso9660.Read(file.New(image, true), 0, 0, sectorSize)
	if err != nil {
		return err
	}
	if label := strings.TrimRight(read.Label(), " "); label != l.label {
		return fmt.Errorf("the label is %q, not %q", label, l.label)
	}
	missing := l.byPath()
	err = fs.WalkDir(read, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		found := slices.IndexFunc(missing[path], func(n *node) bool { return n.equal(entry, image) })
		if found < 0 {
			return fmt.Errorf("%q should not be there, or has another mode or other contents", path)
		}
		missing[path] = slices.Delete(missing[path], found, found+1)
		return nil
	})
	for path, nodes := range missing {
		if len(nodes) > 0 {
			err = errors.Join(err, fmt.Errorf("%q is missing", path))
		}
	}
	return err
}

// byPath lists everything below the root by the path that the reader gives it: it takes a dot off
// both ends of a file's name, so that "a" and ".a" have one path.
func (l *layout) byPath() map[string][]*node {
	found := map[string][]*node{}
	prefix := map[*node]string{}
	for _, folder := range l.folders {
		for _, c := range folder.children {
			path := prefix[folder] + c.name
			prefix[c] = path + "/"
			if !c.isDir() {
				path = prefix[folder] + strings.TrimPrefix(strings.TrimSuffix(c.name, "."), ".")
			}
			found[path] = append(found[path], c)
		}
	}
	return found
}

// equal says whether the entry has the mode, the length and the place of the node, and its contents where they are at hand.
func (n *node) equal(entry fs.DirEntry, image io.ReaderAt) bool {
	stat, err := entry.Info()
	if err != nil || stat.Mode() != n.mode {
		return false
	}
	if n.isDir() {
		return true
	}
	at, known := stat.Sys().(*iso9660.StatT)
	if !known || stat.Size() != n.size || n.size > 0 && at.Location != n.extent {
		return false
	}
	if n.file.From != "" {
		return true
	}
	data, err := io.ReadAll(io.NewSectionReader(image, int64(at.Location)*sectorSize, n.size))
	return err == nil && bytes.Equal(data, n.file.Data)
}
