package transfer

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// BenchmarkSend measures the whole way, through a local shell, to a verified file in the page cache.
func BenchmarkSend(b *testing.B) {
	const size = 512 << 20
	dense, sparse := place(b, nil), place(b, nil)
	f, err := os.OpenFile(dense, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	for block := noise(blockSize); ; {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if st, err := f.Stat(); err != nil || st.Size() == size {
			break
		}
	}
	err = errors.Join(f.Close(), os.Truncate(sparse, size))
	for i := range int64(64) { // one eighth of it is data
		err = errors.Join(err, writeAt(sparse, i*size/64, string(noise(1<<20))))
	}
	if err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{"dense": dense, "sparse": sparse} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for i := range b.N {
				dst := fmt.Sprintf("%s.%d", dense, i)
				if _, err := Send(b.Context(), localRunner{}, Source{Path: path}, dst, ""); err != nil {
					b.Fatal(err)
				}
				_ = os.Remove(dst)
			}
		})
	}
}
