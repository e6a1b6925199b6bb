package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startSSHD runs the OpenSSH server named by XEN_TEST_SSHD on a loopback port.
func startSSHD(t *testing.T, lines ...string) *Host {
	t.Helper()
	return startSSHDWhere(t, "", lines...)
}

// startSSHDWhere lets a script of root's arrange what the server finds mounted; nobody else sees that.
func startSSHDWhere(t *testing.T, mounts string, lines ...string) *Host {
	t.Helper()
	sshd := os.Getenv("XEN_TEST_SSHD")
	if sshd == "" {
		t.Skip("XEN_TEST_SSHD does not name an sshd; make test sets it")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	_ = listener.Close()

	directory := t.TempDir()
	key := writeFile(t, directory+"/key", keyText(t, userKey, ""))
	config := []string{
		fmt.Sprintf("ListenAddress 127.0.0.1:%d", address.Port),
		"HostKey " + writeFile(t, directory+"/host_key", keyText(t, serverKey, "")),
		"AuthorizedKeysFile " + writeFile(t, directory+"/authorized_keys", publicLine(userKey.PublicKey())+"\n"),
		"PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password",
		"SetEnv SHLVL=2", // bash then reads no ~/.bashrc: those of some developers take a second, and wait for each other
	}
	if me.Uid == "0" { // the privilege separation directory of sshd(8)
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := writeFile(t, directory+"/sshd_config", strings.Join(append(lines, config...), "\n")+"\n")
	log := &lockedBuffer{}
	daemon := exec.Command(sshd, "-D", "-e", "-f", file)
	if mounts != "" {
		if exec.Command("unshare", "-m", "true").Run() != nil {
			t.Skip("only root may mount something for one process alone")
		}
		daemon = exec.Command("unshare", append([]string{"-m", "sh", "-ec", mounts + "\nexec \"$@\"", "sh"}, daemon.Args...)...)
	}
	daemon.Stderr = log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log)
		}
	})
	eventually(t, "sshd listens", func() bool {
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	off := false
	h := New(Config{
		Name: "xen01", Address: "127.0.0.1", Port: address.Port, User: me.Username, PrivateKeyFiles: []string{key}, Agent: &off,
		KnownHostsFiles: []string{writeFile(t, directory+"/known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s\n", address.Port, publicLine(serverKey.PublicKey())))},
	})
	t.Cleanup(func() { _ = h.Close() })
	return h
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func TestOpenSSH(t *testing.T) {
	h := startSSHD(t)

	t.Run("streams and status", func(t *testing.T) {
		sum := sha256.New()
		result, err := h.Run(t.Context(), Script{
			Text:  `printf '%s\n' "$1"; sha256sum; echo err >&2; exit 3`,
			Args:  []string{"a'b"},
			Stdin: io.TeeReader(io.LimitReader(&counter{}, 8<<20), sum),
		})
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Status != 3 || string(exit.Stderr) != "err\n" {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("a'b\n%x  -\n", sum.Sum(nil)); string(result.Stdout) != want {
			t.Errorf("%q, want %q", result.Stdout, want)
		}
	})

	t.Run("unread input", func(t *testing.T) {
		_, err := h.Run(t.Context(), Script{Text: "exit 4", Stdin: io.LimitReader(&counter{}, 32<<20)})
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Status != 4 {
			t.Error(err)
		}
	})

	t.Run("killed by a signal", func(t *testing.T) {
		_, err := h.Run(t.Context(), Script{Text: "kill -TERM $$"})
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Status != 143 || exit.Signal != "TERM" {
			t.Error(err)
		}
	})

	t.Run("cancellation", func(t *testing.T) {
		directory := t.TempDir()
		var all sync.WaitGroup
		for n := range 8 { // all sessions at once, as Ctrl-C does
			all.Go(func() {
				file := fmt.Sprintf("%s/pid%d", directory, n)
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					eventually(t, "the script runs", func() bool { _, err := os.Stat(file); return err == nil })
					cancel()
				}()
				_, err := h.Run(ctx, Script{Text: `sleep 300 & echo $! >"$1.part"; mv "$1.part" "$1"; wait`, Args: []string{file}})
				pid, _ := os.ReadFile(file)
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				eventually(t, "the child is gone", func() bool { return !alive(t, strings.TrimSpace(string(pid))) })
			})
		}
		all.Wait()
	})

	t.Run("fifty at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})

	t.Run("hold", func(t *testing.T) {
		held, err := h.Hold(t.Context(), Script{Text: "echo $$; cat >/dev/null"})
		if err != nil {
			t.Fatal(err)
		}
		if err := held.Release(); err != nil || alive(t, held.Line()) {
			t.Error(err)
		}
	})

	if got := h.Stats().Connections; got != 1 {
		t.Errorf("%d connections", got)
	}

	t.Run("held script of a dead client", func(t *testing.T) {
		held, err := h.Hold(t.Context(), Script{Text: "echo $$; cat >/dev/null"})
		if err != nil {
			t.Fatal(err)
		}
		_ = h.Close()
		eventually(t, "the host ends the script", func() bool { return !alive(t, held.Line()) })
	})
}

func TestOpenSSHWithFewSessions(t *testing.T) {
	h := startSSHD(t, "MaxSessions 2")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := h.Run(t.Context(), Script{Text: "sleep 0.1"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestOpenSSHThatAllowsNoSession(t *testing.T) {
	h := startSSHD(t, "MaxSessions 0")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := h.Run(ctx, Script{Text: "true"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
