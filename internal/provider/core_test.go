package provider_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// stack is a configuration of several resources and their states, which is led through plans and applies as Terraform's core does it,
// with the checks by which core finds a provider wrong. It takes milliseconds where a Terraform process takes seconds.
type stack struct {
	plugin
	configs map[string]map[string]any // by address, "xen_image.root"; ids of other resources stand in them as refs
	states  map[string]existing       // those that exist
}

// ref is the id of another resource of the stack, by its address.
type ref string

// notYetKnown stands in a configuration for the id of a resource that is still to be made.
const notYetKnown = "(known after apply)"

// kinds are the types of resources in the order in which they are made.
var kinds = []string{"xen_image", "xen_context", "xen_template", "xen_virtual_machine"}

func kindOf(address string) string {
	kind, _, _ := strings.Cut(address, ".")
	return kind
}

// order lists addresses so that each comes after those that it refers to.
func order[V any](of map[string]V) []string {
	return slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		if by := slices.Index(kinds, kindOf(a)) - slices.Index(kinds, kindOf(b)); by != 0 {
			return by
		}
		return strings.Compare(a, b)
	})
}

// plannedChange is what a plan is going to do with one resource: "create", "update", "replace", "destroy" or "none".
type plannedChange struct {
	action  string
	planned *tfprotov6.PlanResourceChangeResponse
}

// planAll plans every resource. Ids of those that are to be made are not known to the others.
func (s *stack) planAll(t *testing.T) map[string]plannedChange {
	t.Helper()
	changes := map[string]plannedChange{}
	for _, address := range order(s.configs) {
		config := s.config(t, address, func(other string) bool { return slices.Contains([]string{"create", "replace"}, changes[other].action) })
		before, exists := s.states[address]
		if !exists {
			before = s.nothing(t, kindOf(address))
		}
		planned := s.planned(t, address, before, config)
		action := "update"
		switch {
		case !exists:
			action = "create"
		case len(planned.RequiresReplace) > 0:
			action, planned = "replace", s.planned(t, address, s.nothing(t, kindOf(address)), config)
		case s.value(t, address, planned.PlannedState).Equal(s.value(t, address, before.state)):
			action = "none"
		}
		changes[address] = plannedChange{action, planned}
	}
	for address := range s.states {
		if _, wanted := s.configs[address]; !wanted {
			changes[address] = plannedChange{action: "destroy"}
		}
	}
	return changes
}

// applyAll carries the changes out: what goes goes first and in reverse order.
func (s *stack) applyAll(t *testing.T, changes map[string]plannedChange) {
	t.Helper()
	for _, address := range slices.Backward(order(s.states)) {
		if action := changes[address].action; action == "destroy" || action == "replace" {
			s.change(t, address, s.states[address], s.planned(t, address, s.states[address], s.nothing(t, kindOf(address)).state), s.nothing(t, kindOf(address)).state)
			delete(s.states, address)
		}
	}
	for _, address := range order(s.configs) {
		if changes[address].action == "none" {
			continue
		}
		before, exists := s.states[address]
		if !exists {
			before = s.nothing(t, kindOf(address))
		}
		config := s.config(t, address, func(string) bool { return false })
		final := s.planned(t, address, before, config)
		if err := agrees(s.value(t, address, changes[address].planned.PlannedState), s.value(t, address, final.PlannedState)); err != nil {
			t.Fatalf("%s: inconsistent final plan: %s", address, err)
		}
		after := s.change(t, address, before, final, config)
		if err := agrees(s.value(t, address, final.PlannedState), s.value(t, address, after.state)); err != nil {
			t.Fatalf("%s: inconsistent result after apply: %s", address, err)
		}
		if !s.value(t, address, after.state).IsFullyKnown() {
			t.Fatalf("%s: something is unknown after the apply", address)
		}
		s.states[address] = after
	}
	s.refresh(t)
}

// refresh reads every resource.
func (s *stack) refresh(t *testing.T) {
	t.Helper()
	for address, before := range s.states {
		resp, err := s.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: kindOf(address), CurrentState: before.state, Private: before.private})
		if err != nil || diagnosed(resp.Diagnostics) != "" {
			t.Fatalf("%s: %v %s", address, err, diagnosed(resp.Diagnostics))
		}
		if s.value(t, address, resp.NewState).IsNull() {
			t.Fatalf("%s is gone", address)
		}
		s.states[address] = existing{state: resp.NewState, private: resp.Private}
	}
}

// planned is a plan that core accepts.
func (s *stack) planned(t *testing.T, address string, before existing, config *tfprotov6.DynamicValue) *tfprotov6.PlanResourceChangeResponse {
	t.Helper()
	planned := s.plan(t, kindOf(address), before, config)
	if text := errorTexts(planned.Diagnostics); text != "" {
		t.Fatalf("%s is refused: %s", address, text)
	}
	attributes := s.schemas[kindOf(address)].Block.Attributes
	if err := validPlan(t, attributes, s.value(t, address, before.state), s.value(t, address, config), s.value(t, address, planned.PlannedState)); err != nil {
		t.Fatalf("%s: invalid plan: %s", address, err)
	}
	return planned
}

