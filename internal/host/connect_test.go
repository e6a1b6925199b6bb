package host

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewDialsNothing(t *testing.T) {
	s := startServer(t)
	h := s.host(nil)
	if h.Name() != "xen01" || s.connections != 0 {
		t.Error(h.Name(), s.connections)
	}
	if got := New(Config{Address: "192.0.2.70"}).Name(); got != "192.0.2.70" {
		t.Errorf("a host without a name is called %q", got)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReconnect(t *testing.T) {
	s := startServer(t)
	h := s.host(nil)
	for n := range 3 {
		if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
			t.Fatalf("script %d: %v", n, err)
		}
		s.drop()
	}
	if got := h.Stats().Connections; got != 3 {
		t.Errorf("%d connections", got)
	}
}

// dropOnce is a script that cuts its own connection in the first run.
func dropOnce(t *testing.T, s *server) Script {
	trace := t.TempDir() + "/runs"
	go func() {
		eventually(t, "the script runs", func() bool { _, err := os.Stat(trace); return err == nil })
		s.drop()
	}()
	return Script{Step: "create domain web-1", Text: `[ -e "$1" ] && { cat; exit 0; }; : >"$1"; sleep 20`, Args: []string{trace}}
}

func TestLostConnection(t *testing.T) {
	tests := map[string]struct {
		change func(*Script)
		again  bool
		want   string
	}{
		"not repeatable":       {func(*Script) {}, false, ""},
		"repeatable":           {func(s *Script) { s.Repeatable = true }, true, ""},
		"with an input":        {func(s *Script) { s.Repeatable = true; s.Stdin = io.LimitReader(&counter{}, 10) }, false, ""},
		"with a file":          {func(s *Script) { s.Repeatable = true; s.Stdin = afterHead("head,tail", 5) }, true, "tail"},
		"after it had printed": {func(s *Script) { s.Repeatable = true; s.Stdout = &maker{s.Args[0]}; s.Text = "echo x; sleep 20" }, false, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			h := s.host(nil)
			script := dropOnce(t, s)
			test.change(&script)
			result, err := h.Run(t.Context(), script)
			if test.again {
				if err != nil || string(result.Stdout) != test.want {
					t.Errorf("%q %v", result.Stdout, err)
				}
				return
			}
			var failed *ConnectionError
			want := `Unable to create domain web-1 on host "xen01": the connection to ` + h.target() + ` was lost while the script ran, so its outcome is unknown: `
			if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), want) {
				t.Error(err)
			}
		})
	}
}

// maker makes a file when something is written to it: what was printed has arrived then.
type maker struct{ file string }

func (m *maker) Write(p []byte) (int, error) {
	return len(p), os.WriteFile(m.file, p, 0o600)
}

// afterHead returns a reader that stands in the middle of text.
func afterHead(text string, head int64) io.Reader {
	r := strings.NewReader(text)
	_, _ = r.Seek(head, io.SeekStart)
	return r
}

func TestOneDialForAll(t *testing.T) {
	s := startServer(t)
	h := s.host(nil)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for n := range 30 {
		all.Go(func() {
			if n == 0 {
				_, _ = h.Run(ctx, Script{Text: "true"})
			} else if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
				t.Error(err)
			}
		})
	}
	cancel() // the first may be the one that dials
	all.Wait()
	if got := s.count(&s.connections); got != 1 {
		t.Errorf("%d connections", got)
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	h := New(Config{Name: "xen01", Address: "127.0.0.1", Port: address.Port})
	_, err = h.Run(t.Context(), Script{Step: "list images", Text: "true"})
	var failed *ConnectionError
	if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), `Unable to list images on host "xen01": dial tcp `+address.String()) || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}

// A server may take its time to say who it is, and say something else before (RFC 4253, section 4.2).
func TestHostWithASlowBanner(t *testing.T) {
	s := startServer(t)
	slow, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slow.Close() })
	go func() {
		for {
			near, err := slow.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", s.listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(near, "The host is waking up.\r\n")
			time.Sleep(500 * time.Millisecond)
			go func() { _, _ = io.Copy(far, near) }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	h := s.host(func(c *Config) { c.Port = slow.Addr().(*net.TCPAddr).Port }) //nolint:forcetypeassert // it listens on TCP
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}

func TestHostThatNeverAnswers(t *testing.T) {
	s := startServer(t, func(s *server) { s.mute = make(chan struct{}) })
	h := s.host(func(c *Config) { c.ConnectTimeout = 300 * time.Millisecond })
	begun := time.Now()
	_, err := h.Run(t.Context(), Script{Text: "true"})
	if err == nil || !strings.Contains(err.Error(), "no answer from "+h.target()+" within 300ms") || time.Since(begun) > 2*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Run(ctx, Script{Text: "true"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestHostThatHangsUpIsAskedAgain(t *testing.T) {
	s := startServer(t)
	var once sync.Once
	proxy := startProxy(t, s, func(conn net.Conn) { once.Do(func() { _ = conn.Close() }) })
	h := s.host(func(c *Config) { c.Port = proxy.port })
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}

func TestKeepAliveNoticesASilentHost(t *testing.T) {
	s := startServer(t)
	proxy := startProxy(t, s, nil)
	h := s.host(func(c *Config) { c.Port = proxy.port; c.KeepAlive = 50 * time.Millisecond })
	held, err := h.Hold(t.Context(), Script{Text: holdText})
	if err != nil {
		t.Fatal(err)
	}
	proxy.silence()
	select {
	case <-held.Lost():
	case <-time.After(5 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := held.Release(); err == nil || !strings.Contains(err.Error(), "no sign of life for 150ms") {
		t.Error(err)
	}
}

// proxy stands between a host and its server, and can stop handing on bytes.
type proxy struct {
	port    int
	silent  chan struct{}
	silence func()
}

func startProxy(t *testing.T, s *server, meet func(net.Conn)) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	p := &proxy{port: address.Port, silent: make(chan struct{})}
	p.silence = sync.OnceFunc(func() { close(p.silent) })
	forward := func(to, from net.Conn) {
		defer func() { _ = to.Close() }()
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			select {
			case <-p.silent:
			default:
				_, _ = to.Write(buffer[:n])
			}
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if meet != nil {
				meet(client)
			}
			server, err := net.Dial("tcp", s.listener.Addr().String())
			if err != nil {
				return
			}
			go forward(server, client)
			go forward(client, server)
		}
	}()
	return p
}
