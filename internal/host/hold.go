package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Held is a script that stays alive on the host until Release.
type Held struct {
	process   *process
	line      string
	lost      chan struct{}
	releasing atomic.Bool
	release   func() error
}

// Hold starts s, waits for the first line it prints and leaves it running until
// Release. The script must print that line, and end when its standard input does:
// that is how it learns of Release, and of a client that died. Stdin and Stdout of
// s must be nil. ctx counts until Hold returns.
//
// Held scripts use at most half of MaxSessions, so that they never keep Run waiting.
func (h *Host) Hold(ctx context.Context, s Script) (*Held, error) {
	if s.Stdin != nil || s.Stdout != nil {
		return nil, h.failure(s, errors.New("a held script has no streams of its own"))
	}
	return attempt(ctx, h, s, func(text []byte) (*Held, error) { return h.holdOnce(ctx, s, text) })
}

func (h *Host) holdOnce(ctx context.Context, s Script, text []byte) (*Held, error) {
	first := &firstLine{complete: make(chan struct{})}
	p, err := h.begin(ctx, s, first, func(error) {}, h.holds, h.sessions)
	if err != nil {
		return nil, err
	}
	close(p.fed)
	go p.send(text)
	select {
	case <-first.complete:
		return p.held(first.String()), nil
	case <-p.done:
	case <-ctx.Done():
		p.stop()
		return nil, fmt.Errorf("%w: %w", ErrEnded, context.Cause(ctx))
	}
	if err := p.outcome(); err != nil {
		return nil, err
	}
	return nil, errors.New("the script ended without printing a line")
}

func (p *process) held(line string) *Held {
	held := &Held{process: p, line: line, lost: make(chan struct{})}
	held.release = sync.OnceValue(held.end)
	go func() {
		<-p.done
		if !held.releasing.Load() {
			close(held.lost)
		}
	}()
	return held
}

// Line is the first line that the script printed, without its newline.
func (held *Held) Line() string { return held.line }

// Lost is closed when the script ended before Release, for instance because the
// connection died.
func (held *Held) Lost() <-chan struct{} { return held.lost }

// Release closes the script's standard input and waits for its end, killing it when
// that takes more than five seconds. Further calls return the same error.
func (held *Held) Release() error { return held.release() }

func (held *Held) end() error {
	p := held.process
	held.releasing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	go func() { _ = p.stdin.Close() }() // a stuck connection blocks it
	waitFor(ctx, p.done)
	if !p.hasEnded() {
		p.stop()
		return p.host.failure(p.script, fmt.Errorf("the held script did not end within %s of its release", grace))
	}
	return p.host.failure(p.script, p.outcome())
}

// firstLine keeps the first line written to it.
type firstLine struct {
	bytes.Buffer
	complete chan struct{}
	ended    bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.ended {
		return len(p), nil
	}
	line, _, found := bytes.Cut(p, []byte("\n"))
	f.Buffer.Write(line)
	if found {
		f.ended = true
		close(f.complete)
	}
	return len(p), nil
}
