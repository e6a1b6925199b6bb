package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// creation is the making of one record: what all kinds have in common is said here once.
type creation struct {
	kind   model.Kind
	record func(id int) (model.Header, any, error) // the first record, in a transient state
	needs  []datastore.Need
	begun  func()                          // the record stands
	fill   func(ctx context.Context) error // does the work and writes the last record; nil: the first record is the last
	undo   func(ctx context.Context) error // takes back what fill did; nil: there is nothing but the record

	follow   func(ctx context.Context) (host.Script, error)          // is run in the session that writes the record; nil: nothing is
	followed func(ctx context.Context, said []byte, err error) error // takes what that printed, and what came of it
}

// carryOut makes a record and its content, or leaves nothing behind. It gives the new number.
func (s *site) carryOut(ctx context.Context, c creation) (int, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	id, lock, err := s.store.Reserve(ctx, c.kind)
	if err != nil {
		return 0, err
	}
	err = s.under(ctx, lock, c.kind, id, func(ctx context.Context) error {
		err := s.write(ctx, c, id)
		if err == nil && c.fill != nil {
			err = c.fill(ctx)
		}
		if err != nil {
			return s.takeBack(ctx, c, id, lock, err)
		}
		return nil
	})
	return id, err
}

// write writes the first record, with what follows it. Where its name or another claim belongs to what a crashed operation left, that is
// cleared away first.
func (s *site) write(ctx context.Context, c creation, id int) error {
	header, record, err := c.record(id)
	if err != nil {
		return err
	}
	err = s.writeOnce(ctx, c, header, record)
	if conflict, ok := errors.AsType[*datastore.ConflictError](err); ok {
		cleared, clearErr := s.clearCrashed(ctx, conflict.Kind, conflict.ID, s.lockTimeout)
		if clearErr != nil {
			return clearErr
		}
		if cleared {
			err = s.writeOnce(ctx, c, header, record)
		}
	}
	return s.explainConflict(err)
}

func (s *site) writeOnce(ctx context.Context, c creation, header model.Header, record any) error {
	if c.follow == nil {
		err := s.create(ctx, c.kind, header, record, c.needs...)
		if err == nil {
			c.begun()
		}
		return err
	}
	script, err := c.follow(ctx)
	if err != nil {
		return err
	}
	said, stands, err := s.createAnd(ctx, c.kind, header, record, script, c.needs...)
	if !stands {
		return err
	}
	c.begun()
	return c.followed(ctx, said, err)
}

// freeName refuses a name that another record has, and clears away what a crashed operation left of that name.
func (s *site) freeName(ctx context.Context, v *view, kind model.Kind, name string) (*view, error) {
	id, taken := v.byName[kind][name]
	if !taken {
		return v, nil
	}
	cleared, err := s.clearCrashed(ctx, kind, id, s.lockTimeout)
	switch {
	case err != nil:
		return nil, err
	case !cleared:
		return nil, s.explainConflict(&datastore.ConflictError{Claim: claimName(name), Kind: kind, ID: id})
	}
	return s.fresh(ctx)
}

// takeBack undoes a failed creation, also when the caller has given up.
func (s *site) takeBack(ctx context.Context, c creation, id int, lock *datastore.Lock, cause error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	undo := func(ctx context.Context) error {
		if c.undo != nil {
			if err := c.undo(ctx); err != nil {
				return err
			}
		}
		return s.remove(ctx, c.kind, id)
	}
	var err error
	if goesOn(cause) {
		lock.Release() // what was begun has it until it has ended
		err = s.lockedWithin(ctx, gonePatience, c.kind, id, undo)
	} else {
		err = undo(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w\n\nThe clean-up failed as well, so %s %s/%d is still there; destroy it or apply again: %w", cause, c.kind.Noun(), s.name, id, err)
	}
	return cause
}

// goesOn tells whether what failed may still be at work on the host: a connection that is lost ends nothing there.
func goesOn(err error) bool {
	_, unknown := errors.AsType[*host.ConnectionError](err)
	return unknown && !errors.Is(err, host.ErrEnded)
}

// unfinishedLines are what records say of themselves while they are being made.
var unfinishedLines = []string{
	`  "state": "` + string(model.VMProlog) + `"`, `  "state": "` + string(model.ImageLocked) + `"`, `  "ready": false`,
}

// clearUnfinished removes what creations left that were cut off before Terraform knew of them: nobody may ask for it ever again, as for a
// virtual machine without a name of its own. What somebody is making stays; and what cannot be removed now, the next apply tries again.
func (s *site) clearUnfinished(ctx context.Context, records []datastore.Record) {
	for _, record := range records {
		_, err := s.clearCrashed(ctx, record.Kind, record.ID, 0)
		if locked, ok := errors.AsType[*datastore.LockedError](err); ok && locked.Gone {
			_, _ = s.clearCrashed(ctx, record.Kind, record.ID, gonePatience)
		}
	}
}

// gonePatience is how long the last step of somebody who is gone is waited for: as long as xl may take to give a creation up.
const gonePatience = time.Minute

// clearCrashed removes a record that is in a transient state although nobody works on it: its operation died. It tells whether it did.
// Somebody who works on it is waited for.
func (s *site) clearCrashed(ctx context.Context, kind model.Kind, id int, wait time.Duration) (bool, error) {
	if transient, err := s.transient(ctx, kind, id); err != nil || !transient {
		return false, err
	}
	cleared := false
	err := s.lockedWithin(ctx, wait, kind, id, func(ctx context.Context) error {
		// Whoever held the lock may have finished in the meantime.
		transient, err := s.transient(ctx, kind, id)
		if err != nil || !transient {
			return err
		}
		cleared = true
		if kind == model.KindVirtualMachine {
			return s.destroyVirtualMachine(ctx, id, 0)
		}
		return s.remove(ctx, kind, id)
	})
	return cleared, err
}

func (s *site) transient(ctx context.Context, kind model.Kind, id int) (bool, error) {
	v, err := s.fresh(ctx)
	if err != nil {
		return false, err
	}
	var transient bool
	switch kind {
	case model.KindVirtualMachine:
		var vm model.VirtualMachine
		vm, err = datastore.Decode[model.VirtualMachine](v.snapshot, kind, id)
		transient = vm.State.Transient()
	case model.KindImage:
		var image model.Image
		image, err = datastore.Decode[model.Image](v.snapshot, kind, id)
		transient = image.State == model.ImageLocked
	case model.KindContext:
		var record model.Context
		record, err = datastore.Decode[model.Context](v.snapshot, kind, id)
		transient = !record.Ready
	}
	if errors.Is(err, ErrAbsent) {
		return true, nil // gone in the meantime: the claim is free
	}
	return transient, err
}
