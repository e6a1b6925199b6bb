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
)

// planContent finds out whether the image on the host has the content that the configuration asks for, and returns the attribute that
// says otherwise. Another way to the same content is no change.
func (r *imageResource) planContent(ctx context.Context, m *imageModel, config, state imageModel, resp *resource.ModifyPlanResponse) *path.Path {
	m.SourceChecksum = state.SourceChecksum
	changed := config.sourceDifferences(state)
	if config.Path.IsUnknown() || config.HostPath.IsUnknown() || config.Checksum.IsUnknown() {
		return nil // the apply refuses what turns out to be other content
	}
	delivered := config.Path.ValueString() != "" || config.HostPath.ValueString() != ""
	switch {
	case len(changed) == 0 && !delivered:
		return nil // an empty DATABLOCK, or a copy of something that may have changed since
	case !delivered && config.SourceImageID.ValueString() == "":
		m.SourceChecksum = types.StringNull()
		return &changed[0]
	}
	content := m.desiredContent(ctx, config, &state, resp)
	if !delivered {
		content = r.contentOfImage(ctx, config.SourceImageID)
	}
	switch {
	case resp.Diagnostics.HasError(), content.contradicts(config, &resp.Diagnostics):
		return nil
	case content.is(state):
		m.Path, m.HostPath, m.SourceImageID, m.SourceDisk = state.Path, state.HostPath, state.SourceImageID, state.SourceDisk
		return nil
	case content.problem != nil && len(changed) > 0:
		addErrorAt(&resp.Diagnostics, imagePath, "Unable to read the image's content", content.problem.Error())
		return nil
	case len(changed) == 0 && content.identity().IsUnknown():
		return nil // nothing new is known of it
	case len(changed) == 0 && state.SourceChecksum.IsNull():
		m.SourceChecksum = content.identity()
		return nil
	}
	m.SourceChecksum = content.identity()
	if m.SourceChecksum.IsUnknown() || !delivered {
		m.SourceChecksum = types.StringUnknown()
		return &changed[0]
	}
	at := path.Root("source_checksum")
	return &at
}

// sourceDifferences are the sources that the configuration names and the state does not, and the other way round; the ones named first.
func (m imageModel) sourceDifferences(state imageModel) []path.Path {
	var named, gone []path.Path
	for _, diff := range [][]path.Path{
		differences(imagePath, state.Path, m.Path),
		differences(hostPath, state.HostPath, m.HostPath),
		differences(sourceImagePath, state.SourceImageID, m.SourceImageID),
		differences(sourceDiskPath, state.SourceDisk, m.SourceDisk),
	} {
		for _, at := range diff {
			switch root := at.Steps()[0].String(); {
			case root == "path" && m.Path.IsNull(), root == "host_path" && m.HostPath.IsNull(),
				root == "source_image_id" && m.SourceImageID.IsNull(), root == "source_disk" && m.SourceDisk.IsNull():
				gone = append(gone, at)
			default:
				named = append(named, at)
			}
		}
	}
	return append(named, gone...)
}

// content is what is known of the bytes that the configuration asks for.
type content struct {
	declared string // the argument checksum
	file     string // the checksum of the local file, or of another image's source
	problem  error  // why there is no checksum of the local file
}

// desiredContent looks at the local file and at the checksum, or at the list that it names. Without a list that can be read, an image that
// stands keeps its content.
func (m *imageModel) desiredContent(ctx context.Context, config imageModel, state *imageModel, resp *resource.ModifyPlanResponse) content {
	c := content{declared: strings.ToLower(strings.TrimSpace(config.Checksum.ValueString()))}
	if isURL(config.Checksum.ValueString()) {
		c.declared = config.listedChecksum(ctx, state, &resp.Diagnostics)
	}
	if location := config.Path.ValueString(); location != "" && !isURL(location) {
		var now source
		now, c.problem = localChecksum(ctx, resp.Private, location)
		if c.problem == nil {
			c.file = now.Checksum
		}
	}
	return c
}

func (m imageModel) listedChecksum(ctx context.Context, state *imageModel, diags *diag.Diagnostics) string {
	sum, err := engine.ResolveChecksum(ctx, m.toSpec(ctx, diags))
	if err == nil {
		return sum
	}
	if state == nil || len(m.sourceDifferences(*state)) > 0 {
		addErrorAt(diags, path.Root("checksum"), "Unable to read the checksum of the image's content", err.Error())
		return ""
	}
	diags.AddAttributeWarning(path.Root("checksum"), "Unable to read the checksum of the image's content",
		err.Error()+"\n\nThe image stands on the host and stays as it is.")
	return state.SourceChecksum.ValueString()
}

// contentOfImage is what another image was made of, as far as the host can be asked now.
func (r *imageResource) contentOfImage(ctx context.Context, id types.String) content {
	eng, ref, err := r.refOf(id)
	if err != nil {
		return content{}
	}
	image, err := eng.Image(ctx, ref)
	if err != nil || image.SHA256 == "" {
		return content{} // guests may have written to it
	}
	return content{file: image.Delivered}
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

// identity is the checksum that the engine will find, unknown when only the apply tells.
func (c content) identity() types.String {
	switch {
	case c.declared != "":
		return types.StringValue(c.declared)
	case c.file != "":
		return types.StringValue(c.file)
	}
	return types.StringUnknown()
}
