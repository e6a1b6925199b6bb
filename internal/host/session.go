package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/semaphore"
)

// feedSize is how many bytes of input are written at once: small pieces cost half of the throughput.
const feedSize = 256 << 10

// grace is how long an ended script may clean up before it is killed.
const grace = 5 * time.Second

// process is one script in one session.
type process struct {
	host    *Host
	conn    *connection
	script  Script
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  *output
	stderr  *output
	errors  *capped // where stderr goes

	sent atomic.Bool   // the script's text went out whole
	fed  chan struct{} // closed when nothing reads Script.Stdin any more
	done chan struct{} // closed at the end, which set err
	err  error         // of ssh.Session.Wait
}

// begin takes the slots, connects when needed and starts a session for s, in which
// nothing runs before its text is sent. The slots are free again when it ends.
func (h *Host) begin(ctx context.Context, s Script, stdout io.Writer, fail func(error), slots ...*semaphore.Weighted) (*process, error) {
	var taken []*semaphore.Weighted
	release := func() {
		for _, slot := range taken {
			slot.Release(1)
		}
	}
	for _, slot := range slots {
		if err := slot.Acquire(ctx, 1); err != nil {
			release()
			return nil, err
		}
		taken = append(taken, slot)
	}
	conn, err := h.connect(ctx)
	if err != nil {
		release()
		return nil, err
	}
	messages := &capped{limit: maxStderr}
	return h.open(ctx, &process{
		host:   h,
		conn:   conn,
		script: s,
		stdout: newOutput(stdout, fail),
		stderr: newOutput(messages, fail),
		errors: messages,
		fed:    make(chan struct{}),
		done:   make(chan struct{}),
	}, release)
}

// open starts the session of p, and calls release when it ended or never began.
func (h *Host) open(ctx context.Context, p *process, release func()) (*process, error) {
	opened := make(chan error, 1)
	go func() { opened <- p.open(ctx) }()
	select {
	case err := <-opened:
		if err != nil {
			release()
			return nil, err
		}
	case <-ctx.Done():
		go func() { // the library waits for the host's answer, the caller does not
			if <-opened == nil {
				_ = p.session.Close()
			}
			release()
		}()
		return nil, context.Cause(ctx)
	}
	h.scripts.Add(1)
	go func() {
		p.err = p.session.Wait()
		_ = p.session.Close()
		close(p.done)
		release()
	}()
	return p, nil
}

// open starts the constant command line. A host that refuses the session is asked
// again for a while: its limit may count sessions that are just ending.
func (p *process) open(ctx context.Context) error {
	deadline := time.Now().Add(p.host.cfg.ConnectTimeout)
	for {
		err := p.openOnce()
		var refused *ssh.OpenChannelError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errExecRefused):
			return fmt.Errorf("%s: %w", p.host.target(), err)
		case !errors.As(err, &refused):
			err = p.conn.cause(err)
			p.conn.close(err)
			return &lostError{to: p.host.target(), repeatable: true, err: err}
		case time.Now().After(deadline) || !pause(ctx):
			return fmt.Errorf("%s refused a session: %w; if MaxSessions of its sshd_config is below %d, raise it or configure fewer sessions",
				p.host.target(), err, p.host.cfg.MaxSessions)
		}
	}
}

func (p *process) openOnce() error {
	session, err := p.conn.client.NewSession()
	if err != nil {
		return err
	}
	session.Stdout, session.Stderr = p.stdout, p.stderr
	stdin, err := session.StdinPipe()
	if err == nil {
		err = session.Start(p.host.commandLine())
		var broken *net.OpError
		if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &broken) {
			err = fmt.Errorf("%w: %w", errExecRefused, err)
		}
	}
	if err != nil {
		_ = session.Close()
		return err
	}
	p.session, p.stdin = session, stdin
	return nil
}

func (h *Host) commandLine() string {
	if h.cfg.Sudo {
		return sudoCommandLine
	}
	return commandLine
}

