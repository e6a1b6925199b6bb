package simhost_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// dial logs in with the host's key, or with the methods given.
func dial(t *testing.T, h *simhost.Host, auth ...ssh.AuthMethod) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", address(h), clientConfig(t, h, auth...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func address(h *simhost.Host) string { return h.Address() + ":" + strconv.Itoa(h.Port()) }

func clientConfig(t *testing.T, h *simhost.Host, auth ...ssh.AuthMethod) *ssh.ClientConfig {
	t.Helper()
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(h.HostKey()))
	if err != nil {
		t.Fatal(err)
	}
	if auth == nil {
		text, err := os.ReadFile(h.PrivateKeyFile())
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParsePrivateKey(text)
		if err != nil {
			t.Fatal(err)
		}
		auth = []ssh.AuthMethod{ssh.PublicKeys(key)}
	}
	return &ssh.ClientConfig{User: h.User(), Auth: auth, HostKeyCallback: ssh.FixedHostKey(hostKey), Timeout: 10 * time.Second}
}

type result struct {
	stdout, stderr string
	code           int
	signal         string
}

// sh runs one command in one session.
func sh(t *testing.T, c *ssh.Client, command, stdin string) result {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err = s.Run(command)
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	var exit *ssh.ExitError
	switch {
	case errors.As(err, &exit):
		r.code, r.signal = exit.ExitStatus(), exit.Signal()
	case err != nil:
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func contains(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: %q does not contain %q", what, got, want)
	}
}

// write makes a file on the host and returns its path.
func write(t *testing.T, h *simhost.Host, name, text string) string {
	t.Helper()
	file := filepath.Join(h.Dir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSessionsRunARealShell(t *testing.T) {
	h := simhost.Start(t)
	c := dial(t, h)
	r := sh(t, c, "cat; echo err >&2; exit 7", "hello")
	equal(t, "stdout", r.stdout, "hello")
	equal(t, "stderr", r.stderr, "err\n")
	equal(t, "status", r.code, 7)
	equal(t, "signal", sh(t, c, "kill -9 $$", "").signal, "KILL")
	equal(t, "connections", h.Connections(), 1)
	equal(t, "commands", h.Commands(), 2)
}

func TestASignalReachesTheWholeProcessGroup(t *testing.T) {
	h := simhost.Start(t)
	s, err := dial(t, h).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("echo up; sleep 60 | sleep 60; echo never"); err != nil {
		t.Fatal(err)
	}
	_, _ = out.Read(make([]byte, 3))
	if err := s.Signal(ssh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *ssh.ExitError
	if err := s.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("the command ended with %v, want the signal TERM", err)
	}
}

func TestALostConnectionClosesStandardInputAndKillsNothing(t *testing.T) {
	h := simhost.Start(t)
	c := dial(t, h)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// The shell outlives the connection: it sees the end of its input and still does its last step.
	if err := s.Start("echo up; cat >/dev/null; sleep 0.1; touch survived"); err != nil {
		t.Fatal(err)
	}
	_, _ = out.Read(make([]byte, 3))
	h.Drop()
	eventually(t, "the shell went on after the connection was lost", func() bool {
		_, err := os.Stat(filepath.Join(h.Dir(), "survived"))
		return err == nil
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func TestDropAfterCutsTheStreamOnce(t *testing.T) {
	h := simhost.Start(t)
	c := dial(t, h)
	h.DropAfter(100_000)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin = bytes.NewReader(make([]byte, 1<<20))
	if err := s.Run("cat >got"); err == nil {
		t.Error("a cut connection reported success")
	}
	eventually(t, "the shell has ended", func() bool { return h.Sessions() == 0 })
	if info, err := os.Stat(filepath.Join(h.Dir(), "got")); err == nil && info.Size() >= 1<<20 {
		t.Errorf("%d bytes arrived in spite of the cut", info.Size())
	}
	equal(t, "after the cut", sh(t, dial(t, h), "echo back", "").stdout, "back\n")
}

func TestRefusedSessions(t *testing.T) {
	h := simhost.Start(t, simhost.MaxSessions(1))
	c := dial(t, h)
	h.RefuseSession(1)
	if _, err := c.NewSession(); err == nil {
		t.Error("a refused session was opened")
	}
	first, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.NewSession(); err == nil {
		t.Error("a session beyond MaxSessions was opened")
	}
	_ = first.Close()
	eventually(t, "a session after the first has closed", func() bool {
		_, err := c.NewSession()
		return err == nil
	})
}

func TestAuthentication(t *testing.T) {
	answer := func(secret string) ssh.AuthMethod {
		return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			return []string{secret}[:len(questions)], nil
		})
	}
	for _, c := range []struct {
		name string
		opts []simhost.Option
		auth ssh.AuthMethod
		ok   bool
	}{
		{"password", []simhost.Option{simhost.Password("s3cret")}, ssh.Password("s3cret"), true},
		{"wrong password", []simhost.Option{simhost.Password("s3cret")}, ssh.Password("guess"), false},
		{"password not offered", nil, ssh.Password(""), false},
		{"keyboard-interactive", []simhost.Option{simhost.KeyboardInteractive("s3cret")}, answer("s3cret"), true},
		{"keyboard-interactive, wrong", []simhost.Option{simhost.KeyboardInteractive("s3cret")}, answer("guess"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := simhost.Start(t, c.opts...)
			client, err := ssh.Dial("tcp", address(h), clientConfig(t, h, c.auth))
			equal(t, "logged in", err == nil, c.ok)
			if client != nil {
				_ = client.Close()
			}
		})
	}
}

func TestKeysOfOtherKinds(t *testing.T) {
	for _, kind := range []string{"ecdsa", "rsa"} {
		h := simhost.Start(t, simhost.HostKeyType(kind), simhost.User("admin"))
		equal(t, kind, sh(t, dial(t, h), `echo "$USER"`, "").stdout, "admin\n")
	}
	h := simhost.Start(t, simhost.EncryptedKey("pass phrase"))
	text, err := os.ReadFile(h.PrivateKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKeyWithPassphrase(text, []byte("pass phrase"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "encrypted key", sh(t, dial(t, h, ssh.PublicKeys(key)), "echo in", "").stdout, "in\n")
}

func TestHiddenTools(t *testing.T) {
	h := simhost.Start(t, simhost.NoTool("xl"), simhost.NoTool("flock"))
	c := dial(t, h)
	for _, name := range []string{"xl", "flock"} {
		if r := sh(t, c, "command -v "+name, ""); r.code == 0 {
			t.Errorf("%s is found at %s", name, r.stdout)
		}
	}
	equal(t, "another tool", sh(t, c, "command -v cat >/dev/null", "").code, 0)
}

func TestFaultsOfTools(t *testing.T) {
	h := simhost.Start(t)
	c := dial(t, h)
	h.FailToolTimes(1, "xl list", 3, "libxl: error: no\n")
	r := sh(t, c, "xl list", "")
	equal(t, "status", r.code, 3)
	equal(t, "stderr", r.stderr, "libxl: error: no\n")
	equal(t, "the next run", sh(t, c, "xl list", "").code, 0)
	h.FailTool("mv", 1, "mv: cannot move: No space left on device")
	equal(t, "a tool of the machine", sh(t, c, "touch a; mv a b", "").code, 1)
	h.ClearFaults()
	equal(t, "after ClearFaults", sh(t, c, "touch a; mv a b", "").code, 0)
	h.DelayTool("xl info", 300*time.Millisecond)
	before := time.Now()
	equal(t, "delayed", sh(t, c, "xl info", "").code, 0)
	if took := time.Since(before); took < 300*time.Millisecond {
		t.Errorf("a delayed tool took %v only", took)
	}
	equal(t, "xl list in the log", h.Ran("xl list"), 2)
	equal(t, "all runs in the log", len(h.Log()), 5)
}

func TestTheMachinesOwnBridgesAreNotTheHosts(t *testing.T) {
	h := simhost.Start(t, simhost.Bridges("br0", "storage"))
	out := sh(t, dial(t, h), "ip -o link show type bridge", "").stdout
	equal(t, "bridges", strings.Count(out, "\n"), 2)
	contains(t, "bridges", out, ": storage: <")
	contains(t, "another question", sh(t, dial(t, h), "ip -o link show dev lo", "").stdout, "LOOPBACK")
}
