package contextiso

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
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

// File is a file to put on the ISO.
type File struct {
	Name string      // "init.sh", or "scripts/init.sh" for a file in a folder
	Mode fs.FileMode // permission bits
	Size int64
	Open func() (io.ReadCloser, error)
}

// Content is a File whose bytes are at hand.
func Content(name string, mode fs.FileMode, data []byte) File {
	return File{Name: name, Mode: mode, Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// Info describes an ISO that was written.
type Info struct {
	Size        int64
	MD5, SHA256 string // hexadecimal
}

// Write makes an ISO image with the label and the files at the path, readable by its owner
// only. Names are kept as given, by Rock Ridge and by Joliet. The bytes depend on the label, the
// names, modes and contents only: not on the order of the files, the time, or the machine. Before
// it returns, Write reads the image back with another implementation of ISO 9660 and compares
// every name, mode and byte. A failed Write leaves no file.
func Write(path, label string, files []File) (info Info, err error) {
	image, err := newLayout(label, files)
	if err != nil {
		return Info{}, fmt.Errorf("context image: %w", err)
	}
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return Info{}, fmt.Errorf("context image: %w", err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			info, err = Info{}, fmt.Errorf("context image %s: %w", path, errors.Join(err, os.Remove(path)))
		}
	}()
	if err := out.Chmod(0o600); err != nil {
		return Info{}, err
	}
	written := newDigests()
	buffered := bufio.NewWriterSize(io.MultiWriter(out, written), 1<<20)
	if err := image.writeTo(buffered); err != nil {
		return Info{}, err
	}
	if err := buffered.Flush(); err != nil {
		return Info{}, err
	}
	if err := image.compare(out); err != nil {
		return Info{}, fmt.Errorf("reading it back: %w", err)
	}
	return written.info(), nil
}

// digests counts and hashes what is written to it.
type digests struct {
	size        int64
	md5, sha256 hash.Hash
}

func newDigests() *digests { return &digests{md5: md5.New(), sha256: sha256.New()} }

func (d *digests) Write(p []byte) (int, error) {
	d.size += int64(len(p))
	_, _ = d.md5.Write(p) // a hash never fails
	_, _ = d.sha256.Write(p)
	return len(p), nil
}

func (d *digests) info() Info {
	return Info{Size: d.size, MD5: hex.EncodeToString(d.md5.Sum(nil)), SHA256: hex.EncodeToString(d.sha256.Sum(nil))}
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

// equal says whether the entry has the mode and the contents of the node.
func (n *node) equal(entry fs.DirEntry, image io.ReaderAt) bool {
	stat, err := entry.Info()
	if err != nil || stat.Mode() != n.mode {
		return false
	}
	if n.isDir() {
		return true
	}
	at, known := stat.Sys().(*iso9660.StatT)
	sum := sha256.New()
	if !known || stat.Size() != n.size {
		return false
	}
	size, err := io.Copy(sum, io.NewSectionReader(image, int64(at.Location)*sectorSize, stat.Size()))
	return err == nil && size == n.size && bytes.Equal(sum.Sum(nil), n.digest)
}
