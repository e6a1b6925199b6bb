package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// birth is the making of one record: what all kinds have in common is said here once.
type birth struct {
	kind   model.Kind
	record func(id int) (model.Header, any) // the first record, in a transient state
	needs  []datastore.Need
	begun  func()                                  // the record stands; may be nil
	fill   func(ctx context.Context, id int) error // does the work and writes the last record; nil: the first record is the last
	undo   func(ctx context.Context, id int) error // takes back what fill did; nil: there is nothing but the record
}

// bear makes a record and its content, or leaves nothing behind. It gives the new number.
func (s *site) bear(ctx context.Context, b birth) (int, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	id, err := s.store.Reserve(ctx, b.kind)
	if err != nil {
		return 0, err
	}
	err = s.locked(ctx, b.kind, id, func() error {
		err := s.write(ctx, b, id)
		if err == nil {
			if b.begun != nil {
				b.begun()
			}
			if b.fill != nil {
				err = b.fill(ctx, id)
			}
		}
		if err != nil {
			return s.unbear(ctx, b, id, err)
		}
		return nil
	})
	return id, err
}

// write writes the first record. Where its name or another claim belongs to what a crashed operation left, that is cleared
// away first.
func (s *site) write(ctx context.Context, b birth, id int) error {
	header, record := b.record(id)
	err := s.create(ctx, b.kind, header, record, b.needs...)
	if conflict, ok := errors.AsType[*datastore.ConflictError](err); ok {
		cleared, clearErr := s.clearCrashed(ctx, conflict.Kind, conflict.ID)
		if clearErr != nil {
			return clearErr
		}
		if cleared {
			err = s.create(ctx, b.kind, header, record, b.needs...)
		}
	}
	return s.explainConflict(err)
}

// unbear takes back a failed creation, also when the caller has given up.
func (s *site) unbear(ctx context.Context, b birth, id int, cause error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	var err error
	if b.undo != nil {
		err = b.undo(ctx, id)
	}
	if err == nil {
		err = s.remove(ctx, b.kind, id)
	}
	if err != nil {
		return fmt.Errorf("%w\n\nThe clean-up failed as well, so %s %s/%d is still there; destroy it or apply again: %w", cause, b.kind.Noun(), s.name, id, err)
	}
	return cause
}

// clearCrashed removes a record that is in a transient state although nobody works on it: its operation died. It tells whether it did.
func (s *site) clearCrashed(ctx context.Context, kind model.Kind, id int) (bool, error) {
	if transient, err := s.transient(ctx, kind, id); err != nil || !transient {
		return false, err
	}
	cleared := false
	err := s.locked(ctx, kind, id, func() error {
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
