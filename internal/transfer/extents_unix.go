//go:build linux || darwin || freebsd

package transfer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nextData finds the first data at or behind off; both ends are size when only a hole follows. File systems that do
// not know holes report everything as data.
func nextData(f *os.File, off, size int64) (start, end int64, err error) {
	start, err = f.Seek(off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, size, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP):
		return off, size, nil
	case err != nil:
		return 0, 0, bare(err)
	}
	if end, err = f.Seek(start, unix.SEEK_HOLE); err != nil {
		return 0, 0, bare(err)
	}
	if end <= start || start < off {
		return 0, 0, errChanged
	}
	return min(start, size), min(end, size), nil
}
