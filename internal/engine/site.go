package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// viewLifetime is how long a view serves readers when nothing is written: a plan over a thousand records reads once. Those who make virtual
// machines see less of what others do, and an apply of many takes long.
const (
	viewLifetime    = 2 * time.Minute
	settledLifetime = 10 * time.Minute
)

// site is one host with its datastore.
type site struct {
	name        string
	host        *host.Host
	store       *datastore.Store
	contents    queues // of those who make the same content
	lockTimeout time.Duration

	// booting is held by the one that starts or changes a domain: the hotplug scripts of several would wait for each other, and libxl ends
	// them after 40 s (LIBXL_HOTPLUG_TIMEOUT, libxl_internal.h).
	booting chan struct{}

	progress func(ctx context.Context, p Progress) // may be nil
	uploads  chan struct{}                         // is held by those that send content

	opening sync.Mutex
	open    bool // the datastore is there and the host can do what is needed
	clear   bool // what belonged to nobody is gone

	asking sync.Mutex
	facts  *model.Host // what the host is and has, once somebody asked

	reads  sync.Mutex
	writes int      // how many writes this process has made
	shifts int      // those after which a virtual machine that is to be made may find other things than before
	latest *reading // the last one that began
	next   *reading // begins when the latest ends
}

// reading is one look at the host, shared by all who want it.
type reading struct {
	writes int
	shifts int
	began  time.Time
	done   chan struct{}
	view   *view
	err    error
}

// ready makes sure, once, that the host can run domains and has a datastore.
func (s *site) ready(ctx context.Context) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.open {
		return nil
	}
	facts, err := s.factsOnce(ctx)
	if err == nil {
		err = s.suffices(facts)
	}
	if err != nil {
		return err
	}
	unfinished, err := s.store.Init(ctx, unfinishedLines...)
	if err != nil {
		return err
	}
	s.open, s.clear = true, true
	s.clearUnfinished(ctx, unfinished)
	return nil
}

// clearUp takes away, once, what belongs to nobody any more: a removal that was cut off is found out by those who miss the record.
func (s *site) clearUp(ctx context.Context) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.clear {
		return nil
	}
	s.clear = true
	return s.store.Sweep(ctx)
}

// changed tells the readers to come that what was read before is out of date.
func (s *site) changed() {
	s.reads.Lock()
	s.writes++
	s.reads.Unlock()
}

// view is how things stand on the host, as of the last write of this process and at most viewLifetime ago.
func (s *site) view(ctx context.Context) (*view, error) { return s.viewOf(ctx, viewLifetime) }

// viewOf is a view that is at most so old.
func (s *site) viewOf(ctx context.Context, age time.Duration) (*view, error) {
	return s.wait(ctx, s.reading(ctx, age))
}

func (s *site) wait(ctx context.Context, r *reading) (*view, error) {
	select {
	case <-r.done:
		return r.view, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("host %s was still being looked at: %w", s.name, context.Cause(ctx))
	}
}

// reading is one that begins after the last write: the latest, or a new one. However many ask, one look at the host is under way, so that
// many virtual machines at once do not cost it as many looks.
func (s *site) reading(ctx context.Context, age time.Duration) *reading {
	s.reads.Lock()
	defer s.reads.Unlock()
	latest := s.latest
	switch {
	case latest == nil || latest.ended():
		if latest == nil || latest.writes != s.writes || time.Since(latest.began) > age || latest.err != nil {
			s.begin(ctx, &reading{done: make(chan struct{})})
		}
		return s.latest
	case latest.writes == s.writes:
		return latest
	case s.next == nil:
		next := &reading{done: make(chan struct{})}
		s.next = next
		go func() {
			<-latest.done
			s.reads.Lock()
			defer s.reads.Unlock()
			s.next = nil
			s.begin(ctx, next)
		}()
	}
	return s.next
}

// begin makes a reading the latest.
func (s *site) begin(ctx context.Context, r *reading) {
	r.writes, r.shifts, r.began = s.writes, s.shifts, time.Now()
	s.latest = r
	go func() {
		// One reader giving up must not take the answer from the others.
		ctx, cancel := detached(ctx)
		defer cancel()
		defer close(r.done)
		r.view, r.err = s.look(ctx)
	}()
}

func (r *reading) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// fresh looks at the host anew.
func (s *site) fresh(ctx context.Context) (*view, error) {
	s.changed()
	return s.view(ctx)
}

// after looks at the host anew, once for all who have seen the same view.
func (s *site) after(ctx context.Context, seen *view) (*view, error) {
	s.reads.Lock()
	if r := s.latest; r != nil && r.ended() && r.view == seen {
		s.writes++
	}
	s.reads.Unlock()
	return s.view(ctx)
}

