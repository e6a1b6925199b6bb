package acceptance_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire leads from a port of this machine to a host, until it is cut.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	conns []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, to: to}
	t.Cleanup(func() { _ = listener.Close(); w.cut() })
	go w.serve()
	return w
}

func (w *wire) port() int { return w.listener.Addr().(*net.TCPAddr).Port } //nolint:forcetypeassert // it listens on TCP

func (w *wire) serve() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.carry(near)
	}
}

// carry copies both ways until one end is closed.
func (w *wire) carry(near net.Conn) {
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = near.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, near, far)
	w.mu.Unlock()
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = near.Close()
			_ = far.Close()
		}()
	}
}

// cut ends all connections; new ones may come.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.conns = nil
}
