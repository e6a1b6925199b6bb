package simhost

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

var errDenied = errors.New("permission denied")

func (h *Host) serverConfig() *ssh.ServerConfig {
	c := &ssh.ServerConfig{MaxAuthTries: 6, ServerVersion: "SSH-2.0-OpenSSH_9.2p1 simhost"}
	c.AddHostKey(h.keys.host)
	if !h.settings.PublicKeyOff {
		c.PublicKeyCallback = func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, allow(m.User() == h.User() && bytes.Equal(key.Marshal(), h.keys.client.Marshal()))
		}
	}
	correct := func(user, answer string) bool {
		return user == h.User() && subtle.ConstantTimeCompare([]byte(answer), []byte(h.settings.Password)) == 1
	}
	switch {
	case h.settings.Password == "":
	case h.settings.Interactive:
		c.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return nil, allow(len(answers) == 1 && correct(m.User(), answers[0]))
		}
	default:
		c.PasswordCallback = func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, allow(correct(m.User(), string(password)))
		}
	}
	return c
}

func allow(ok bool) error {
	if !ok {
		return errDenied
	}
	return nil
}

// accept serves connections until the listener closes.
func (h *Host) accept() {
	for {
		c, err := h.listener.Accept()
		if err != nil {
			return
		}
		conn := &countedConn{Conn: c, host: h}
		if !h.track(conn) {
			_ = c.Close()
			return
		}
		go h.serve(conn)
	}
}

func (h *Host) track(c net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.conns[c] = struct{}{}
	return true
}

func (h *Host) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		h.mu.Lock()
		delete(h.conns, c)
		h.mu.Unlock()
	}()
	conn, channels, requests, err := ssh.NewServerConn(c, h.ssh)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.connections++
	h.mu.Unlock()
	go answerGlobal(requests)
	var open atomic.Int64
	for ch := range channels {
		if ch.ChannelType() == "direct-tcpip" {
			go h.forward(ch)
			continue
		}
		if reason, text := h.refusal(ch, &open); text != "" {
			_ = ch.Reject(reason, text)
			continue
		}
		channel, reqs, err := ch.Accept()
		if err != nil {
			break
		}
		open.Add(1)
		go func() {
			defer open.Add(-1)
			h.session(channel, reqs)
		}()
	}
	_ = conn.Close()
}

// answerGlobal answers keep-alives as sshd does: with a failure, which is an answer.
func answerGlobal(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

// refusal says why a channel is not opened; an empty text lets it pass.
func (h *Host) refusal(ch ssh.NewChannel, open *atomic.Int64) (ssh.RejectionReason, string) {
	if ch.ChannelType() != "session" {
		return ssh.UnknownChannelType, fmt.Sprintf("unknown channel type %q", ch.ChannelType())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse > 0 {
		h.refuse--
		return ssh.ConnectionFailed, "open failed"
	}
	if open.Load() >= int64(h.settings.MaxSessions) {
		return ssh.ConnectionFailed, "open failed"
	}
	return 0, ""
}

// countedConn counts bytes for DropAfter.
type countedConn struct {
	net.Conn
	host *Host
}

// Read reads from the client.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.host.passed(n)
	return n, err
}

// Write writes to the client.
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.host.passed(n)
	return n, err
}

// passed takes n bytes off what DropAfter allows and cuts every connection when nothing is left.
func (h *Host) passed(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dropAfter < 0 {
		return
	}
	if h.dropAfter -= int64(n); h.dropAfter <= 0 {
		h.dropAfter = -1
		h.cut()
	}
}

// cut closes every connection; the caller holds h.mu.
func (h *Host) cut() {
	for c := range h.conns {
		_ = c.Close()
	}
}
