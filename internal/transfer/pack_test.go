package transfer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// throttled is a host behind a link that takes so many bytes per second.
func throttled(rate int) runnerFunc {
	return receiving(func(ctx context.Context, s host.Script) (host.Result, error) {
		s.Stdin = &slowReader{from: s.Stdin, rate: rate}
		return localRunner{}.Run(ctx, s)
	})
}

type slowReader struct {
	from io.Reader
	rate int
}

func (r *slowReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	time.Sleep(time.Duration(n) * time.Second / time.Duration(r.rate))
	return n, err
}

// text is data that compresses well.
func text(n int) []byte {
	return bytes.Repeat([]byte("A plan never lies, and no disk is ever lost. "), n/45+1)[:n]
}

func TestSendCompressesForASlowLink(t *testing.T) {
	data := text(64 << 20)
	dst := newDst(t)
	info, err := Send(t.Context(), throttled(12<<20), Source{Path: place(t, data)}, at(dst))
	if err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
	if info.Sent > 40<<20 {
		t.Errorf("%d MiB of %d were sent", info.Sent>>20, len(data)>>20)
	}
}

func TestSendLeavesAloneWhatDoesNotShrink(t *testing.T) {
	data := noise(32 << 20)
	dst := newDst(t)
	info, err := Send(t.Context(), throttled(16<<20), Source{Path: place(t, data)}, at(dst))
	if err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
	if info.Sent < int64(len(data)) {
		t.Errorf("%d bytes of %d were sent", info.Sent, len(data))
	}
}

// Each of the tools that a host may have takes what is packed for it.
func TestPackedFrames(t *testing.T) {
	for _, tool := range []string{"zstd", "gzip"} {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Fatalf("%s is missing", tool)
			}
			data := text(blockSize)
			dst := newDst(t)
			var l link
			l.speed = 1 << 20
			p := newPacker(tool, &l)
			if !p.wanted() {
				t.Error("the first trial is not wanted on a slow link")
			}
			packed, smaller := p.pack(data[:blockSize])
			if !smaller || len(packed) > blockSize/4 {
				t.Errorf("%d bytes became %d", blockSize, len(packed))
			}
			if !p.wanted() {
				t.Error("compression is not wanted on a slow link")
			}
			l.speed = 1 << 29
			p.speed = 100 << 20
			if p.wanted() {
				t.Error("compression is wanted on a fast link")
			}
			for _, on := range receivers(t) {
				args := []string{dst, dst + ".map", dst + ".part", "0", "", tool, receiver}
				digest := newContentDigest()
				stream := fmt.Appendf(nil, "z 0 %d %d\n", blockSize/unit, len(packed))
				stream = append(append(stream, packed...), fmt.Appendf(nil, "d %d 1\n", blockSize/unit)...)
				content := append(bytes.Clone(data[:blockSize]), noise(unit)...)
				stream = append(stream, content[blockSize:]...)
				for i := int64(0); i <= blockSize/unit; i++ {
					digest.add(i, content[i*unit:(i+1)*unit], 0)
				}
				m := digest.finish(int64(len(content)))
				stream = append(append(stream, fmt.Appendf(nil, "end %d %d\n", len(m.extents)+3, 8*len(m.index))...), m.encode()...)
				if _, err := on.Run(t.Context(), host.Script{Text: commonScript + receiveScript, Args: args, Stdin: bytes.NewReader(stream)}); err != nil {
					t.Fatal(err)
				}
				wantStored(t, dst, content)
			}
		})
	}
}
