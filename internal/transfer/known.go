package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// knownFiles is how many files are remembered.
	knownFiles = 100
	// settled is how old a change must be for the next one to be seen by the time of the change.
	settled = 2 * time.Second
)

// knownFile is a local file as it was when it was hashed. While size and time stay the same, so does its content.
type knownFile struct {
	Path     string    `json:"path"` // absolute
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256"`
	Data     string    `json:"data"` // SHA-256 of the data in it, as a contentMap has it
	Hashed   time.Time `json:"hashed"`
}

// Hash is the SHA-256 of a local file's bytes. A file that this user has hashed before is not read again: the plan and the apply are
// two processes, and both ask. What is known stands in the user's cache folder.
func Hash(ctx context.Context, path string) (Checksum, error) {
	f, st, err := openFile(path)
	if err != nil {
		return Checksum{}, fmt.Errorf("unable to read %s: %w", path, err)
	}
	defer f.Close()
	if known := recall(path, st); known != nil {
		return known.checksum(), nil
	}
	whole, data, err := digestFile(ctx, &fileContent{f: f, size: st.Size(), mtime: st.ModTime(), taken: new(atomic.Int64)})
	if err != nil {
		return Checksum{}, fmt.Errorf("unable to read %s: %w", path, err)
	}
	remember(path, st, whole, data)
	return Checksum{"sha256", whole}, nil
}

// digestFile reads a file for its digest and that of the data in it.
func digestFile(ctx context.Context, c *fileContent) (whole, data string, err error) {
	d := fileDigest{whole: sha256.New()}
	buf := make([]byte, blockSize)
	for at := int64(0); ; {
		if ctx.Err() != nil {
			return "", "", context.Cause(ctx)
		}
		n, hole, err := c.next(buf)
		if errors.Is(err, io.EOF) {
			whole, data = d.sums()
			return whole, data, nil
		} else if err != nil {
			return "", "", err
		}
		for piece := range slices.Chunk(buf[:n], unit) {
			d.add(at/unit, piece)
			at += int64(len(piece))
		}
		d.zeros += hole
		at += hole
	}
}

func (k knownFile) checksum() Checksum { return Checksum{"sha256", k.SHA256} }

// recall is a file that is as it was when it was hashed; nil when it has to be read.
func recall(path string, st os.FileInfo) *knownFile {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	for _, known := range loadKnown() {
		if known.Path == absolute && known.Size == st.Size() && known.Modified.Equal(st.ModTime()) {
			return &known
		}
	}
	return nil
}

// remember does nothing where it cannot: the file is only read once more.
func remember(path string, st os.FileInfo, whole, data string) {
	if time.Since(st.ModTime()) >= settled {
		change(path, knownFile{Size: st.Size(), Modified: st.ModTime().UTC(), SHA256: whole, Data: data, Hashed: time.Now().UTC()})
	}
}

// forget lets a file be read again.
func forget(path string) { change(path) }

var changing sync.Mutex

// change puts what is known of a file in the place of what was.
func change(path string, now ...knownFile) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return
	}
	changing.Lock()
	defer changing.Unlock()
	files := slices.DeleteFunc(loadKnown(), func(k knownFile) bool { return k.Path == absolute })
	for _, known := range now {
		known.Path = absolute
		files = append(files, known)
	}
	slices.SortFunc(files, func(a, b knownFile) int { return cmp.Compare(b.Hashed.Unix(), a.Hashed.Unix()) })
	text, err := json.MarshalIndent(files[:min(len(files), knownFiles)], "", "  ")
	name := knownName()
	if err != nil || name == "" || os.MkdirAll(filepath.Dir(name), 0o700) != nil {
		return
	}
	temporary := fmt.Sprintf("%s.%d", name, os.Getpid())
	if os.WriteFile(temporary, text, 0o600) != nil || os.Rename(temporary, name) != nil {
		_ = os.Remove(temporary)
	}
}

func loadKnown() (files []knownFile) {
	if text, err := os.ReadFile(knownName()); err != nil || json.Unmarshal(text, &files) != nil {
		return nil
	}
	return files
}

func knownName() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "terraform-provider-xen", "checksums.json")
}
