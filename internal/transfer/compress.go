package transfer

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// magicSize is how many bytes compression needs to be told.
const magicSize = 10

// compression names the compression of a content by its first bytes; empty when there is none.
func compression(magic []byte) string {
	has := func(prefix string) bool { return bytes.HasPrefix(magic, []byte(prefix)) }
	switch {
	case has("\x1f\x8b\x08"):
		return "gzip"
	case has("\xfd7zXZ\x00"):
		return "xz"
	case has("\x28\xb5\x2f\xfd"), len(magic) >= 4 && binary.LittleEndian.Uint32(magic)&^0xf == 0x184d2a50: // pzstd begins with a skippable frame
		return "zstd"
	case len(magic) >= magicSize && has("BZh") && (string(magic[4:10]) == "1AY&SY" || string(magic[4:10]) == "\x17rE8P\x90"):
		return "bzip2"
	}
	return ""
}

// decompress opens a decompressor; close frees what it holds.
func decompress(name string, r io.Reader) (out io.Reader, closeFn func(), err error) {
	closeFn = func() {}
	switch name {
	case "gzip":
		out, err = gzip.NewReader(r)
	case "xz":
		out, err = xz.NewReader(r)
	case "bzip2":
		out = bzip2.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(r, zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderLowmem(true))
		if err == nil {
			out, closeFn = d, d.Close
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("decompressing %s: %w", name, err)
	}
	return decompressor{name, out}, closeFn, nil
}

// decompressor names the compression in errors, which are as short as "unexpected EOF".
type decompressor struct {
	name string
	r    io.Reader
}

func (d decompressor) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("decompressing %s: %w", d.name, err)
	}
	return n, err
}
