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

	"github.com/kdomanski/iso9660"
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

// compare reads the image with an independent implementation and finds everything as it was put in.
func (l *layout) compare(image io.ReaderAt) error {
	read, err := iso9660.OpenImage(image)
	if err != nil {
		return err
	}
	if label, err := read.Label(); err != nil || label != l.label {
		return errors.Join(err, fmt.Errorf("the label is %q, not %q", label, l.label))
	}
	root, err := read.RootDir()
	if err != nil {
		return err
	}
	return l.root.compare(root)
}

func (n *node) compare(read *iso9660.File) error {
	if !n.isDir() {
		sum := sha256.New()
		if _, err := io.Copy(sum, read.Reader()); err != nil {
			return err
		}
		if read.Size() != n.size || !bytes.Equal(sum.Sum(nil), n.digest) {
			return fmt.Errorf("%s has other contents", n.name)
		}
		return nil
	}
	children, err := read.GetChildren()
	if err != nil {
		return err
	}
	if len(children) != len(n.children) {
		return fmt.Errorf("folder %q has %d entries, not %d", n.name, len(children), len(n.children))
	}
	found := map[string]*iso9660.File{}
	for _, child := range children {
		found[child.Name()] = child
	}
	for _, child := range n.children {
		entry := found[child.name]
		if entry == nil || entry.Mode() != child.mode {
			return fmt.Errorf("%q is missing or has another mode", child.name)
		}
		if err := child.compare(entry); err != nil {
			return err
		}
	}
	return nil
}
