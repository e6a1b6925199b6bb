package host

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// server is an SSH server on a loopback port that runs commands as sshd does:
// /bin/sh -c in a process group of its own. It lets everybody in unless an option
// says otherwise.
type server struct {
	t        testing.TB
	config   *ssh.ServerConfig
	listener net.Listener

	maxSessions int           // per connection; more are refused
	shell       []string      // login shell, before -c COMMAND; default /bin/sh
	noExec      bool          // refuse exec requests
	signals     bool          // honour signal requests, as sshd does for users only
	mute        chan struct{} // while open, connections are accepted and not answered

	mu          sync.Mutex
	conns       []net.Conn
	connections int
	peak        int // most sessions at once on one connection
	commands    []string
	attempts    int // authentications begun
}

type serverOption func(*server)

func withHostKeys(keys ...ssh.Signer) serverOption {
	return func(s *server) {
		for _, key := range keys {
			s.config.AddHostKey(key)
		}
	}
}

func withMaxSessions(n int) serverOption     { return func(s *server) { s.maxSessions = n } }
func withShell(shell ...string) serverOption { return func(s *server) { s.shell = shell } }
func withSignals() serverOption              { return func(s *server) { s.signals = true } }

func withAuthorizedKey(key ssh.PublicKey) serverOption {
	return func(s *server) {
		s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(offered.Marshal(), key.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("not authorized")
		}
	}
}

func startServer(t testing.TB, options ...serverOption) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, config: &ssh.ServerConfig{}, listener: listener, maxSessions: 10, shell: []string{"/bin/sh"}}
	s.config.MaxAuthTries = 20
	s.config.AuthLogCallback = func(ssh.ConnMetadata, string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.attempts++
	}
	s.config.AddHostKey(serverKey)
	for _, option := range options {
		option(s)
	}
	s.config.NoClientAuth = s.config.PublicKeyCallback == nil && s.config.PasswordCallback == nil && s.config.KeyboardInteractiveCallback == nil
	go s.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		s.drop()
	})
	return s
}

// host returns a Host for the server, which trusts its key unless changed.
func (s *server) host(change func(*Config)) *Host {
	s.t.Helper()
	off := false
	cfg := Config{Name: "xen01", Address: "127.0.0.1", Port: s.port(), Agent: &off, HostKey: publicLine(serverKey.PublicKey()), ConnectTimeout: 5 * time.Second}
	if change != nil {
		change(&cfg)
	}
	h := New(cfg)
	s.t.Cleanup(func() { _ = h.Close() })
	return h
}

func (s *server) port() int {
	addr, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		s.t.Fatal("no TCP address")
	}
	return addr.Port
}

// drop cuts every connection.
func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
}

func (s *server) count(what *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *what
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.connections++
		s.mu.Unlock()
		if s.mute != nil {
			continue
		}
		go s.serve(conn)
	}
}

func (s *server) serve(raw net.Conn) {
	conn, channels, requests, err := ssh.NewServerConn(raw, s.config)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	go ssh.DiscardRequests(requests)

	var mu sync.Mutex
	open := 0
	for request := range channels {
		mu.Lock()
		if open >= s.maxSessions {
			mu.Unlock()
			_ = request.Reject(ssh.Prohibited, "open failed")
			continue
		}
		open++
		now := open
		mu.Unlock()
		s.mu.Lock()
		s.peak = max(s.peak, now)
		s.mu.Unlock()

		channel, channelRequests, err := request.Accept()
		if err != nil {
			return
		}
		go func() {
			s.session(channel, channelRequests)
			mu.Lock()
			open--
			mu.Unlock()
			_ = channel.Close()
		}()
	}
}

// session runs one exec request until its process ended.
func (s *server) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	var cmd *exec.Cmd
	ended := make(chan struct{})
	for {
		select {
		case <-ended:
			return
		case request, ok := <-requests:
			if !ok {
				requests = nil
				if cmd == nil {
					return
				}
				continue
			}
			switch request.Type {
			case "exec":
				if s.noExec {
					_ = request.Reply(false, nil)
					return
				}
				var line struct{ Command string }
				_ = ssh.Unmarshal(request.Payload, &line)
				cmd = s.start(channel, line.Command, ended)
				_ = request.Reply(cmd != nil, nil)
				if cmd == nil {
					return
				}
			case "signal":
				var signal struct{ Name string }
				_ = ssh.Unmarshal(request.Payload, &signal)
				if number := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[signal.Name]; s.signals && cmd != nil {
					_ = syscall.Kill(-cmd.Process.Pid, number)
				}
			default:
				_ = request.Reply(false, nil)
			}
		}
	}
}

func (s *server) start(channel ssh.Channel, command string, ended chan<- struct{}) *exec.Cmd {
	s.mu.Lock()
	s.commands = append(s.commands, command)
	s.mu.Unlock()
	argv := append(slices.Clone(s.shell), "-c", command)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil
	}
	if err := cmd.Start(); err != nil {
		return nil
	}
	go func() {
		_, _ = io.Copy(stdin, channel)
		_ = stdin.Close()
	}()
	go func() {
		_ = cmd.Wait()
		status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			name := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL"}[status.Signal()]
			_, _ = channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
				Name  string
				Core  bool
				Error string
				Lang  string
			}{Name: name}))
		} else {
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status.ExitStatus())}))
		}
		close(ended)
	}()
	return cmd
}

var (
	serverKey  = newKey("ed25519")
	ecdsaKey   = newKey("ecdsa")
	rsaKey     = newKey("rsa")
	changedKey = newKey("ed25519")
)

// privateKeys holds the keys behind the signers of newKey.
var privateKeys = map[string]crypto.PrivateKey{}

func newKey(kind string) ssh.Signer {
	var key crypto.PrivateKey
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		panic(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	privateKeys[string(signer.PublicKey().Marshal())] = key
	return signer
}

func privateKey(signer ssh.Signer) crypto.PrivateKey {
	return privateKeys[string(signer.PublicKey().Marshal())]
}

// keyText returns the key as ssh-keygen writes it.
func keyText(t testing.TB, signer ssh.Signer, passphrase string) string {
	t.Helper()
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(privateKey(signer), "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(privateKey(signer), "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventually waits for something that happens on another goroutine or process.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for range 500 {
		if happened() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("did not happen: %s", what) // not Fatal: other goroutines call this, too
}

// alive tells whether a process exists and is no zombie.
func alive(t testing.TB, pid string) bool {
	t.Helper()
	if _, err := strconv.Atoi(pid); err != nil {
		t.Fatalf("not a process id: %q", pid)
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, fields, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(fields, []byte("Z"))
}
