package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

type imageModel struct {
	ID             types.String   `tfsdk:"id"`
	Host           types.String   `tfsdk:"host"`
	Name           types.String   `tfsdk:"name"`
	Type           types.String   `tfsdk:"type"`
	Persistent     types.Bool     `tfsdk:"persistent"`
	Enabled        types.Bool     `tfsdk:"enabled"`
	Path           types.String   `tfsdk:"path"`
	HostPath       types.String   `tfsdk:"host_path"`
	SourceImageID  types.String   `tfsdk:"source_image_id"`
	SourceDisk     types.Object   `tfsdk:"source_disk"`
	FetchFrom      types.String   `tfsdk:"fetch_from"`
	Checksum       types.String   `tfsdk:"checksum"`
	Format         types.String   `tfsdk:"format"`
	Size           types.Int64    `tfsdk:"size"`
	FSType         types.String   `tfsdk:"fstype"`
	Labels         types.Map      `tfsdk:"labels"`
	SourceChecksum types.String   `tfsdk:"source_checksum"`
	State          types.String   `tfsdk:"state"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`
}

type diskRefModel struct {
	VirtualMachineID types.String `tfsdk:"virtual_machine_id"`
	Slot             types.String `tfsdk:"slot"`
}

var diskRefType = map[string]attr.Type{"virtual_machine_id": types.StringType, "slot": types.StringType}

// Where an image's content comes from.
var (
	imagePath       = path.Root("path")
	hostPath        = path.Root("host_path")
	sourceImagePath = path.Root("source_image_id")
	sourceDiskPath  = path.Root("source_disk")
)

// toSpec is what the engine is asked for. What is not known counts as not said.
func (m imageModel) toSpec(ctx context.Context, diags *diag.Diagnostics) model.ImageSpec {
	spec := model.ImageSpec{
		Name:       m.Name.ValueString(),
		Type:       model.ImageType(m.Type.ValueString()),
		Persistent: m.Persistent.ValueBool(),
		Disabled:   !m.Enabled.IsNull() && !m.Enabled.IsUnknown() && !m.Enabled.ValueBool(),
		Path:       m.Path.ValueString(),
		HostPath:   m.HostPath.ValueString(),
		FetchFrom:  m.FetchFrom.ValueString(),
		Checksum:   m.Checksum.ValueString(),
		Expected:   m.SourceChecksum.ValueString(),
		Format:     m.Format.ValueString(),
		Size:       m.Size.ValueInt64(),
		FSType:     m.FSType.ValueString(),
		Labels:     stringMap(m.Labels),
	}
	spec.SourceImage = refID(sourceImagePath, m.SourceImageID, diags)
	if disk := object[diskRefModel](ctx, m.SourceDisk, diags); disk != nil {
		if vm := refID(sourceDiskPath.AtName("virtual_machine_id"), disk.VirtualMachineID, diags); vm != nil {
			spec.SourceDisk = &model.DiskRef{VM: *vm, Slot: disk.Slot.ValueString()}
		}
	}
	return spec
}

// references are the ids of other things by where they stand.
func (m imageModel) references(ctx context.Context, diags *diag.Diagnostics) []reference {
	refs := []reference{{sourceImagePath, m.SourceImageID, model.KindImage}}
	if disk := object[diskRefModel](ctx, m.SourceDisk, diags); disk != nil {
		refs = append(refs, reference{sourceDiskPath.AtName("virtual_machine_id"), disk.VirtualMachineID, model.KindVirtualMachine})
	}
	return refs
}

// source is what a person calls the place that the content comes from.
func (m imageModel) source() string {
	if m.HostPath.ValueString() != "" {
		return m.HostPath.ValueString()
	}
	return m.Path.ValueString()
}

// fromRecord is the model as the host knows it. Where m says the same in other words, its words are kept.
func (m imageModel) fromRecord(ctx context.Context, image model.Image, diags *diag.Diagnostics) imageModel {
	m.ID = types.StringValue(image.Ref().String())
	m.Host = types.StringValue(image.Host)
	m.Name = types.StringValue(image.Name)
	m.Type = types.StringValue(string(image.Type))
	m.Persistent = types.BoolValue(image.Persistent)
	m.Enabled = types.BoolValue(image.State != model.ImageDisabled)
	m.Path = keepString(m.Path, image.Path)
	m.HostPath = keepString(m.HostPath, image.HostPath)
	m.SourceImageID = refValue(image.Host, image.SourceImage)
	m.SourceDisk = diskRefValue(ctx, image, diags)
	m.FetchFrom = keepString(m.FetchFrom, image.FetchFrom)
	m.Checksum = keepString(m.Checksum, image.Checksum)
	m.Format = stringOrNull(image.Format)
	m.Size = numberOrNull(image.Size)
	m.FSType = keepString(m.FSType, image.FSType)
	m.Labels = keepMap(ctx, m.Labels, image.Labels, diags)
	m.SourceChecksum = stringOrNull(image.Delivered)
	m.State = types.StringValue(string(image.State))
	return m
}

func diskRefValue(ctx context.Context, image model.Image, diags *diag.Diagnostics) types.Object {
	if image.SourceDisk == nil {
		return types.ObjectNull(diskRefType)
	}
	value, d := types.ObjectValueFrom(ctx, diskRefType, diskRefModel{
		VirtualMachineID: refValue(image.Host, &image.SourceDisk.VM), Slot: types.StringValue(image.SourceDisk.Slot),
	})
	diags.Append(d...)
	return value
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
