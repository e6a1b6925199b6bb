package datastore

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"os"
	"os/user"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var (
	//go:embed scripts/reserve.sh
	reserveScript string
	//go:embed scripts/lock.sh
	lockScript string
)

// LockedError says who works on the record.
type LockedError struct {
	Kind   model.Kind
	ID     int
	Owner  string // who and since when, as the lock's file has it
	Gone   bool   // the owner: only what it began goes on
	Waited time.Duration
}

func (e *LockedError) Error() string {
	owner := e.Owner
	if owner == "" {
		owner = "somebody who did not leave a name"
	}
	if e.Gone {
		owner += ", who is gone, but what they began still runs on the host"
	}
	return fmt.Sprintf("%s %d is locked by %s; gave up after %s", e.Kind.Noun(), e.ID, owner, e.Waited)
}

// reservePatience is how many seconds the lock of a new number is waited for: whoever clears away may look at it just then.
const reservePatience = "60"

// reserveAndLock makes a number, of which nobody else can know, and goes on as lock.sh. $1 root  $2 kind  $3 seconds to wait  $4 who asks.
var reserveAndLock = "set -eu\nid=$(\n" + reserveScript + ")\n" + `set -- "$1" "$2-$id" "$3" "$4"` + "\n" + lockScript

// Lock is held until Release; or, when the connection to the host dies, until the steps have ended that were begun under it.
type Lock struct {
	held *host.Held
	file string
}

type underLock struct{}

// Context is for what is done under the lock.
func (l *Lock) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, underLock{}, l.file)
}

// Under is a step for which the lock of the context, if it has one, is held until the step has ended.
func Under(ctx context.Context, step host.Script) host.Script {
	step.PIDFile, _ = ctx.Value(underLock{}).(string)
	return step
}

// Reserve makes the next id of a kind and locks it. It means nothing until Create writes a record.
func (s *Store) Reserve(ctx context.Context, kind model.Kind) (int, *Lock, error) {
	held, err := s.host.Hold(ctx, host.Script{
		Step: "reserve a number for the new " + kind.Noun(),
		Text: reserveAndLock,
		Args: []string{s.root, string(kind), reservePatience, owner()},
	})
	if err != nil {
		return 0, nil, err
	}
	id, err := strconv.Atoi(strings.TrimPrefix(held.Line(), "locked "+string(kind)+"-"))
	if err != nil {
		_ = held.Release()
		return 0, nil, fmt.Errorf("host %s answered %q where a number was expected", s.host.Name(), held.Line())
	}
	return id, s.lock(kind, id, held), nil
}

// Lock waits until nobody else works on a record. It fails with a LockedError after the wait.
func (s *Store) Lock(ctx context.Context, kind model.Kind, id int, wait time.Duration) (*Lock, error) {
	held, err := s.host.Hold(ctx, host.Script{
		Step: fmt.Sprintf("lock %s %d", kind.Noun(), id),
		Text: lockScript,
		Args: []string{s.root, lockName(kind, id), strconv.Itoa(int(wait.Seconds())), owner()},
	})
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitLocked {
		who, gone := strings.CutSuffix(strings.TrimSpace(string(exit.Stderr)), "\ngone")
		return nil, &LockedError{Kind: kind, ID: id, Owner: who, Gone: gone, Waited: wait}
	}
	if err != nil {
		return nil, err
	}
	return s.lock(kind, id, held), nil
}

func (s *Store) lock(kind model.Kind, id int, held *host.Held) *Lock {
	return &Lock{held: held, file: path.Join(s.root, "locks", lockName(kind, id))}
}

func lockName(kind model.Kind, id int) string { return fmt.Sprintf("%s-%d", kind, id) }

// Lost is closed when the lock is gone before Release.
func (l *Lock) Lost() <-chan struct{} { return l.held.Lost() }

// Release lets others work on the record.
func (l *Lock) Release() { _ = l.held.Release() } // a lock whose connection died is free already

// owner says who holds a lock: user, machine and process.
func owner() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "unknown"
	}
	return fmt.Sprintf("%s@%s (process %d)", name, machine, os.Getpid())
}
