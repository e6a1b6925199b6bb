package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

type imageModel struct {
	ID             types.String   `tfsdk:"id"`
	Host           types.String   `tfsdk:"host"`
	Name           types.String   `tfsdk:"name"`
	Type           types.String   `tfsdk:"type"`
	Persistent     types.Bool     `tfsdk:"persistent"`
	Path           types.String   `tfsdk:"path"`
	Checksum       types.String   `tfsdk:"checksum"`
	Format         types.String   `tfsdk:"format"`
	Size           types.Int64    `tfsdk:"size"`
	FSType         types.String   `tfsdk:"fstype"`
	Labels         types.Map      `tfsdk:"labels"`
	SourceChecksum types.String   `tfsdk:"source_checksum"`
	State          types.String   `tfsdk:"state"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`
}

// toSpec is what the engine is asked for. What is not known counts as not said.
func (m imageModel) toSpec() model.ImageSpec {
	return model.ImageSpec{
		Name:       m.Name.ValueString(),
		Type:       model.ImageType(m.Type.ValueString()),
		Persistent: m.Persistent.ValueBool(),
		Path:       m.Path.ValueString(),
		Checksum:   m.Checksum.ValueString(),
		Format:     m.Format.ValueString(),
		Size:       m.Size.ValueInt64(),
		FSType:     m.FSType.ValueString(),
		Labels:     stringMap(m.Labels),
	}
}

// fromRecord is the model as the host knows it. Where m says the same in other words, its words are kept.
func (m imageModel) fromRecord(ctx context.Context, image model.Image, diags *diag.Diagnostics) imageModel {
	m.ID = types.StringValue(image.Ref().String())
	m.Host = types.StringValue(image.Host)
	m.Name = types.StringValue(image.Name)
	m.Type = types.StringValue(string(image.Type))
	m.Persistent = types.BoolValue(image.Persistent)
	m.Path = keepString(m.Path, image.Path)
	m.Checksum = keepString(m.Checksum, image.Checksum)
	m.Format = stringOrNull(image.Format)
	m.Size = numberOrNull(image.Size)
	m.FSType = keepString(m.FSType, image.FSType)
	m.Labels = keepMap(ctx, m.Labels, image.Labels, diags)
	m.SourceChecksum = stringOrNull(image.Delivered)
	m.State = types.StringValue(string(image.State))
	return m
}

// reserved is what may be said of an image while its content is on the way.
func (m imageModel) reserved(image model.Image) imageModel {
	m.ID = types.StringValue(image.Ref().String())
	m.Host = types.StringValue(image.Host)
	m.Format = known(m.Format, types.StringNull())
	m.Size = known(m.Size, types.Int64Null())
	m.SourceChecksum = known(m.SourceChecksum, types.StringNull())
	m.State = types.StringValue(string(image.State))
	return m
}
