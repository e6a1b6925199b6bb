package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

func (r *imageResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config imageModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !resp.Diagnostics.HasError() {
		config.check(&resp.Diagnostics)
	}
}

// check refuses what the host would refuse. Rules that depend on a value that is not known yet are left to the apply.
func (m imageModel) check(diags *diag.Diagnostics) {
	if !m.Name.IsUnknown() {
		if err := model.CheckName(m.Name.ValueString()); err != nil {
			refused(diags, model.KindImage, &model.FieldError{Field: "name", Err: err})
			return
		}
	}
	if checksum := m.Checksum.ValueString(); checksum != "" {
		if err := engine.CheckChecksum(checksum); err != nil {
			refused(diags, model.KindImage, &model.FieldError{Field: "checksum", Err: err})
		}
	}
	if m.Type.IsUnknown() || m.Persistent.IsUnknown() || m.Path.IsUnknown() || m.Checksum.IsUnknown() ||
		m.Format.IsUnknown() || m.Size.IsUnknown() || m.FSType.IsUnknown() {
		return
	}
	spec := m.toSpec()
	spec.Name = "checked-above"
	if err := spec.Check(); err != nil {
		refused(diags, model.KindImage, err)
	}
}

func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	r.planHost(ctx, req, resp)
	var plan, config imageModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		plan.checkNew(config, &resp.Diagnostics)
		plan.planCreate(ctx, config, resp)
	} else {
		var state imageModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		if !resp.Diagnostics.HasError() {
			plan.planUpdate(ctx, config, state, resp)
		}
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	settle(ctx, req, resp, "state")
}

// planCreate looks at a local file while there is still time to change one's mind.
func (m *imageModel) planCreate(ctx context.Context, config imageModel, resp *resource.ModifyPlanResponse) {
	if config.Path.IsNull() {
		m.SourceChecksum = types.StringNull()
	}
	if m.Type.IsUnknown() || config.Path.IsNull() || config.Path.IsUnknown() {
		return
	}
	content := m.desiredContent(ctx, config, resp)
	if content.problem != nil {
		addErrorAt(&resp.Diagnostics, path.Root("path"), "Unable to read the image's content", content.problem.Error())
		return
	}
	m.SourceChecksum = content.identity()
	if content.contradicts(config, &resp.Diagnostics) {
		return
	}
	if content.file != "" && model.ImageType(m.Type.ValueString()).IsDisk() {
		m.inspect(ctx, config, &resp.Diagnostics)
	}
}

// inspect refuses files that are no disk of a kind that Xen can use, and sizes that they do not fit into.
func (m *imageModel) inspect(ctx context.Context, config imageModel, diags *diag.Diagnostics) {
	info, err := engine.InspectSource(ctx, config.Path.ValueString())
	if err != nil {
		addErrorAt(diags, path.Root("path"), "Unable to use the image's content", err.Error())
		return
	}
	if size := config.Size.ValueInt64(); size != 0 && size < info.VirtualMiB {
		addErrorAt(diags, path.Root("size"), "Unable to shrink the image's content",
			fmt.Sprintf("%s has %d MiB and cannot shrink to %d MiB", config.Path.ValueString(), info.VirtualMiB, size))
	}
}

// planUpdate decides what is changed in place, what makes a new image, and what is refused because it would lose data.
func (m *imageModel) planUpdate(ctx context.Context, config, state imageModel, resp *resource.ModifyPlanResponse) {
	var replaced []path.Path
	if !m.Host.Equal(state.Host) {
		replaced = append(replaced, path.Root("host"))
	}
	if !m.Type.Equal(state.Type) && !changesInPlace(m.Type, state.Type) {
		replaced = append(replaced, path.Root("type"))
	}
	if !m.Format.Equal(state.Format) {
		replaced = append(replaced, path.Root("format"))
	}
	replaced = append(replaced, differences(path.Root("fstype"), state.FSType, m.FSType)...)
	if at := m.planContent(ctx, config, state, resp); at != nil {
		replaced = append(replaced, *at)
	}
	if len(replaced) == 0 && !m.Size.IsUnknown() && !m.Size.Equal(state.Size) {
		addErrorAt(&resp.Diagnostics, path.Root("size"), "Unable to change the size of image "+state.Name.String(),
			fmt.Sprintf("The image has %s MiB and %s MiB are wanted. An image keeps its size: a new one in its place would lose the data on it. %s",
				state.Size, m.Size, giveUp))
	}
	if len(replaced) > 0 && state.Persistent.ValueBool() {
		addErrorAt(&resp.Diagnostics, replaced[0], "Unable to replace the persistent image "+state.Name.String(),
			fmt.Sprintf("A changed %s needs a new image, and what virtual machines wrote to this one would be lost. %s", replaced[0], giveUp))
	}
	resp.RequiresReplace.Append(replaced...)
	if len(replaced) == 0 {
		m.checkType(&resp.Diagnostics)
	} else {
		m.checkNew(config, &resp.Diagnostics)
	}
}