// feed sends the script and then its input. Only an input that cannot be read is a
// failure: when the script ends early, its exit status tells why.
func (p *process) feed(text []byte, fail func(error)) {
	defer close(p.fed)
	if !p.send(text) {
		return
	}
	if p.script.Stdin != nil {
		input := &watchedReader{from: p.script.Stdin}
		if _, err := io.CopyBuffer(p.stdin, input, make([]byte, feedSize)); input.err != nil {
			fail(fmt.Errorf("its standard input could not be read: %w", input.err))
			return // an end of file would look like the whole of it
		} else if err != nil {
			return
		}
	}
	_ = p.stdin.Close()
}

func (p *process) send(text []byte) bool {
	_, err := p.stdin.Write(text)
	p.sent.Store(err == nil)
	return err == nil
}

// watchedReader remembers why reading failed.
type watchedReader struct {
	from io.Reader
	err  error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// stop ends the script with all its children: TERM, and KILL after the grace.
func (p *process) stop() {
	for _, signal := range []ssh.Signal{ssh.SIGTERM, ssh.SIGKILL} {
		ctx, cancel := context.WithTimeout(p.host.life, grace)
		go func() {
			waitFor(ctx, p.done)
			cancel()
		}()
		p.signal(ctx, signal)
		<-ctx.Done()
		if p.hasEnded() {
			return
		}
	}
	go func() { _ = p.session.Close() }()
}

// signal sends a signal to the script's process group once it has one: as a signal
// request, and for what that did not end by a script of its own. sshd before 9.8
// refuses the request for root, and one for a user cannot reach what runs under sudo.
func (p *process) signal(ctx context.Context, signal ssh.Signal) {
	waitFor(ctx, p.stdout.begun)
	go func() { _ = p.session.Signal(signal) }() // a stuck connection blocks it
	soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	<-soon.Done()
	if ctx.Err() == nil && p.stdout.hasBegun() {
		_ = p.host.kill(ctx, signal, p.stdout.id) // the caller sees whether it helped
	}
}

// kill runs in a slot of its own, so that it never waits for the scripts it ends.
func (h *Host) kill(ctx context.Context, signal ssh.Signal, id string) error {
	s := Script{Text: `kill "-$1" "$2"`, Args: []string{string(signal), id}}
	text, err := s.encode()
	if err != nil {
		return err
	}
	p, err := h.begin(ctx, s, io.Discard, func(error) {}, h.endings)
	if err != nil {
		return err
	}
	go p.feed(text, func(error) {})
	waitFor(ctx, p.done)
	if !p.hasEnded() {
		go func() { _ = p.session.Close() }()
		return ctx.Err()
	}
	return p.outcome()
}

func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func waitFor(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// outcome says what the end of the script means; nil is exit status 0.
func (p *process) outcome() error {
	var exit *ssh.ExitError
	said := errors.As(p.err, &exit)
	switch {
	case p.err != nil && !said:
		return p.lost()
	case !p.stdout.hasBegun():
		return p.notRun()
	case said:
		return &ExitError{
			Host: p.host.Name(), Step: p.script.Step,
			Status: exit.ExitStatus(), Signal: exit.Signal(), Stderr: p.errors.text(),
		}
	}
	return nil
}

// lost is the error of a session that ended without an exit status.
func (p *process) lost() error {
	started := p.sent.Load()
	return &lostError{
		to:         p.host.target(),
		started:    started,
		repeatable: !started || p.script.Repeatable && p.stdout.written == 0,
		err:        p.conn.cause(errors.New("the host closed the session without an exit status")),
	}
}

// notRun is the error of a login shell that ended by itself, such as nologin(8).
func (p *process) notRun() error {
	status := "exit status 0"
	if p.err != nil {
		status = p.err.Error()
	}
	said := strings.TrimSpace(string(p.stdout.before) + "\n" + string(p.stderr.before))
	if said == "" {
		said = "(nothing)"
	}
	hint := "The user needs a login shell that runs sh, and sh needs dd"
	if p.host.cfg.Sudo {
		hint = fmt.Sprintf("sudo must run sh without a password: add \"%s ALL=(root) NOPASSWD: ALL\" to sudoers", p.host.cfg.User)
	}
	return fmt.Errorf("the login shell of %s did not run the script (%s). It said:\n%s\n%s", p.host.target(), status, said, hint)
}
