package provider_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/onexen/terraform-provider-xen/internal/provider"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// plugin speaks the plugin protocol with the provider as Terraform does, for tests with many plans.
type plugin struct {
	tfprotov6.ProviderServer
	schemas map[string]*tfprotov6.Schema
}

func startPlugin(t *testing.T, h *simhost.Host) plugin {
	t.Helper()
	return startPluginAt(t, h, h.Port(), "5m")
}

// startPluginAt reaches the host by another port.
func startPluginAt(t *testing.T, h *simhost.Host, port int, lockTimeout string) plugin {
	t.Helper()
	p := plugin{ProviderServer: providerserver.NewProtocol6(provider.New("test")())()}
	schemas, err := p.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p.schemas = schemas.ResourceSchemas
	config := dynamic(t, schemas.Provider, map[string]any{"lock_timeout": lockTimeout, "hosts": map[string]any{"xen01": map[string]any{
		"address": h.Address(), "port": port, "user": h.User(), "private_key_file": h.PrivateKeyFile(),
		"host_key": h.HostKey(), "datastore": h.Datastore(), "agent": false,
	}}})
	resp, err := p.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: config})
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatal(err, diagnosed(resp.Diagnostics))
	}
	return p
}

// existing is a resource that stands on the host.
type existing struct {
	state   *tfprotov6.DynamicValue
	private []byte
}

// create makes a resource and destroys it with the test.
func (p plugin) create(t *testing.T, name string, config map[string]any) existing {
	t.Helper()
	nothing := p.nothing(t, name)
	made := p.apply(t, name, nothing, dynamic(t, p.schemas[name], config))
	t.Cleanup(func() { p.apply(t, name, made, nothing.state) })
	return made
}

// nothing is the state of a resource that does not exist.
func (p plugin) nothing(t *testing.T, name string) existing {
	t.Helper()
	schema := p.schemas[name]
	return existing{state: pack(t, schema, tftypes.NewValue(schema.ValueType(), nil))}
}

// id is the id of a resource that stands on the host.
func (p plugin) id(t *testing.T, name string, made existing) string {
	t.Helper()
	var id string
	if err := fields(t, unpack(t, p.schemas[name], made.state))["id"].As(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func (p plugin) apply(t *testing.T, name string, before existing, config *tfprotov6.DynamicValue) existing {
	t.Helper()
	planned := p.plan(t, name, before, config)
	if text := diagnosed(errorsOf(planned.Diagnostics)); text != "" {
		t.Fatal(text)
	}
	ctx := context.WithoutCancel(t.Context()) // it also cleans up when the test is over
	resp, err := p.ApplyResourceChange(ctx, applyOf(name, before, planned, config))
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatal(err, diagnosed(resp.Diagnostics))
	}
	return existing{state: resp.NewState, private: resp.Private}
}

// applyOf is the request that carries a plan out.
func applyOf(name string, before existing, planned *tfprotov6.PlanResourceChangeResponse, config *tfprotov6.DynamicValue) *tfprotov6.ApplyResourceChangeRequest {
	return &tfprotov6.ApplyResourceChangeRequest{
		TypeName: name, PriorState: before.state, Config: config, PlannedState: planned.PlannedState, PlannedPrivate: planned.PlannedPrivate,
	}
}

// plan validates the configuration and plans it.
func (p plugin) plan(t *testing.T, name string, before existing, config *tfprotov6.DynamicValue) *tfprotov6.PlanResourceChangeResponse {
	t.Helper()
	schema := p.schemas[name]
	ctx := context.WithoutCancel(t.Context()) // it also cleans up when the test is over
	wanted := unpack(t, schema, config)
	if !wanted.IsNull() {
		valid, err := p.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{
			TypeName: name, Config: config, ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diagnosed(valid.Diagnostics) != "" {
			return &tfprotov6.PlanResourceChangeResponse{Diagnostics: valid.Diagnostics}
		}
		wanted = proposed(t, schema.Block.Attributes, unpack(t, schema, before.state), wanted)
	}
	resp, err := p.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: name, PriorState: before.state, PriorPrivate: before.private, Config: config, ProposedNewState: pack(t, schema, wanted),
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// effect is what a plan means for the user: "refuse", "replace", "update" or "none".
func (p plugin) effect(t *testing.T, name string, before existing, config map[string]any) (effect, text string) {
	t.Helper()
	schema := p.schemas[name]
	resp := p.plan(t, name, before, dynamic(t, schema, config))
	text = diagnosed(resp.Diagnostics)
	switch {
	case slices.ContainsFunc(resp.Diagnostics, func(d *tfprotov6.Diagnostic) bool { return d.Severity == tfprotov6.DiagnosticSeverityError }):
		return "refuse", text
	case len(resp.RequiresReplace) > 0:
		return "replace", text
	case unpack(t, schema, resp.PlannedState).Equal(unpack(t, schema, before.state)):
		return "none", text
	}
	return "update", text
}

// proposed is what Terraform proposes for the plan: the configuration, and what the provider computed before where it says nothing.
func proposed(t *testing.T, attributes []*tfprotov6.SchemaAttribute, before, config tftypes.Value) tftypes.Value {
	t.Helper()
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	old, values := fields(t, before), fields(t, config)
	for _, attribute := range attributes {
		value, was := values[attribute.Name], old[attribute.Name]
		switch {
		case value.IsNull() && attribute.Computed && was.Type() != nil:
			values[attribute.Name] = was
		case attribute.NestedType != nil && attribute.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeMap && !value.IsNull():
			devices, olds := fields(t, value), fields(t, was)
			for key, device := range devices {
				devices[key] = proposed(t, attribute.NestedType.Attributes, olds[key], device)
			}
			values[attribute.Name] = tftypes.NewValue(value.Type(), devices)
		case attribute.NestedType != nil:
			values[attribute.Name] = proposed(t, attribute.NestedType.Attributes, was, value)
		}
	}
	return tftypes.NewValue(config.Type(), values)
}

// fields are the attributes of an object or the elements of a map, and nothing of null.
func fields(t *testing.T, value tftypes.Value) map[string]tftypes.Value {
	t.Helper()
	of := map[string]tftypes.Value{}
	if value.Type() != nil && !value.IsNull() {
		if err := value.As(&of); err != nil {
			t.Fatal(err)
		}
	}
	return maps.Clone(of)
}

func dynamic(t *testing.T, schema *tfprotov6.Schema, config map[string]any) *tfprotov6.DynamicValue {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	value, err := tftypes.ValueFromJSON(text, schema.ValueType()) //nolint:staticcheck // made for raw states, which look like this.
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, schema, value)
}

func pack(t *testing.T, schema *tfprotov6.Schema, value tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	packed, err := tfprotov6.NewDynamicValue(schema.ValueType(), value)
	if err != nil {
		t.Fatal(err)
	}
	return &packed
}

func unpack(t *testing.T, schema *tfprotov6.Schema, packed *tfprotov6.DynamicValue) tftypes.Value {
	t.Helper()
	value, err := packed.Unmarshal(schema.ValueType())
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// errorsOf leaves out warnings.
func errorsOf(diagnostics []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	return slices.DeleteFunc(slices.Clone(diagnostics), func(d *tfprotov6.Diagnostic) bool { return d.Severity != tfprotov6.DiagnosticSeverityError })
}

// diagnosed is the text of all diagnostics with their paths.
func diagnosed(diagnostics []*tfprotov6.Diagnostic) string {
	var text strings.Builder
	for _, d := range diagnostics {
		text.WriteString(d.Attribute.String() + ": " + d.Summary + ": " + d.Detail + "\n")
	}
	return text.String()
}
