package host

import (
	"bufio"
	"errors"
	"net"
	"testing"
)

// TestDial connects from a host with a real sshd to a listener, to nobody, and where forwarding is off.
func TestDial(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("hello\n"))
			_ = conn.Close()
		}
	}()
	address := listener.Addr().String()
	h := startSSHD(t)
	conn, err := h.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
		t.Errorf("the listener said %q, %v", line, err)
	}
	_ = conn.Close()
	if _, err := startSSHD(t, "AllowTcpForwarding no").Dial(t.Context(), address); !errors.Is(err, ErrForwarding) {
		t.Errorf("without forwarding the error is %v", err)
	}
	_ = listener.Close()
	var broken *ConnectionError
	if _, err := h.Dial(t.Context(), address); err == nil || errors.As(err, &broken) || errors.Is(err, ErrForwarding) {
		t.Errorf("where nobody listens the error is %v", err)
	}
	_ = h.Close()
	if _, err := h.Dial(t.Context(), address); !errors.As(err, &broken) {
		t.Errorf("on a closed connection the error is %v", err)
	}
}
