// Package engine leads images, contexts, templates and virtual machines through their lives on Xen hosts: it decides what happens in
// which order, under which lock, and what is to be done about an operation that was cut off. Whoever asks sees records; how a host is
// reached, how bytes travel and how xl is spoken to belong to the packages below.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
)

// DefaultDatastore is where records and images lie on a host when nothing else is said.
const DefaultDatastore = "/var/lib/terraform-provider-xen"

const (
	defaultLockTimeout = 5 * time.Minute
	// rollbackTimeout bounds the clean-up after a failure, which goes on when its caller has given up.
	rollbackTimeout = 3 * time.Minute
)

// ErrAbsent is a host's own word that a record is not there. No other error means that.
var ErrAbsent = datastore.ErrAbsent

// Config names the hosts and what holds for all of them.
type Config struct {
	Hosts       map[string]HostConfig
	DefaultHost string        // may be empty when there is one host
	LockTimeout time.Duration // how long to wait for somebody else's operation; 0: five minutes

	// Progress, when set, is told every two seconds how far an upload is, and when it has ended.
	Progress func(ctx context.Context, p Progress)
}

// HostConfig says how one host is reached and where its datastore is.
type HostConfig struct {
	host.Config
	Datastore string // absolute path; empty: DefaultDatastore
}

// Engine works on the hosts of one configuration. It is safe for concurrent use.
type Engine struct {
	sites       map[string]*site
	defaultHost string
}

// New checks the configuration. It connects to nothing: addresses may not be reachable before something is applied.
func New(cfg Config) (*Engine, error) {
	e := &Engine{sites: map[string]*site{}, defaultHost: cfg.DefaultHost}
	for name, hostConfig := range cfg.Hosts {
		hostConfig.Name = name
		if hostConfig.Datastore == "" {
			hostConfig.Datastore = DefaultDatastore
		}
		machine := host.New(hostConfig.Config)
		store, err := datastore.New(machine, hostConfig.Datastore)
		if err != nil {
			return nil, err
		}
		wait := cfg.LockTimeout
		if wait == 0 {
			wait = defaultLockTimeout
		}
		e.sites[name] = &site{name: name, host: machine, store: store, lockTimeout: wait, progress: cfg.Progress, booting: make(chan struct{}, 1), uploads: make(chan struct{}, maxUploads)}
	}
	if e.defaultHost == "" && len(e.sites) == 1 {
		e.defaultHost = e.HostNames()[0]
	}
	if e.defaultHost != "" {
		if _, err := e.site(e.defaultHost); err != nil {
			return nil, fmt.Errorf("default_host: %w", err)
		}
	}
	return e, nil
}

// Close ends all connections.
func (e *Engine) Close() {
	for _, s := range e.sites {
		_ = s.host.Close()
	}
}

// HostNames lists the hosts of the configuration, sorted.
func (e *Engine) HostNames() []string { return slices.Sorted(maps.Keys(e.sites)) }

// ResolveHost finds the host that a resource lives on: the named one, or the default host when name is empty.
func (e *Engine) ResolveHost(name string) (string, error) {
	if name == "" {
		name = e.defaultHost
	}
	if name == "" {
		return "", fmt.Errorf("no host is named here and the provider has no default_host: choose one of %s", strings.Join(e.HostNames(), ", "))
	}
	_, err := e.site(name)
	return name, err
}

func (e *Engine) site(name string) (*site, error) {
	s, ok := e.sites[name]
	switch {
	case ok:
		return s, nil
	case len(e.sites) == 0:
		return nil, errors.New("the provider has no hosts: name them in its hosts argument, or set XEN_HOST")
	}
	return nil, fmt.Errorf("the provider has no host %q: it has %s", name, strings.Join(e.HostNames(), ", "))
}

// ClearUp takes away what belongs to nobody any more on a host, such as the files of a record whose removal was cut off.
func (e *Engine) ClearUp(ctx context.Context, hostName string) error {
	s, err := e.site(hostName)
	if err != nil {
		return err
	}
	return s.clearUp(ctx)
}

// detached goes on when its caller has given up, for a bounded time: what was begun must be cleaned up.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
}
