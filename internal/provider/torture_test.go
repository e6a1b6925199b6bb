package provider_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"golang.org/x/sync/errgroup"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

var (
	tortureAll  = flag.Bool("torture", false, "torture the provider at every point, instead of at a few")
	tortureEach = flag.Int("torture-each", 1, "torture the provider at every so many-th point only")
	tortureSeed = flag.Uint64("torture-seed", rand.Uint64N(1000), "which points are taken when not all are")
)

// few is how many points are taken of so many.
func few(sample, all int) int {
	if *tortureAll {
		return all
	}
	return sample
}

// rig is a stack on a host, and what Terraform knows of it: each plan and each apply has a provider of its own, as with Terraform.
type rig struct {
	stack
	h        *simhost.Host
	tainted  map[string]bool
	base     map[string]map[string]any // what stands before and after an operation
	imported int                       // resources that stood before Terraform knew of them
	written  []string                  // addresses of persistent images that a guest wrote to
	patience string                    // lock_timeout; default 30s
}

func newRig(t *testing.T, options ...simhost.Option) *rig {
	t.Helper()
	return newRigOn(simhost.Start(t, options...))
}

// newRigOn is another Terraform, with a state of its own.
func newRigOn(h *simhost.Host) *rig {
	return &rig{h: h, stack: stack{configs: map[string]map[string]any{}, states: map[string]existing{}}, tainted: map[string]bool{}}
}

// terraform is one run of Terraform with the configurations: it plans with one provider, and carries the plan out with another one. Between
// the two comes what trouble arranges.
func (r *rig) terraform(t *testing.T, trouble func(c *client)) error {
	t.Helper()
	return r.terraformWith(t, 1, trouble)
}

// terraformWith is terraform -parallelism=hands.
func (r *rig) terraformWith(t *testing.T, hands int, trouble func(c *client)) error {
	t.Helper()
	planner := r.connect(t)
	changes, err := r.decide(t)
	planner.die()
	if err != nil {
		return fmt.Errorf("the plan: %w", err)
	}
	worker := r.connect(t)
	defer worker.die()
	if trouble != nil {
		trouble(worker)
	}
	done := make(chan error, 1)
	go func() { done <- r.carryOut(t, worker, changes, hands) }()
	select {
	case err := <-done:
		if !worker.alive(func() {}) {
			return errKilled // what it still says nobody hears
		}
		return err
	case <-worker.dead:
		return errKilled
	}
}

var errKilled = errors.New("the provider was killed")

// decide refreshes and plans; what a failed creation left is to be replaced.
func (r *rig) decide(t *testing.T) (map[string]string, error) {
	t.Helper()
	for address, before := range r.states {
		kind := kindOf(address)
		resp, err := r.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: kind, CurrentState: before.state, Private: before.private})
		if err != nil {
			t.Fatal(err)
		}
		if err := failure(resp.Diagnostics); err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		if r.value(t, address, resp.NewState).IsNull() {
			r.forget(address)
			continue
		}
		r.states[address] = existing{state: resp.NewState, private: resp.Private}
	}
	actions := map[string]string{}
	for address := range r.states {
		if _, wanted := r.configs[address]; !wanted {
			actions[address] = "destroy"
		}
	}
	for _, address := range order(r.configs) {
		before, exists := r.states[address]
		if !exists || r.tainted[address] {
			before = r.nothing(t, kindOf(address))
		}
		config := r.config(t, address, func(other string) bool { return slices.Contains([]string{"create", "replace"}, actions[other]) })
		planned := r.plan(t, kindOf(address), before, config)
		if err := failure(planned.Diagnostics); err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		switch {
		case !exists:
			actions[address] = "create"
		case r.tainted[address] || len(planned.RequiresReplace) > 0:
			actions[address] = "replace"
		case !r.value(t, address, planned.PlannedState).Equal(r.value(t, address, before.state)):
			actions[address] = "update"
		}
	}
	return actions, nil
}

func (r *rig) forget(address string) {
	delete(r.states, address)
	delete(r.tainted, address)
}

// carryOut does what was decided: what goes goes first and in reverse order. It ends with the first error. With more than one hand, all that
// goes is to depend on nothing, and all that comes.
func (r *rig) carryOut(t *testing.T, c *client, actions map[string]string, hands int) error {
	t.Helper()
	var going, coming []string
	for _, address := range slices.Backward(order(r.states)) {
		if action := actions[address]; action == "destroy" || action == "replace" {
			going = append(going, address)
		}
	}
	for _, address := range order(r.configs) {
		if actions[address] != "" {
			coming = append(coming, address)
		}
	}
	for pass, addresses := range [][]string{going, coming} {
		var group errgroup.Group
		group.SetLimit(hands)
		var failed atomic.Bool
		for _, address := range addresses {
			group.Go(func() error {
				if failed.Load() {
					return nil
				}
				err := r.carryOutOne(t, c, address, pass == 0)
				failed.Store(failed.Load() || err != nil)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// carryOutOne plans a change finally, applies it, and keeps as state what Terraform would keep.
func (r *rig) carryOutOne(t *testing.T, c *client, address string, destroy bool) error {
	t.Helper()
	kind := kindOf(address)
	before, config := r.nothing(t, kind), r.nothing(t, kind).state
	exists := false
	if !c.alive(func() {
		if state, there := r.states[address]; there {
			before, exists = state, true
		}
		if !destroy {
			config = r.config(t, address, func(string) bool { return false })
		}
	}) {
		return errKilled
	}
	planned := c.plan(t, kind, before, config)
	if err := failure(planned.Diagnostics); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	resp, err := c.ApplyResourceChange(context.WithoutCancel(t.Context()), applyOf(kind, before, planned, config))
	if err != nil {
		return err
	}
	failed := failure(resp.Diagnostics)
	if !c.alive(func() { r.keep(t, address, before, exists, resp, failed != nil) }) {
		return errKilled
	}
	if failed != nil {
		return fmt.Errorf("%s: %w", address, failed)
	}
	return agrees(r.value(t, address, planned.PlannedState), r.value(t, address, resp.NewState))
}

// keep is what Terraform does with the answer to an apply (node_resource_abstract_instance.go): after an error, no new state means the old
// one, and one of a creation is tainted.
func (r *rig) keep(t *testing.T, address string, before existing, existed bool, resp *tfprotov6.ApplyResourceChangeResponse, failed bool) {
	t.Helper()
	gone := resp.NewState == nil || r.value(t, address, resp.NewState).IsNull()
	switch {
	case gone && failed && existed:
		r.states[address] = before
	case gone:
		r.forget(address)
	default:
		r.states[address] = existing{state: resp.NewState, private: resp.Private}
		r.tainted[address] = failed && !existed
	}
}

func failure(diagnostics []*tfprotov6.Diagnostic) error {
	if text := errorTexts(diagnostics); text != "" {
		return errors.New(text)
	}
	return nil
}
