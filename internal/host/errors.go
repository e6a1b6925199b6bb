package host

import (
	"errors"
	"fmt"
	"strings"
)

var (
	errClosed      = errors.New("the connection was closed")
	errExecRefused = errors.New("the host runs no commands for this user")
)

// ErrEnded tells that a script was ended on the host, with what it had begun, because its caller gave up.
var ErrEnded = errors.New("the script was ended on the host")

// ExitError tells that the script ran and said no.
type ExitError struct {
	Host, Step     string
	Status         int    // exit status; 128 + n after signal n
	Signal         string // "TERM" when a signal ended it
	Stdout, Stderr []byte // what it printed; Stdout is empty when Script.Stdout took it
}

func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit status %d", e.Status)
	if e.Signal != "" {
		how = "ended by signal " + e.Signal
	}
	text := fmt.Sprintf("Unable to %s on host %q: %s", stepName(e.Step), e.Host, how)
	if said := strings.TrimSpace(string(e.Stderr)); said != "" {
		text += "\n\n" + said
	}
	return text
}

// ConnectionError tells that the script was not run, or that nobody knows how
// it ended: transport, authentication, host key, login shell, cancellation (which
// wraps ErrEnded when the host confirmed it). It never means that something is absent on the host.
type ConnectionError struct {
	Host, Step string
	Err        error
}

func (e *ConnectionError) Error() string {
	return fmt.Sprintf("Unable to %s on host %q: %s", stepName(e.Step), e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

func stepName(step string) string {
	if step == "" {
		return "run a script"
	}
	return step
}

// lostError tells that the connection went away under a script.
type lostError struct {
	to         string // user@address:port
	started    bool   // the script had been sent, so it may have run
	repeatable bool   // running it again does no harm
	err        error
}

func (e *lostError) Error() string {
	if !e.started {
		return fmt.Sprintf("the connection to %s was lost before the script ran: %s", e.to, e.err)
	}
	return fmt.Sprintf("the connection to %s was lost while the script ran, so its outcome is unknown: %s", e.to, e.err)
}

func (e *lostError) Unwrap() error { return e.err }

// authError tells that the host accepted none of the proofs offered.
type authError struct {
	to    string
	notes []string // one line per source of a proof
	err   error
}

func (e *authError) Error() string {
	text := fmt.Sprintf("%s accepted none of the ways to authenticate that were tried:\n  - %s\nThe last answer was: %s",
		e.to, strings.Join(e.notes, "\n  - "), e.err)
	if e.err != nil && strings.Contains(e.err.Error(), "Too many authentication failures") {
		text += "\nThe host hangs up after some keys (MaxAuthTries): name the right one with private_key_file, and it goes first"
	}
	return text
}

func (e *authError) Unwrap() error { return e.err }

// hostKeyError tells that the host's key is not the one that was expected.
type hostKeyError struct{ text string }

func (e *hostKeyError) Error() string { return e.text }
