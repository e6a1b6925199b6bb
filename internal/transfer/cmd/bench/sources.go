package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const (
	mib       = 1 << 20
	denseMiB  = 2048
	imageMiB  = 4096
	filesMiB  = 600
	changedAt = 256 << 10 // size of one change
)

// disks are what one case is about: the file to send, and what stands on the host before.
type disks struct {
	source string
	before string // empty: nothing
}

type benchCase struct {
	name string
	what string
	make func(ctx context.Context, folder string) (disks, error)
}

var cases = []benchCase{
	{"dense", "2 GiB of random bytes", func(_ context.Context, folder string) (disks, error) {
		path := filepath.Join(folder, "dense.raw")
		return disks{source: path}, fill(path, denseMiB, rand.Reader)
	}},
	{"file system", "ext4 of 4 GiB with about 600 MiB of files, sparse", func(ctx context.Context, folder string) (disks, error) {
		path, err := fileSystem(ctx, folder)
		return disks{source: path}, err
	}},
	{"zeros", "4 GiB of zeros, allocated", func(_ context.Context, folder string) (disks, error) {
		path := filepath.Join(folder, "zero.raw")
		return disks{source: path}, fill(path, imageMiB, zeroReader{})
	}},
	{"qcow2", "the file system as qcow2", func(ctx context.Context, folder string) (disks, error) {
		raw, err := fileSystem(ctx, folder)
		if err != nil {
			return disks{}, err
		}
		path := filepath.Join(folder, "image.qcow2")
		return disks{source: path}, errors.Join(command(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path), os.Remove(raw))
	}},
	{"unchanged", "the file system, which is on the host already", func(ctx context.Context, folder string) (disks, error) {
		path, err := fileSystem(ctx, folder)
		return disks{source: path, before: path}, err
	}},
	{"1 % changed", "the file system, of whose data 1 % is other than on the host", func(ctx context.Context, folder string) (disks, error) {
		path, err := fileSystem(ctx, folder)
		if err != nil {
			return disks{}, err
		}
		changed := filepath.Join(folder, "changed.raw")
		if err := command(ctx, "cp", "--sparse=always", path, changed); err != nil {
			return disks{}, err
		}
		return disks{source: changed, before: path}, change(changed)
	}},
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func fill(path string, size int64, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(f, struct{ io.Reader }{io.LimitReader(from, size*mib)}, make([]byte, mib))
	return errors.Join(err, f.Sync(), f.Close())
}

// fileSystem makes an ext4 image of files of this machine: the Go tree, and the system's libraries as far as needed.
func fileSystem(ctx context.Context, folder string) (string, error) {
	tree, path := filepath.Join(folder, "tree"), filepath.Join(folder, "image.raw")
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return "", err
	}
	left := int64(filesMiB * mib)
	for i, root := range []string{runtime.GOROOT(), "/usr/lib", "/usr/bin", "/usr/share"} { //nolint:staticcheck // any tree will do.
		if err := copyTree(root, filepath.Join(tree, fmt.Sprint(i)), &left); err != nil {
			return "", err
		}
	}
	if left > 50*mib {
		return "", fmt.Errorf("this machine has too few files to make an image of %d MiB", filesMiB)
	}
	return path, errors.Join(
		command(ctx, "truncate", "-s", fmt.Sprintf("%dM", imageMiB), path),
		command(ctx, "mke2fs", "-q", "-t", "ext4", "-d", tree, path),
		os.RemoveAll(tree))
}

var errEnough = errors.New("enough")

func copyTree(root, to string, left *int64) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be read is left out
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if *left < info.Size() {
			return errEnough
		}
		*left -= info.Size()
		return copyFile(path, filepath.Join(to, strings.TrimPrefix(path, root)))
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// copyFile needs little memory: what this program has in memory would count for those that it starts.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read is left out
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	copied, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Close())
}

// change overwrites one percent of the data of a file in places of changedAt bytes, at any offset.
func change(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	blocks, _ := st.Sys().(*syscall.Stat_t)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for left := blocks.Blocks * 512 / 100; left > 0 && err == nil; left -= changedAt {
		var at int64
		if at, err = f.Seek(random.Int64N(st.Size()-changedAt), 3); err != nil { // SEEK_DATA of lseek(2)
			err = nil
			left += changedAt
			continue
		}
		piece := make([]byte, changedAt)
		_, _ = rand.Read(piece)
		_, err = f.WriteAt(piece, min(at+int64(random.IntN(4096)), st.Size()-changedAt))
	}
	return errors.Join(err, f.Close())
}

func command(ctx context.Context, name string, args ...string) error {
	output, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, output)
	}
	return nil
}
