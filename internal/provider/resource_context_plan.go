package provider

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// variablesKey is where the private state keeps the fingerprint of variables_wo and of the password.
const variablesKey = "variables_wo"

func (r *contextResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config contextModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !resp.Diagnostics.HasError() {
		config.check(ctx, &resp.Diagnostics)
	}
}

func (m contextModel) check(ctx context.Context, diags *diag.Diagnostics) {
	if err := engine.CheckContext(m.toSpec(ctx, diags)); err != nil {
		refused(diags, model.KindContext, err)
	}
	plain := m.Variables.Elements()
	for _, key := range slices.Sorted(maps.Keys(m.VariablesWO.Elements())) {
		if _, twice := plain[key]; twice {
			addErrorAt(diags, path.Root("variables_wo").AtMapKey(key), "Unable to use this value for the context",
				"the variable "+key+" stands in variables, too: say it once")
		}
	}
	files := elements[contextFileModel](ctx, m.Files, diags)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, at := files[name], path.Root("files").AtMapKey(name)
		switch {
		case file.Content.IsUnknown() || file.Source.IsUnknown():
		case file.Content.IsNull() && file.Source.ValueString() == "":
			addErrorAt(diags, at, "Unable to use this value for the context", "the file needs either content or source")
		case !file.Content.IsNull() && !file.Source.IsNull():
			addErrorAt(diags, at.AtName("source"), "Unable to use this value for the context", "the file has content already: say either content or source")
		}
	}
}

func (r *contextResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	r.planHost(ctx, req, resp)
	var plan, config contextModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.planFiles(ctx, config, &resp.Diagnostics)
	if !req.State.Raw.IsNull() && !resp.Diagnostics.HasError() {
		var state contextModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		plan.planUpdate(ctx, config, state, resp)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// planFiles reads the files, so that the plan shows which content will be on the host.
func (m *contextModel) planFiles(ctx context.Context, config contextModel, diags *diag.Diagnostics) {
	if config.Files.IsUnknown() || len(config.Files.Elements()) == 0 {
		return
	}
	wanted := config.readFiles(ctx, diags)
	planned := elements[contextFileModel](ctx, m.Files, diags)
	for name, file := range elements[contextFileModel](ctx, config.Files, diags) {
		entry := planned[name]
		entry.SHA256 = types.StringValue(wanted[name].SHA256)
		if file.Content.IsUnknown() || file.Source.IsUnknown() {
			entry.SHA256 = types.StringUnknown()
		}
		planned[name] = entry
	}
	if !diags.HasError() {
		m.Files = filesValue(ctx, planned, diags)
	}
}

// planUpdate replaces the context for everything but its name and labels.
func (m *contextModel) planUpdate(ctx context.Context, config, state contextModel, resp *resource.ModifyPlanResponse) {
	for _, changed := range [][]path.Path{
		differences(path.Root("variables"), state.Variables, m.Variables),
		differences(path.Root("format"), state.Format, m.Format),
		differences(path.Root("hostname"), state.Hostname, m.Hostname),
		differences(path.Root("hostname_from_name"), state.HostnameFromName, m.HostnameFromName),
		differences(path.Root("user"), state.User, m.User),
		differences(path.Root("ssh_public_keys"), state.SSHPublicKeys, m.SSHPublicKeys),
		differences(path.Root("start_script"), state.StartScript, m.StartScript),
		differences(path.Root("dns"), state.DNS, m.DNS),
		differences(path.Root("search_domain"), state.SearchDomain, m.SearchDomain),
		differences(path.Root("time_zone"), state.TimeZone, m.TimeZone),
		differences(path.Root("user_data"), state.UserData, m.UserData),
		differences(path.Root("files"), state.Files, m.Files),
		differences(path.Root("network"), state.Network, m.Network),
	} {
		resp.RequiresReplace.Append(changed...)
	}
	for at, values := range map[string][2]types.Bool{"grow_rootfs": {state.GrowRootFS, m.GrowRootFS}, "swap": {state.Swap, m.Swap}} {
		if !values[0].Equal(values[1]) { // here, false says something
			resp.RequiresReplace.Append(path.Root(at))
		}
	}
	if !fullyKnown(ctx, config.VariablesWO) || config.PasswordWO.IsUnknown() || config.CryptedPasswordWO.IsUnknown() {
		return
	}
	changed, diags := secretChanged(ctx, resp.Private, variablesKey, config.toSpec(ctx, &resp.Diagnostics).Hidden())
	resp.Diagnostics.Append(diags...)
	if changed {
		// A write-only value shows no difference, so the id does.
		m.ID = types.StringUnknown()
		resp.RequiresReplace.Append(path.Root("id"))
		resp.Diagnostics.AddAttributeWarning(path.Root("variables_wo"), "The write-only variables or the password have changed",
			"They differ from those on the host, so the context is replaced, and the virtual machines that use it get a new ISO.")
	}
}
