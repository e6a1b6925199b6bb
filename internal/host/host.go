// Package host runs scripts on one remote host over one SSH connection. It
// knows hosts, keys, sessions and streams, and nothing of what the scripts are
// for.
//
// The connection is opened at the first use, shared by every script, watched by
// keep-alives and opened anew after it was lost. Values reach a script as
// positional parameters on its standard input, so nothing ever stands in shell
// text or in a process list.
package host

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

// Host key policies, with the meaning of StrictHostKeyChecking in ssh_config(5).
const (
	Strict    = "strict"     // only known keys
	AcceptNew = "accept-new" // unknown keys are recorded, changed keys refused
	Insecure  = "insecure"   // any key
)

// Config says how one host is reached. Zero values mean the defaults, which are
// OpenSSH's where OpenSSH has one.
type Config struct {
	Name    string // what errors call the host; default Address
	Address string // name or IP address
	Port    int    // default 22
	User    string // default root, whom the tools of dom0 want

	PrivateKeyFiles      []string // may begin with ~/; default the keys of ~/.ssh
	PrivateKey           string   // the text of a private key
	PrivateKeyPassphrase string   // opens whichever key is encrypted
	Password             string   // also answers keyboard-interactive
	Agent                *bool    // nil: when it has a socket
	AgentSocket          string   // default what SSH_AUTH_SOCK says
	IdentitiesOnly       bool     // the agent is asked for the keys of the files only

	HostKey         string   // pinned, "ssh-ed25519 AAAA..."; wins over known_hosts
	HostKeyAlias    string   // what known_hosts calls the host; default its address and port
	KnownHostsFiles []string // default ~/.ssh/known_hosts, where new keys are recorded, and /etc/ssh/ssh_known_hosts
	HostKeyPolicy   string   // Strict (default), AcceptNew or Insecure

	Bastion *Config // the host is reached through this one, which may have a bastion itself; nil: directly
	Direct  bool    // without a bastion, whatever ssh_config says

	Sudo bool // every script runs under `sudo -n`

	ConnectTimeout time.Duration // dialling, key exchange and authentication; default 15 s
	KeepAlive      time.Duration // between two probes; three unanswered end the connection; default 15 s
	MaxSessions    int           // at once, at least 2; default 8, sshd's own limit being 10

	// Trace, when set, is told of every script that has ended, or is held from now on: what it was for, how long it took, and
	// how it failed.
	Trace func(ctx context.Context, step string, took time.Duration, err error)
}

const (
	defaultPort      = 22
	defaultUser      = "root"
	userKnownHosts   = "~/.ssh/known_hosts"
	globalKnownHosts = "/etc/ssh/ssh_known_hosts"
)

func (c Config) withDefaults() Config {
	c.Name = cmp.Or(c.Name, c.Address)
	c.Port = cmp.Or(c.Port, defaultPort)
	c.User = cmp.Or(c.User, defaultUser)
	c.HostKeyPolicy = cmp.Or(c.HostKeyPolicy, Strict)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 15*time.Second)
	c.KeepAlive = cmp.Or(c.KeepAlive, 15*time.Second)
	c.MaxSessions = max(2, cmp.Or(c.MaxSessions, 8))
	if len(c.KnownHostsFiles) == 0 {
		c.KnownHostsFiles = []string{userKnownHosts, globalKnownHosts}
	}
	return c
}

// Host is one remote host. Its methods may be called at the same time.
type Host struct {
	cfg     Config
	bastion *Host // nil: the host is reached directly

	life    context.Context // ends with Close
	end     context.CancelFunc
	dialing singleflight.Group

	sessions *semaphore.Weighted // every script
	holds    *semaphore.Weighted // held scripts, a part of sessions
	endings  *semaphore.Weighted // the scripts that end cancelled ones, beside sessions

	mu        sync.Mutex
	current   *connection
	refusal   error     // the last refused authentication
	refusedAt time.Time // when that was

	connections, scripts atomic.Int64
}

// New returns the host that cfg describes. It dials nothing.
func New(cfg Config) *Host {
	cfg = cfg.withDefaults()
	life, end := context.WithCancel(context.Background())
	var bastion *Host
	if cfg.Bastion != nil {
		bastion = New(*cfg.Bastion)
	}
	return &Host{
		cfg:      cfg,
		bastion:  bastion,
		life:     life,
		end:      end,
		sessions: semaphore.NewWeighted(int64(cfg.MaxSessions)),
		holds:    semaphore.NewWeighted(int64(cfg.MaxSessions / 2)),
		endings:  semaphore.NewWeighted(1),
	}
}

// Name is the name of the host in errors.
func (h *Host) Name() string { return h.cfg.Name }

// Close ends the connection and every script on it. Further scripts are refused.
func (h *Host) Close() error {
	h.end()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != nil {
		h.current.close(errClosed)
		h.current = nil
	}
	if h.bastion != nil {
		return h.bastion.Close()
	}
	return nil
}

// Stats counts what happened since New.
type Stats struct {
	Connections int64 // opened
	Scripts     int64 // run or held
}

// Stats returns the counters.
func (h *Host) Stats() Stats {
	return Stats{Connections: h.connections.Load(), Scripts: h.scripts.Load()}
}

// expandHome replaces a leading ~/ by the home directory.
func expandHome(path string) (string, error) {
	rest, found := strings.CutPrefix(path, "~/")
	if !found {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New(path + ": no home directory is known")
	}
	return filepath.Join(home, rest), nil
}