// checkNew refuses an image that cannot be made anew.
func (m *imageModel) checkNew(config imageModel, diags *diag.Diagnostics) {
	if m.Type.IsUnknown() || config.Path.IsUnknown() {
		return // refused by the apply
	}
	if err := m.toSpec().CheckNew(); err != nil {
		refused(diags, model.KindImage, err)
	}
}

const giveUp = "Keep the value, make another image, or give the data up with `terraform taint` and apply."

func changesInPlace(a, b types.String) bool {
	return model.ImageType(a.ValueString()).IsDisk() && model.ImageType(b.ValueString()).IsDisk()
}

// checkType refuses a type that the stored content cannot have.
func (m *imageModel) checkType(diags *diag.Diagnostics) {
	if model.ImageType(m.Type.ValueString()) == model.ImageCDROM && m.Format.ValueString() == model.FormatQcow2 {
		addErrorAt(diags, path.Root("type"), "Unable to make a CDROM of image "+m.Name.String(), "The image is stored as qcow2, and a CDROM is a raw ISO.")
	}
}

// planContent finds out whether the image on the host has the content that the configuration asks for, and returns the attribute that
// says otherwise. Another path to the same content is no change.
func (m *imageModel) planContent(ctx context.Context, config, state imageModel, resp *resource.ModifyPlanResponse) *path.Path {
	m.SourceChecksum = state.SourceChecksum
	at := path.Root("path")
	if config.Path.IsUnknown() || config.Checksum.IsUnknown() {
		return nil // decided by the apply's own plan, or refused there
	}
	if config.Path.ValueString() == "" {
		if state.Path.ValueString() == "" {
			return nil // still an empty DATABLOCK
		}
		return &at
	}
	samePath := config.Path.Equal(state.Path)
	content := m.desiredContent(ctx, config, resp)
	switch {
	case content.contradicts(config, &resp.Diagnostics):
		return nil
	case content.is(state):
		if !samePath {
			m.Path = state.Path
		}
		return nil
	case content.problem != nil && !samePath:
		addErrorAt(&resp.Diagnostics, at, "Unable to read the image's content", content.problem.Error())
		return nil
	case samePath && content.identity().IsUnknown():
		return nil // nothing new is known of it
	case samePath && state.SourceChecksum.IsNull():
		m.SourceChecksum = content.identity()
		return nil
	}
	m.SourceChecksum = content.identity()
	if m.SourceChecksum.IsUnknown() {
		return &at
	}
	at = path.Root("source_checksum")
	return &at
}

// content is what is known of the bytes that the configuration asks for.
type content struct {
	declared string // the argument checksum
	file     string // the checksum of the local file
	problem  error  // why there is no checksum of the local file
}

func (m *imageModel) desiredContent(ctx context.Context, config imageModel, resp *resource.ModifyPlanResponse) content {
	c := content{declared: strings.ToLower(strings.TrimSpace(config.Checksum.ValueString()))}
	if location := config.Path.ValueString(); !isURL(location) {
		var now source
		now, c.problem = localChecksum(ctx, resp.Private, location)
		if c.problem == nil {
			c.file = now.Checksum
		}
	}
	return c
}

// contradicts reports a local file that does not have the checksum that it is said to have.
func (c content) contradicts(config imageModel, diags *diag.Diagnostics) bool {
	if c.file == "" || c.file == c.declared || !strings.HasPrefix(c.declared, "sha256:") {
		return false
	}
	addErrorAt(diags, path.Root("checksum"), "Unable to use the image's content",
		fmt.Sprintf("%s has the checksum %s, not %s", config.Path.ValueString(), c.file, c.declared))
	return true
}

// is tells whether the stored image has this content.
func (c content) is(state imageModel) bool {
	stored := []string{state.SourceChecksum.ValueString(), strings.ToLower(strings.TrimSpace(state.Checksum.ValueString()))}
	for _, sum := range stored {
		if sum != "" && (sum == c.declared || sum == c.file) {
			return true
		}
	}
	return false
}

// identity is the checksum that the engine will find, unknown when only the download tells.
func (c content) identity() types.String {
	switch {
	case c.declared != "":
		return types.StringValue(c.declared)
	case c.file != "":
		return types.StringValue(c.file)
	}
	return types.StringUnknown()
}
