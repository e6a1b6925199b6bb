package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// or is the value itself, or the other one when the value is null.
func or[T attr.Value](value, other T) T {
	if value.IsNull() {
		return other
	}
	return value
}

// known is the value itself, or the other one when the value is unknown.
func known[T attr.Value](value, other T) T {
	if value.IsUnknown() {
		return other
	}
	return value
}

func firstUnknown(ctx context.Context, values map[string]attr.Value) string {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !fullyKnown(ctx, values[name]) {
			return name
		}
	}
	return ""
}

// fullyKnown tells whether the value and everything in it is known.
func fullyKnown(ctx context.Context, value attr.Value) bool {
	raw, err := value.ToTerraformValue(ctx)
	return err == nil && raw.IsFullyKnown()
}

// object reads a nested attribute: nil for null, an empty one for unknown.
func object[T any](ctx context.Context, value types.Object, diags *diag.Diagnostics) *T {
	if value.IsNull() {
		return nil
	}
	var m T
	diags.Append(value.As(ctx, &m, basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true})...)
	return &m
}

// elements reads a map of nested attributes: nothing for null and unknown.
func elements[T any](ctx context.Context, value types.Map, diags *diag.Diagnostics) map[string]T {
	models := map[string]T{}
	for key, element := range value.Elements() {
		if nested, ok := element.(types.Object); ok {
			if m := object[T](ctx, nested, diags); m != nil {
				models[key] = *m
			}
		}
	}
	return models
}

// stringMap reads a map of strings; elements that are null or unknown count as empty.
func stringMap(value types.Map) map[string]string {
	if len(value.Elements()) == 0 {
		return nil
	}
	m := map[string]string{}
	for key, element := range value.Elements() {
		if text, ok := element.(types.String); ok {
			m[key] = text.ValueString()
		}
	}
	return m
}

// stringList reads a list of strings; elements that are null or unknown count as empty.
func stringList(value types.List) []string {
	var texts []string
	for _, element := range value.Elements() {
		text, _ := element.(types.String)
		texts = append(texts, text.ValueString())
	}
	return texts
}

func stringOrNull[T ~string](value T) types.String {
	if value == "" {
		return types.StringNull()
	}
	return types.StringValue(string(value))
}

func numberOrNull(value int64) types.Int64 {
	if value == 0 {
		return types.Int64Null()
	}
	return types.Int64Value(value)
}

func boolOrNull(value bool) types.Bool {
	if !value {
		return types.BoolNull()
	}
	return types.BoolValue(true)
}

func listOrNull(ctx context.Context, values []string, diags *diag.Diagnostics) types.List {
	if len(values) == 0 {
		return types.ListNull(types.StringType)
	}
	return stringListValue(ctx, values, diags)
}

// stringListValue is an empty list for nil, so that length() can be asked of it.
func stringListValue(ctx context.Context, values []string, diags *diag.Diagnostics) types.List {
	if values == nil {
		values = []string{}
	}
	list, d := types.ListValueFrom(ctx, types.StringType, values)
	diags.Append(d...)
	return list
}

func mapOrNull(ctx context.Context, values map[string]string, diags *diag.Diagnostics) types.Map {
	if len(values) == 0 {
		return types.MapNull(types.StringType)
	}
	m, d := types.MapValueFrom(ctx, types.StringType, values)
	diags.Append(d...)
	return m
}

// keepString keeps the user's way of saying nothing: null and "" are the same to the host.
func keepString(mine types.String, host string) types.String {
	if !mine.IsUnknown() && mine.ValueString() == host {
		return mine
	}
	return stringOrNull(host)
}

// keepMap keeps the user's way of saying nothing: null and {} are the same to the host.
func keepMap(ctx context.Context, mine types.Map, host map[string]string, diags *diag.Diagnostics) types.Map {
	if !mine.IsUnknown() && maps.Equal(stringMap(mine), host) {
		return or(mine, types.MapNull(types.StringType))
	}
	return mapOrNull(ctx, host, diags)
}

// keepList keeps the user's way of saying nothing: null and [] are the same to the host.
func keepList(ctx context.Context, mine types.List, host []string, diags *diag.Diagnostics) types.List {
	if !mine.IsUnknown() && slices.Equal(stringList(mine), host) {
		return or(mine, types.ListNull(types.StringType))
	}
	return listOrNull(ctx, host, diags)
}

// refID is the number of an id "<host>/<number>": nil for null, any number for an id that is not known yet.
func refID(at path.Path, id types.String, diags *diag.Diagnostics) *int {
	if id.IsNull() {
		return nil
	}
	number := 0
	if !id.IsUnknown() {
		ref, err := model.ParseRef(id.ValueString())
		if err != nil {
			addErrorAt(diags, at, "Unable to read an id", err.Error())
		}
		number = ref.ID
	}
	return &number
}

// refValue is the id of a thing on the host.
func refValue(host string, number *int) types.String {
	if number == nil {
		return types.StringNull()
	}
	return types.StringValue(model.Ref{Host: host, ID: *number}.String())
}

// parseDuration reads a duration that is not negative.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 30s, 5m or 1h30m", text)
	}
	return d, nil
}

// durationText writes a duration as people do: 60s, not 1m0s.
func durationText(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

type durationValidator struct{}

var _ validator.String = durationValidator{}

func (durationValidator) Description(context.Context) string { return "a duration such as 30s or 5m" }

func (v durationValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (durationValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := parseDuration(req.ConfigValue.ValueString()); err != nil {
		addErrorAt(&resp.Diagnostics, req.Path, "Unable to read a duration", err.Error())
	}
}

func listed(words []string) string { return strings.Join(words, ", ") }
