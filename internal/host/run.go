package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// inputPatience is how long an ended script waits for a pending read of its input.
const inputPatience = time.Second

// Run runs s and returns what it printed. The error is an *ExitError when the
// script ran and said no, with the result beside it; anything else is a
// *ConnectionError.
//
// When ctx ends, the script's process group on the host gets TERM, and KILL five
// seconds later; the error wraps the cause of ctx.
func (h *Host) Run(ctx context.Context, s Script) (Result, error) {
	return attempt(ctx, h, s, func(text []byte) (Result, error) {
		return h.runOnce(ctx, s, text)
	})
}

// attempt calls once with the encoded script, and a second time after the connection
// was lost in a way that allows it.
func attempt[T any](ctx context.Context, h *Host, s Script, once func(text []byte) (T, error)) (T, error) {
	text, err := s.encode()
	if err != nil {
		var none T
		return none, h.failure(s, err)
	}
	began := time.Now()
	rewind := rewinder(s.Stdin)
	result, err := once(text)
	var lost *lostError
	if errors.As(err, &lost) && lost.repeatable && h.life.Err() == nil && pause(ctx) && (!lost.started || rewind() == nil) {
		result, err = once(text)
	}
	err = h.failure(s, err)
	if h.cfg.Trace != nil {
		h.cfg.Trace(ctx, stepName(s.Step), time.Since(began), err)
	}
	return result, err
}

// rewinder returns what sets the input back to where it stands now.
func rewinder(input io.Reader) func() error {
	if input == nil {
		return func() error { return nil }
	}
	seeker, ok := input.(io.Seeker)
	if !ok {
		return func() error { return errors.ErrUnsupported }
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	return func() error {
		if err != nil {
			return err
		}
		_, err := seeker.Seek(start, io.SeekStart)
		return err
	}
}

func (h *Host) failure(s Script, err error) error {
	var exit *ExitError
	if err == nil || errors.As(err, &exit) {
		return err
	}
	return &ConnectionError{Host: h.Name(), Step: s.Step, Err: err}
}

func (h *Host) runOnce(parent context.Context, s Script, text []byte) (Result, error) {
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	printed := &capped{limit: maxStdout}
	var stdout io.Writer = printed
	if s.Stdout != nil {
		stdout = s.Stdout
	}
	p, err := h.begin(ctx, s, stdout, fail, h.sessions)
	if err != nil {
		return Result{}, err
	}
	go p.feed(text, fail)
	waitFor(ctx, p.done)
	if !p.hasEnded() {
		p.stop()
	}
	idle := p.inputIdle()
	if !p.hasEnded() {
		return Result{}, fmt.Errorf("the host did not confirm that the script was ended: %w", whyEnded(parent, ctx))
	}

	result := Result{Stdout: printed.buffer.Bytes(), Stderr: p.errors.text()}
	err = p.outcome()
	var exit *ExitError
	var lost *lostError
	if errors.As(err, &lost) {
		lost.repeatable = lost.repeatable && idle
	}
	switch {
	case lost != nil && p.conn.ended() != nil: // what became of the script nobody knows, also when it was to be ended
	case ctx.Err() != nil && (err != nil || parent.Err() == nil):
		err = fmt.Errorf("%w: %w", ErrEnded, whyEnded(parent, ctx))
	case errors.As(err, &exit):
		exit.Stdout = result.Stdout
	case err == nil && printed.dropped > 0:
		err = fmt.Errorf("the script printed %d bytes more than the %d MiB that are read", printed.dropped, maxStdout>>20)
	}
	return result, err
}

// whyEnded is the caller's context error, or what failed on this side.
func whyEnded(parent, ctx context.Context) error {
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	return context.Cause(ctx)
}

// inputIdle waits a moment for a pending read of the script's input and tells
// whether it returned. A reader that blocks for ever is left to the caller.
func (p *process) inputIdle() bool {
	select {
	case <-p.fed:
		return true
	case <-time.After(inputPatience):
		return false
	}
}
