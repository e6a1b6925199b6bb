//go:build !linux && !darwin && !freebsd

package transfer

import "os"

// nextData reports everything as data; zeros are still found while reading.
func nextData(_ *os.File, off, size int64) (start, end int64, err error) { return off, size, nil }
