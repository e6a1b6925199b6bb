package transfer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
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
	data := text(72 << 20)
	dst := newDst(t)
	info, err := Send(t.Context(), throttled(6<<20), Source{Path: place(t, data)}, at(dst))
	if err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
	if info.Sent > 45<<20 {
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
			l.speeds = steady(1 << 20)
			p := newPacker(tool, &l)
			if p.treatment() != trial {
				t.Error("no trial is made on a slow link")
			}
			small, smaller := p.pack(data[:blockSize])
			if !smaller || len(small) > blockSize/4 {
				t.Errorf("%d bytes became %d", blockSize, len(small))
			}
			for _, on := range receivers(t) {
				args := []string{dst, dst + ".map", dst + ".part", "0", "", tool, diskProgram}
				digest := newContentDigest("")
				stream := fmt.Appendf(nil, "z 0 %d %d\n", blockSize/unit, len(small))
				stream = append(append(stream, small...), fmt.Appendf(nil, "d %d 1\n", blockSize/unit)...)
				content := append(bytes.Clone(data[:blockSize]), noise(unit)...)
				stream = append(stream, content[blockSize:]...)
				for i := int64(0); i <= blockSize/unit; i++ {
					digest.add(i, content[i*unit:(i+1)*unit], 0)
				}
				stream = fmt.Appendf(stream, "c 0 %d\n", blockSize/unit+1)
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

// steady is what is measured of a link whose speed stays the same.
func steady(rate float64) []float64 { return slices.Repeat([]float64{rate}, windows) }

// The choice follows what was measured.
func TestTreatment(t *testing.T) {
	var l link
	p := newPacker("zstd", &l)
	p.workers, p.speed, p.ratio = 1, 100<<20, 0.4
	now := time.Now()
	send := func(seconds int, rate int64, how treatment) {
		for range 10 * seconds {
			now = now.Add(time.Second / 10)
			p.sent(rate/10, how, now)
		}
	}
	expect := func(when string, want treatment) {
		t.Helper()
		if got := p.treatment(); got != want {
			t.Errorf("%s the treatment is %d, want %d", when, got, want)
		}
	}
	expect("before the link is known", plainly)
	l.speeds = steady(10 << 20)
	expect("before the pace is known", plainly)
	send(4, 10<<20, plainly)
	expect("on a slow link", packed)
	send(4, 24<<20, packed)
	expect("while it helps", packed)
	l.speeds = append(steady(10 << 20)[1:], 300<<20)
	expect("on a link that was faster than the compressor a moment ago", plainly)
	l.speeds = steady(10 << 20)
	send(4, 10<<20, plainly)
	expect("on a link that is slow again", packed)
	send(4, 5<<20, packed)
	expect("after it did not help", plainly)
	send(40, 10<<20, plainly)
	expect("after a while", trial)
}
