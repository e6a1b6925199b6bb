package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// refusalMemory is how long a refused authentication answers for the next ones:
// many resources in a row must not look like an attack to the host.
const refusalMemory = 30 * time.Second

// connection is one authenticated SSH connection.
type connection struct {
	client *ssh.Client
	dead   chan struct{} // closed when the connection ended

	mu  sync.Mutex
	why error // why it ended; set before dead is closed
}

// close ends the connection for the reason given; the first reason stays.
func (c *connection) close(why error) {
	c.mu.Lock()
	if c.why == nil {
		c.why = why
	}
	c.mu.Unlock()
	_ = c.client.Close()
}

// ended returns why the connection ended, nil while it lives.
func (c *connection) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// cause returns why the connection ended, which takes a moment to be known, or err
// while it lives.
func (c *connection) cause(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	waitFor(ctx, c.dead)
	return cmp.Or(c.ended(), err)
}

// connect returns the living connection and dials when there is none. However
// many scripts wait for it, one dial runs, and it outlives the script that asked.
func (h *Host) connect(ctx context.Context) (*connection, error) {
	if c := h.living(); c != nil {
		return c, nil
	}
	dialed := h.dialing.DoChan("dial", func() (any, error) {
		if c := h.living(); c != nil {
			return c, nil
		}
		return h.dial()
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-dialed:
		c, _ := r.Val.(*connection)
		return c, r.Err
	}
}

func (h *Host) living() *connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil || h.current.ended() != nil {
		return nil
	}
	return h.current
}

// dial opens the connection and makes it the current one.
func (h *Host) dial() (*connection, error) {
	if err := h.life.Err(); err != nil {
		return nil, errClosed
	}
	if err := h.recentRefusal(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(h.life, h.cfg.ConnectTimeout,
		fmt.Errorf("no answer from %s within %s", h.target(), h.cfg.ConnectTimeout))
	defer cancel()

	client, err := h.openClient(ctx)
	if transient(err) && pause(ctx) {
		client, err = h.openClient(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		h.rememberRefusal(err)
		return nil, err
	}
	h.connections.Add(1)
	c := &connection{client: client, dead: make(chan struct{})}
	go func() {
		c.close(cmp.Or(client.Wait(), io.EOF))
		close(c.dead)
	}()
	go c.keepAlive(h.cfg.KeepAlive)

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life.Err() != nil {
		c.close(errClosed)
		return nil, errClosed
	}
	h.current = c
	return c, nil
}

// openClient opens a TCP connection to the host and makes it an SSH client.
func (h *Host) openClient(ctx context.Context) (*ssh.Client, error) {
	transport, err := h.reach(ctx)
	if err != nil {
		return nil, err
	}
	return h.handshake(ctx, transport)
}

// reach opens a TCP connection to the host, from its bastion if it has one.
func (h *Host) reach(ctx context.Context) (net.Conn, error) {
	if h.bastion == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", h.address())
	}
	transport, err := h.bastion.Dial(ctx, h.address())
	var failed *ConnectionError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return nil, fmt.Errorf("by way of the bastion %s: %w", h.bastion.target(), err)
	}
	return transport, nil
}

// handshake turns a byte stream to the host into an SSH client, or closes it.
func (h *Host) handshake(ctx context.Context, transport net.Conn) (*ssh.Client, error) {
	stop := context.AfterFunc(ctx, func() { _ = transport.Close() })
	defer stop()

	keys, err := h.newHostKeyCheck()
	if err != nil {
		_ = transport.Close()
		return nil, err
	}
	proofs := h.newProofs()
	defer proofs.close()

	conn, channels, requests, err := ssh.NewClientConn(transport, h.knownAs(), &ssh.ClientConfig{
		Config:            ssh.Config{Ciphers: ciphers(hasAES())},
		User:              h.cfg.User,
		Auth:              proofs.methods(),
		AuthCallback:      proofs.observe,
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms,
	})
	switch {
	case err == nil && ctx.Err() == nil:
		return ssh.NewClient(conn, channels, requests), nil
	case err == nil:
		_ = conn.Close()
		return nil, context.Cause(ctx)
	case keys.refused != nil:
		return nil, keys.refused
	case proofs.begun:
		return nil, &authError{to: h.target(), notes: proofs.report(), err: errors.Unwrap(err)}
	default:
		return nil, keys.explain(fmt.Errorf("%s: %w", h.target(), err))
	}
}

// transient tells whether the host hung up before it knew who was calling, as sshd
// does when too many call at once (MaxStartups).
func transient(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// pause waits about half a second, never the same for two callers.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(300*time.Millisecond + rand.N(400*time.Millisecond)):
		return true
	}
}

func (h *Host) recentRefusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.refusedAt) < refusalMemory {
		return h.refusal
	}
	return nil
}

func (h *Host) rememberRefusal(err error) {
	var refused *authError
	if errors.As(err, &refused) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.refusal, h.refusedAt = err, time.Now()
	}
}

// keepAlive asks the host for a sign of life and ends the connection when three
// in a row stay unanswered, as ServerAliveCountMax of ssh_config(5) has it.
func (c *connection) keepAlive(interval time.Duration) {
	const patience = 3
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-c.dead:
			return
		case <-ticker.C:
		}
		silent := fmt.Errorf("no sign of life for %s", patience*interval)
		watch := time.AfterFunc(patience*interval, func() { c.close(silent) })
		_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
		watch.Stop()
		if err != nil {
			c.close(err)
			return
		}
	}
}

func (h *Host) address() string {
	return net.JoinHostPort(h.cfg.Address, strconv.Itoa(h.cfg.Port))
}

// knownAs is the address under which known_hosts holds the host: an alias stands there in lower case, as ssh(1) writes it, and without a
// port, like port 22.
func (h *Host) knownAs() string {
	if h.cfg.HostKeyAlias != "" {
		return net.JoinHostPort(strings.ToLower(h.cfg.HostKeyAlias), strconv.Itoa(defaultPort))
	}
	return h.address()
}

func (h *Host) target() string { return h.cfg.User + "@" + h.address() }
