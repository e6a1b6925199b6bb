// Package simhost is a Xen host for fast tests: an SSH server in this process that runs every command with the real
// /bin/sh over real files, and simulated Xen tools (xl, losetup, ip) ahead in PATH. Domains are records, not guests.
//
// What the simulated tools say and refuse is what Xen 4.17 says and refuses; the scenario in the folder contract runs
// on this host and on a real one and compares.
package simhost

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Host is one simulated Xen host.
type Host struct {
	dir      string
	settings settings
	store    *store
	keys     keys
	listener net.Listener
	ssh      *ssh.ServerConfig

	mu          sync.Mutex
	closed      bool
	connections int
	commands    int
	refuse      int
	forwards    map[string]string
	step        step
	full        int   // commands until files are full: 1 from the next one on, 0 never
	dropAfter   int64 // bytes left until the connections are cut; negative: never
	conns       map[net.Conn]struct{}
	running     map[int]struct{} // process groups of live sessions
	sessions    sync.WaitGroup
}

// Start makes a simulated host that ends with the test.
func Start(t testing.TB, opts ...Option) *Host {
	t.Helper()
	h, err := New(t.TempDir(), opts...)
	if err != nil {
		t.Fatalf("Unable to start a simulated host: %v", err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("Unable to stop the simulated host: %v", err)
		}
	})
	return h
}

// New makes a simulated host that keeps everything in dir and listens on a loopback port until Close. A second New
// with the same directory finds the same keys and domains.
func New(dir string, opts ...Option) (*Host, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	h := &Host{
		dir: dir, settings: defaults(), store: &store{dir: filepath.Join(dir, "sim")},
		dropAfter: -1, forwards: map[string]string{}, conns: map[net.Conn]struct{}{}, running: map[int]struct{}{},
	}
	for _, set := range opts {
		set(&h.settings)
	}
	if err := h.store.prepare(h.settings); err != nil {
		return nil, err
	}
	if err := errors.Join(h.installTools(), h.makeRoot()); err != nil {
		return nil, err
	}
	if h.keys, err = makeKeys(filepath.Join(dir, "keys"), h.settings); err != nil {
		return nil, err
	}
	h.ssh = h.serverConfig()
	h.listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(h.settings.Port)))
	if err != nil {
		return nil, err
	}
	if err := h.store.watchAll(); err != nil {
		return nil, errors.Join(err, h.listener.Close())
	}
	go h.accept()
	return h, nil
}

// Close cuts every connection, ends the processes of sessions that still run, and stops listening. It is idempotent.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	err := h.listener.Close()
	for c := range h.conns {
		_ = c.Close()
	}
	for pid := range h.running {
		_ = killGroup(pid)
	}
	h.mu.Unlock()
	h.sessions.Wait()
	h.store.unwatchAll()
	return err
}

// Address is the loopback address that the host listens on.
func (h *Host) Address() string { return "127.0.0.1" }

// Port is the TCP port that the host listens on.
func (h *Host) Port() int {
	if a, ok := h.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// User is the name that may log in.
func (h *Host) User() string { return h.settings.User }

// PrivateKeyFile is the path of a private key that the host accepts.
func (h *Host) PrivateKeyFile() string { return h.keys.privateFile }

// HostKey is the host's public key as it stands in known_hosts, "ssh-ed25519 AAAA...".
func (h *Host) HostKey() string { return h.keys.hostPublic }

// Datastore is a path on the host for the provider's datastore; nothing has made it yet.
func (h *Host) Datastore() string { return filepath.Join(h.dir, "datastore") }

// Dir is the folder that holds the whole host.
func (h *Host) Dir() string { return h.dir }

// Env is the provider's configuration for this host as KEY=value.
func (h *Host) Env() []string {
	return []string{
		"XEN_HOST=" + h.Address(),
		"XEN_PORT=" + strconv.Itoa(h.Port()),
		"XEN_USER=" + h.User(),
		"XEN_PRIVATE_KEY_FILE=" + h.PrivateKeyFile(),
		"XEN_HOST_KEY=" + h.HostKey(),
		"XEN_DATASTORE=" + h.Datastore(),
		"XEN_CONFIG_FILES=" + os.DevNull, // what the user says to ssh of other hosts does not count
	}
}

// Connections is how many SSH connections were opened and authenticated.
func (h *Host) Connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections
}

// Commands is how many exec requests came.
func (h *Host) Commands() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.commands
}

// Sessions is how many commands of sessions run now.
func (h *Host) Sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.running)
}

// XL runs xl as an administrator in dom0 would.
func (h *Host) XL(args ...string) (stdout, stderr string, code int) {
	return h.run("xl", args...)
}

// Losetup runs losetup as an administrator in dom0 would.
func (h *Host) Losetup(args ...string) (stdout, stderr string, code int) {
	return h.run("losetup", args...)
}

func (h *Host) run(tool string, args ...string) (string, string, int) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(h.binDir(), tool), args...)
	cmd.Env = h.environment()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return stdout.String(), stderr.String(), exit.ExitCode()
	case err != nil:
		return stdout.String(), fmt.Sprintln(err), 127
	}
	return stdout.String(), stderr.String(), 0
}

// environment is what a login on the host finds in its environment.
func (h *Host) environment() []string {
	home := filepath.Join(h.dir, "home")
	return []string{
		"PATH=" + h.path(), "HOME=" + home, "USER=" + h.User(), "LOGNAME=" + h.User(), "SHELL=/bin/sh",
		"TMPDIR=" + os.TempDir(), "LANG=C.UTF-8", "SIMHOST_ROOT=" + h.Root(),
	}
}
