package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
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
		config.check(ctx, &resp.Diagnostics)
	}
}

// check refuses what the host would refuse. Rules that depend on a value that is not known yet are left to the apply.
func (m imageModel) check(ctx context.Context, diags *diag.Diagnostics) {
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
	spec := m.toSpec(ctx, diags)
	if m.undecided() || diags.HasError() {
		return
	}
	spec.Name = "checked-above"
	if err := spec.Check(); err != nil {
		refused(diags, model.KindImage, err)
	}
}

// undecided tells whether something is not known yet that the rules need. Of an id it is enough that it will be there.
func (m imageModel) undecided() bool {
	for _, value := range []attr.Value{m.Type, m.Persistent, m.Path, m.HostPath, m.SourceDisk, m.FetchFrom, m.Checksum, m.Format, m.Size, m.FSType} {
		if undecided(value) {
			return true
		}
	}
	return false
}

func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	host := r.planHost(ctx, req, resp)
	var plan, config imageModel
	var state *imageModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !req.State.Raw.IsNull() {
		state = &imageModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	r.checkOnHost(ctx, host, config, state, &resp.Diagnostics)
	if state == nil {
		r.planCreate(ctx, &plan, config, host, resp)
	} else {
		r.planUpdate(ctx, &plan, config, *state, resp)
		// Plans of virtual machines must not foresee what holds for the image as it is now.
		if alike := plan.Persistent.Equal(state.Persistent) && plan.Type.Equal(state.Type); !alike && r.backend != nil {
			r.backend.changing.Store(state.ID.ValueString(), true)
		}
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if state == nil || plan.State.IsUnknown() || plan.State.Equal(state.State) {
		settle(ctx, req, resp, "state")
	}
}

// checkOnHost refuses what the host does not have, as far as it can be asked now: another image, a virtual machine, a file of its own.
func (r *imageResource) checkOnHost(ctx context.Context, host string, config imageModel, state *imageModel, diags *diag.Diagnostics) {
	var before []reference
	if state != nil {
		before = state.references(ctx, diags)
	}
	ctx, cancel := looking(ctx, config.Timeouts, diags)
	defer cancel()
	r.backend.checkReferences(ctx, host, config.references(ctx, diags), before, diags)
	if config.HostPath.ValueString() == "" || state != nil && config.HostPath.Equal(state.HostPath) {
		return
	}
	eng, host, err := r.backend.on(host)
	if err != nil {
		return // not known yet; the apply asks again
	}
	err = eng.CheckHostFile(ctx, host, config.HostPath.ValueString())
	var field *model.FieldError
	if errors.As(err, &field) {
		refused(diags, model.KindImage, field)
	}
}

// warnOfDisabled tells of an image that no virtual machine can be made from, unless the same apply enables it.
func warnOfDisabled(ctx context.Context, eng *engine.Engine, at path.Path, ref model.Ref, diags *diag.Diagnostics) {
	if image, err := eng.ImageToUse(ctx, ref); err == nil && image.State == model.ImageDisabled {
		diags.AddAttributeWarning(at, fmt.Sprintf("The image %q on %s is disabled", image.Name, image.Host),
			"Nothing can be made from it until it is enabled. The apply fails unless it enables the image first.")
	}
}

// needTool refuses what the host lacks a program for, where the host can be asked now.
func (r *imageResource) needTool(ctx context.Context, host string, limits timeouts.Value, tool string, at path.Path, diags *diag.Diagnostics) {
	if host, lacks := r.lacks(ctx, host, limits, diags, tool); lacks {
		addErrorAt(diags, at, "Unable to make the image on "+host,
			fmt.Sprintf("There is no %s on host %s: install the package that has it, or choose another %s.", tool, host, at))
	}
}

// needFetcher refuses a host that can fetch nothing.
func (r *imageResource) needFetcher(ctx context.Context, host string, limits timeouts.Value, diags *diag.Diagnostics) {
	if host, lacks := r.lacks(ctx, host, limits, diags, "curl", "wget"); lacks {
		addErrorAt(diags, path.Root("fetch_from"), "Unable to make the image on "+host,
			fmt.Sprintf("There is neither curl nor wget on host %s: install one of them, or let fetch_from be \"client\".", host))
	}
}

// lacks tells whether the host, whose name it returns, has none of the tools. When the host cannot be asked now, the apply asks again.
func (r *imageResource) lacks(ctx context.Context, host string, limits timeouts.Value, diags *diag.Diagnostics, tools ...string) (string, bool) {
	ctx, cancel := looking(ctx, limits, diags)
	defer cancel()
	eng, host, err := r.backend.on(host)
	if err != nil {
		return host, false
	}
	for _, tool := range tools {
		if has, err := eng.HasTool(ctx, host, tool); has || err != nil {
			return host, false
		}
	}
	return host, true
}

// planCreate looks at the source while there is still time to change one's mind.
func (r *imageResource) planCreate(ctx context.Context, m *imageModel, config imageModel, host string, resp *resource.ModifyPlanResponse) {
	if config.Path.IsNull() && config.HostPath.IsNull() && config.SourceImageID.IsNull() {
		m.SourceChecksum = types.StringNull()
	}
	spec := config.toSpec(ctx, &resp.Diagnostics)
	if !config.undecided() {
		spec.Name = "checked-above"
		if err := spec.CheckNew(); err != nil {
			refused(&resp.Diagnostics, model.KindImage, err)
			return
		}
	}
	switch {
	case spec.FSType == "swap":
		r.needTool(ctx, host, config.Timeouts, "mkswap", path.Root("fstype"), &resp.Diagnostics)
	case spec.FSType != "" && spec.FSType != model.FormatRaw:
		r.needTool(ctx, host, config.Timeouts, "mkfs."+spec.FSType, path.Root("fstype"), &resp.Diagnostics)
	case spec.Format == model.FormatQcow2 && m.SourceChecksum.IsNull() && config.SourceDisk.IsNull():
		r.needTool(ctx, host, config.Timeouts, "qemu-img", path.Root("format"), &resp.Diagnostics)
	}
	if spec.FetchFrom == model.FetchFromHost {
		r.needFetcher(ctx, host, config.Timeouts, &resp.Diagnostics)
	}
	if m.Type.IsUnknown() || config.Checksum.IsUnknown() || spec.Path == "" && spec.HostPath == "" {
		return
	}
	content := m.desiredContent(ctx, config, nil, resp)
	if content.problem != nil {
		addErrorAt(&resp.Diagnostics, imagePath, "Unable to read the image's content", content.problem.Error())
		return
	}
	m.SourceChecksum = content.identity()
	if content.contradicts(config, &resp.Diagnostics) {
		return
	}
	if content.file != "" && spec.Type.IsDisk() && !config.Format.IsUnknown() {
		r.inspect(ctx, spec, host, config.Timeouts, &resp.Diagnostics)
	}
}

// inspect refuses local files that are no disk of a kind that Xen can use, and sizes that they do not fit into.
func (r *imageResource) inspect(ctx context.Context, spec model.ImageSpec, host string, limits timeouts.Value, diags *diag.Diagnostics) {
	info, err := engine.InspectSource(ctx, spec.Path)
	if err != nil {
		addErrorAt(diags, imagePath, "Unable to use the image's content", err.Error())
		return
	}
	var field *model.FieldError
	if err := engine.CheckFormat(spec.Type, spec.Format, info.Format); errors.As(err, &field) {
		refused(diags, model.KindImage, field)
		return
	}
	if spec.Format != "" && spec.Format != info.Format && info.Format != "iso" {
		r.needTool(ctx, host, limits, "qemu-img", path.Root("format"), diags)
	}
	if spec.Size != 0 && spec.Size < info.VirtualMiB {
		addErrorAt(diags, path.Root("size"), "Unable to shrink the image's content",
			fmt.Sprintf("%s has %d MiB and cannot shrink to %d MiB", spec.Path, info.VirtualMiB, spec.Size))
	}
}

// planUpdate decides what is changed in place, what makes a new image, and what is refused because it would lose data.
func (r *imageResource) planUpdate(ctx context.Context, m *imageModel, config, state imageModel, resp *resource.ModifyPlanResponse) {
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
	if at := r.planContent(ctx, m, config, state, resp); at != nil {
		replaced = append(replaced, *at)
	}
	if len(replaced) > 0 && state.Persistent.ValueBool() {
		addErrorAt(&resp.Diagnostics, replaced[0], "Unable to replace the persistent image "+state.Name.String(),
			fmt.Sprintf("A changed %s needs a new image, and what virtual machines wrote to this one would be lost. %s", replaced[0], giveUp))
	}
	resp.RequiresReplace.Append(replaced...)
	if len(replaced) > 0 {
		m.checkRemaking(ctx, config, &resp.Diagnostics)
		return
	}
	m.checkType(state, &resp.Diagnostics)
	if m.Size.ValueInt64() != 0 && m.Size.ValueInt64() < state.Size.ValueInt64() {
		addErrorAt(&resp.Diagnostics, path.Root("size"), "Unable to shrink image "+state.Name.String(),
			fmt.Sprintf("The image has %s MiB and %s MiB are wanted. A disk only grows: what stands at its end would be lost. %s", state.Size, m.Size, giveUp))
	}
	m.planState(state)
}

// checkRemaking refuses to replace what cannot be made anew.
func (m *imageModel) checkRemaking(ctx context.Context, config imageModel, diags *diag.Diagnostics) {
	if config.undecided() {
		return // refused by the apply
	}
	if err := config.toSpec(ctx, diags).CheckNew(); err != nil {
		refused(diags, model.KindImage, err)
	}
}

const giveUp = "Keep the value, make another image, or give the data up with `terraform taint` and apply."

// planState shows that an apply enables, disables or mends the image.
func (m *imageModel) planState(state imageModel) {
	enabled, was := m.Enabled.ValueBool(), model.ImageState(state.State.ValueString())
	switch {
	case m.Enabled.IsUnknown():
	case !enabled && was != model.ImageDisabled:
		m.State = types.StringValue(string(model.ImageDisabled))
	case enabled && (was == model.ImageDisabled || was == model.ImageError):
		m.State = types.StringValue(string(model.ImageReady))
	}
}

func changesInPlace(a, b types.String) bool {
	return model.ImageType(a.ValueString()).IsDisk() && model.ImageType(b.ValueString()).IsDisk()
}

// checkType refuses a type that the stored content cannot have.
func (m *imageModel) checkType(state imageModel, diags *diag.Diagnostics) {
	if model.ImageType(m.Type.ValueString()) == model.ImageCDROM && m.Size.ValueInt64() > state.Size.ValueInt64() {
		addErrorAt(diags, path.Root("size"), "Unable to grow the CDROM "+m.Name.String(), "A CDROM image is as large as its content.")
	}
	if model.ImageType(m.Type.ValueString()) == model.ImageCDROM && m.Format.ValueString() == model.FormatQcow2 {
		addErrorAt(diags, path.Root("type"), "Unable to make a CDROM of image "+m.Name.String(), "The image is stored as qcow2, and a CDROM is a raw ISO.")
	}
}
