package host

import (
	"bytes"
	"fmt"
	"io"
)

const (
	maxStdout   = 64 << 20 // of Result.Stdout
	maxStderr   = 4 << 20  // of Result.Stderr
	maxGreeting = 64 << 10 // of what the login shell printed
)

// output takes one stream of a session. It keeps what comes before the marker line
// apart and passes on what comes after it.
type output struct {
	to      io.Writer
	fail    func(error)   // told when to refuses bytes
	begun   chan struct{} // closed at the marker line
	id      string        // what kill(1) takes to reach the script; valid once begun
	before  []byte        // what the login shell printed
	written int64         // bytes offered to to
	broken  bool          // to refused bytes; the rest is dropped so that the script can end
}

func newOutput(to io.Writer, fail func(error)) *output {
	return &output{to: to, fail: fail, begun: make(chan struct{})}
}

// Write never fails: a script must not hang because its reader went away.
func (o *output) Write(p []byte) (int, error) {
	if o.hasBegun() {
		o.pass(p)
	} else if rest, found := o.cut(p); found {
		o.pass(rest)
	}
	return len(p), nil
}

func (o *output) hasBegun() bool {
	select {
	case <-o.begun:
		return true
	default:
		return false
	}
}

// cut looks for the marker line and returns what follows it.
func (o *output) cut(p []byte) (rest []byte, found bool) {
	o.before = append(o.before, p...)
	if greeting, tail, ok := bytes.Cut(o.before, []byte(marker)); ok {
		if id, rest, ok := bytes.Cut(tail, []byte("\n")); ok {
			o.id, o.before = string(id), greeting
			close(o.begun)
			return rest, true
		}
		return nil, false
	}
	if extra := len(o.before) - maxGreeting; extra > 0 {
		o.before = o.before[extra:]
	}
	return nil, false
}

func (o *output) pass(p []byte) {
	if o.broken || len(p) == 0 {
		return
	}
	o.written += int64(len(p))
	if _, err := o.to.Write(p); err != nil {
		o.broken = true
		o.fail(fmt.Errorf("its standard output could not be taken: %w", err))
	}
}

// capped is a buffer that counts what it has no room for.
type capped struct {
	buffer  bytes.Buffer
	limit   int
	dropped int64
}

func (c *capped) Write(p []byte) (int, error) {
	fits := min(len(p), c.limit-c.buffer.Len())
	c.buffer.Write(p[:fits])
	c.dropped += int64(len(p) - fits)
	return len(p), nil
}

// text returns the bytes, with a last line that tells of the dropped ones.
func (c *capped) text() []byte {
	if c.dropped == 0 {
		return c.buffer.Bytes()
	}
	return fmt.Appendf(c.buffer.Bytes(), "\n[%d bytes more]\n", c.dropped)
}
