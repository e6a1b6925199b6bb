package transfer

import (
	"crypto/sha256"
	"errors"
	"io"
	"testing"
)

// failing is a content whose reading ends with an error, as that of a cut download or a damaged archive does.
type failing struct {
	data   []byte
	blocks int
}

func (f *failing) next(buf []byte) (n int, hole int64, err error) {
	if f.blocks--; f.blocks < 0 {
		return 0, 0, errors.New("the source was cut off")
	}
	return copy(buf, f.data), 0, nil
}

// Whatever the goroutines of a stream do first: the host must not see the end of a content that was not read to its end.
func TestFailedReaderHasNoEnd(t *testing.T) {
	data := noise(unit)
	for range 1000 {
		s, err := newStream(t.Context(), &input{content: &failing{data, 1}, size: -1, length: -1, unpacked: sha256.New()}, Source{}, already{}, "none")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, s); err != nil {
			t.Fatal(err)
		}
		if err := s.wait(); err == nil || s.sum != nil {
			t.Fatalf("the stream came to its end, with the error %v", err)
		}
	}
}