// settled is a view as of the last write that was more than the making of a virtual machine. It is for those who make another one: a look at
// a host with many domains takes long, and the names, addresses and images that others have taken since are found out when the record is written.
func (s *site) settled(ctx context.Context) (*view, error) { return s.wait(ctx, s.settling(ctx)) }

// settling is the reading of settled, which may be under way.
func (s *site) settling(ctx context.Context) *reading {
	s.reads.Lock()
	r := s.latest
	holds := r != nil && r.shifts == s.shifts && time.Since(r.began) < settledLifetime && (!r.ended() || r.err == nil)
	s.reads.Unlock()
	if holds {
		return r
	}
	return s.reading(ctx, viewLifetime)
}

// agreeing is the view if it passes the check, else one of this moment that does: what it refuses may have been mended since. What is in the
// way may also belong to what a crashed operation left, which is cleared away.
func (s *site) agreeing(ctx context.Context, v *view, check func(v *view) error) (*view, error) {
	if check(v) == nil {
		return v, nil
	}
	v, err := s.fresh(ctx)
	if err != nil {
		return v, err
	}
	err = check(v)
	users, ok := errors.AsType[usersError](err)
	if !ok {
		return v, err
	}
	for _, name := range users {
		if _, clearErr := s.clearCrashed(ctx, model.KindVirtualMachine, v.byName[model.KindVirtualMachine][name], s.lockTimeout); clearErr != nil {
			return v, clearErr
		}
	}
	if v, err = s.fresh(ctx); err == nil {
		err = check(v)
	}
	return v, err
}

// shifted is changed, after a write that those who make virtual machines have to see.
func (s *site) shifted() {
	s.reads.Lock()
	s.writes++
	s.shifts++
	s.reads.Unlock()
}

// create, update and remove are the store's, and tell the readers.
func (s *site) create(ctx context.Context, kind model.Kind, header model.Header, record any, needs ...datastore.Need) error {
	if kind == model.KindVirtualMachine {
		defer s.changed()
	} else {
		defer s.shifted()
	}
	return s.store.Create(ctx, kind, header, record, needs...)
}

// createAnd is create, and a script that makes what belongs to the record.
func (s *site) createAnd(ctx context.Context, kind model.Kind, header model.Header, record any, then host.Script, needs ...datastore.Need) (said []byte, stands bool, err error) {
	defer s.changed()
	return s.store.CreateAnd(ctx, kind, header, record, then, needs...)
}

func (s *site) update(ctx context.Context, kind model.Kind, header model.Header, record any, needs ...datastore.Need) error {
	defer s.shifted()
	return s.store.Update(ctx, kind, header, record, needs...)
}

func (s *site) remove(ctx context.Context, kind model.Kind, id int) error {
	defer s.shifted()
	return s.store.Remove(ctx, kind, id)
}

// run runs a script that changes something on the host.
func (s *site) run(ctx context.Context, script host.Script) (host.Result, error) {
	defer s.changed()
	return s.host.Run(ctx, datastore.Under(ctx, script))
}

// locked does something while nobody else works on the record. Its context ends when the lock is lost with the connection.
func (s *site) locked(ctx context.Context, kind model.Kind, id int, do func(ctx context.Context) error) error {
	return s.lockedWithin(ctx, s.lockTimeout, kind, id, do)
}

// lockedWithin is locked for those who wait longer or shorter than the user says.
func (s *site) lockedWithin(ctx context.Context, wait time.Duration, kind model.Kind, id int, do func(ctx context.Context) error) error {
	lock, err := s.store.Lock(ctx, kind, id, wait)
	if err != nil {
		return err
	}
	return s.under(ctx, lock, kind, id, do)
}

// under does something while a lock is held, and lets go of it.
func (s *site) under(ctx context.Context, lock *datastore.Lock, kind model.Kind, id int, do func(ctx context.Context) error) error {
	defer lock.Release()
	ctx, cancel := context.WithCancelCause(lock.Context(ctx))
	defer cancel(nil)
	go func() {
		select {
		case <-lock.Lost():
			cancel(fmt.Errorf("the lock on %s %d was lost with the connection to host %s, so what was begun is not finished: apply again", kind.Noun(), id, s.name))
		case <-ctx.Done():
		}
	}()
	err := do(ctx)
	if lost := context.Cause(ctx); err != nil && lost != nil && !errors.Is(err, lost) {
		return fmt.Errorf("%w\n\n%w", lost, err)
	}
	return err
}