// change applies a plan.
func (s *stack) change(t *testing.T, address string, before existing, planned *tfprotov6.PlanResourceChangeResponse, config *tfprotov6.DynamicValue) existing {
	t.Helper()
	resp, err := s.ApplyResourceChange(context.WithoutCancel(t.Context()), applyOf(kindOf(address), before, planned, config))
	if err != nil || errorTexts(resp.Diagnostics) != "" {
		t.Fatalf("%s: %v %s", address, err, errorTexts(resp.Diagnostics))
	}
	return existing{state: resp.NewState, private: resp.Private}
}

func (s *stack) value(t *testing.T, address string, packed *tfprotov6.DynamicValue) tftypes.Value {
	t.Helper()
	return unpack(t, s.schemas[kindOf(address)], packed)
}

// config is the configuration of a resource with the ids of others filled in, but for those that are to come.
func (s *stack) config(t *testing.T, address string, toCome func(address string) bool) *tfprotov6.DynamicValue {
	t.Helper()
	schema := s.schemas[kindOf(address)]
	filled, _ := fill(s.configs[address], func(r ref) string {
		if state, exists := s.states[string(r)]; exists && !toCome(string(r)) {
			return s.id(t, kindOf(string(r)), state)
		}
		return notYetKnown
	}).(map[string]any)
	value, err := tftypes.Transform(unpack(t, schema, dynamic(t, schema, filled)), func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if v.Type().Is(tftypes.String) && v.Equal(tftypes.NewValue(tftypes.String, notYetKnown)) {
			return tftypes.NewValue(tftypes.String, tftypes.UnknownValue), nil
		}
		return v, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, schema, value)
}

// fill replaces the refs in a configuration.
func fill(value any, id func(ref) string) any {
	switch value := value.(type) {
	case ref:
		return id(value)
	case map[string]any:
		filled := map[string]any{}
		for key, inner := range value {
			filled[key] = fill(inner, id)
		}
		return filled
	}
	return value
}

func errorTexts(diagnostics []*tfprotov6.Diagnostic) string {
	return diagnosed(errorsOf(diagnostics))
}

// agrees demands that what was planned has come: a value that was known then is the same now.
func agrees(planned, now tftypes.Value) error {
	if !planned.IsKnown() || planned.Equal(now) {
		return nil
	}
	was, is := map[string]tftypes.Value{}, map[string]tftypes.Value{}
	if planned.IsNull() || now.IsNull() || !now.IsKnown() || planned.As(&was) != nil || now.As(&is) != nil {
		var before, after []tftypes.Value
		if planned.IsNull() || now.IsNull() || planned.As(&before) != nil || now.As(&after) != nil || len(before) != len(after) {
			return fmt.Errorf("%s was planned, and it is %s", planned, now)
		}
		for i := range before {
			if err := agrees(before[i], after[i]); err != nil {
				return err
			}
		}
		return nil
	}
	var errs []error
	for name := range maps.Keys(was) {
		if _, there := is[name]; !there {
			errs = append(errs, fmt.Errorf("%s was planned, and it is not there", name))
		} else if err := agrees(was[name], is[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(is) != len(was) {
		errs = append(errs, fmt.Errorf("%d elements were planned, and there are %d", len(was), len(is)))
	}
	return errors.Join(errs...)
}

// validPlan is core's AssertPlanValid: what the user wrote stays as he wrote it, or as it was.
func validPlan(t *testing.T, attributes []*tfprotov6.SchemaAttribute, before, config, planned tftypes.Value) error {
	t.Helper()
	if config.IsNull() || planned.IsNull() || !config.IsKnown() {
		return nil
	}
	was, wanted, plans := fields(t, before), fields(t, config), fields(t, planned)
	var errs []error
	for _, attribute := range attributes {
		mine, plan := wanted[attribute.Name], plans[attribute.Name]
		switch {
		case attribute.WriteOnly:
			if !plan.IsNull() {
				errs = append(errs, fmt.Errorf("%s is write-only and planned", attribute.Name))
			}
		case mine.IsNull() && attribute.Computed, plan.Equal(mine), was[attribute.Name].Type() != nil && !mine.IsNull() && plan.Equal(was[attribute.Name]):
		case attribute.NestedType != nil && attribute.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeMap && !mine.IsNull() && mine.IsKnown() && !plan.IsNull():
			olds, devices := fields(t, was[attribute.Name]), fields(t, plan)
			for key, device := range fields(t, mine) {
				errs = append(errs, validPlan(t, attribute.NestedType.Attributes, olds[key], device, devices[key]))
			}
		case attribute.NestedType != nil && !mine.IsNull() && mine.IsKnown() && !plan.IsNull():
			errs = append(errs, validPlan(t, attribute.NestedType.Attributes, was[attribute.Name], mine, plan))
		default:
			errs = append(errs, fmt.Errorf("%s is %s in the configuration, and %s is planned", attribute.Name, mine, plan))
		}
	}
	return errors.Join(errs...)
}
