package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
		return *known, nil
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, contextReader{ctx, f}); err != nil {
		return Checksum{}, fmt.Errorf("unable to read %s: %w", path, bare(err))
	}
	remember(path, st, sumHex(digest))
	return Checksum{"sha256", sumHex(digest)}, nil
}

// recall is the checksum of a file that is as it was when it was hashed; nil when it has to be read.
func recall(path string, st os.FileInfo) *Checksum {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	for _, known := range loadKnown() {
		if known.Path == absolute && known.Size == st.Size() && known.Modified.Equal(st.ModTime()) {
			return &Checksum{"sha256", known.SHA256}
		}
	}
	return nil
}

// remember does nothing where it cannot: the file is only read once more.
func remember(path string, st os.FileInfo, hex string) {
	absolute, err := filepath.Abs(path)
	if err != nil || time.Since(st.ModTime()) < settled {
		return
	}
	files := slices.DeleteFunc(loadKnown(), func(k knownFile) bool { return k.Path == absolute })
	files = append(files, knownFile{absolute, st.Size(), st.ModTime().UTC(), hex, time.Now().UTC()})
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

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
