package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// differences walks two values of one type and names everything in which they differ for the host. An attribute that is null, "", 0,
// false or an empty collection says nothing, so these do not differ; a value that is not known yet differs from every other.
func differences(at path.Path, before, after attr.Value) []path.Path {
	switch {
	case after.IsUnknown():
		return []path.Path{at}
	case saysNothing(before) && saysNothing(after):
		return nil
	case before.IsNull() || after.IsNull():
		return []path.Path{at}
	}
	switch after := after.(type) {
	case types.Map:
		if before, ok := before.(types.Map); ok {
			return childDifferences(at.AtMapKey, before.Elements(), after.Elements())
		}
	case types.Object:
		if before, ok := before.(types.Object); ok {
			return childDifferences(at.AtName, before.Attributes(), after.Attributes())
		}
	}
	if sameLeaf(before, after) {
		return nil
	}
	return []path.Path{at}
}

func childDifferences(at func(string) path.Path, before, after map[string]attr.Value) []path.Path {
	var paths []path.Path
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		old, had := before[key]
		now, has := after[key]
		if had && has {
			paths = append(paths, differences(at(key), old, now)...)
		} else {
			paths = append(paths, at(key))
		}
	}
	return paths
}

func saysNothing(value attr.Value) bool {
	switch value := value.(type) {
	case types.String:
		return value.ValueString() == ""
	case types.Bool:
		return !value.ValueBool()
	case types.Int64:
		return value.ValueInt64() == 0
	case types.Float64:
		return value.ValueFloat64() == 0
	case types.List:
		return len(value.Elements()) == 0
	case types.Map:
		return len(value.Elements()) == 0
	}
	return value.IsNull()
}

// sameLeaf compares numbers as Go holds them: a number from a configuration has more digits than one that was read back.
func sameLeaf(before, after attr.Value) bool {
	if before, ok := before.(types.Float64); ok {
		after, ok := after.(types.Float64)
		return ok && before.ValueFloat64() == after.ValueFloat64()
	}
	return before.Equal(after)
}

// sameMAC compares two MAC addresses without case.
func sameMAC(a, b types.String) bool {
	return !a.IsUnknown() && !b.IsUnknown() && strings.EqualFold(a.ValueString(), b.ValueString())
}

// settle makes a plan that changes nothing empty: the framework made the volatile attributes unknown because of differences that have
// turned out to be none.
func settle(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, volatile ...string) {
	if req.State.Raw.IsNull() || resp.Diagnostics.HasError() {
		return
	}
	plan := resp.Plan
	for _, name := range volatile {
		var before attr.Value
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root(name), &before)...)
		resp.Diagnostics.Append(plan.SetAttribute(ctx, path.Root(name), before)...)
	}
	if plan.Raw.Equal(req.State.Raw) {
		resp.Plan = plan
	}
}
