package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*imageDataSource)(nil)

type imageDataSource struct{ dataSource }

func newImageDataSource() datasource.DataSource { return &imageDataSource{} }

func (d *imageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
}

type imageDataModel struct {
	lookupModel
	Type           types.String `tfsdk:"type"`
	Persistent     types.Bool   `tfsdk:"persistent"`
	Enabled        types.Bool   `tfsdk:"enabled"`
	Path           types.String `tfsdk:"path"`
	HostPath       types.String `tfsdk:"host_path"`
	SourceImageID  types.String `tfsdk:"source_image_id"`
	Format         types.String `tfsdk:"format"`
	Size           types.Int64  `tfsdk:"size"`
	FSType         types.String `tfsdk:"fstype"`
	SourceChecksum types.String `tfsdk:"source_checksum"`
	Labels         types.Map    `tfsdk:"labels"`
	State          types.String `tfsdk:"state"`
	UsedBy         types.List   `tfsdk:"used_by"`
}

func imageResults() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"type":            schema.StringAttribute{Computed: true, MarkdownDescription: "`OS`, `CDROM`, `DATABLOCK`, `KERNEL` or `RAMDISK`."},
		"persistent":      schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether one virtual machine uses the image itself instead of a copy."},
		"enabled":         schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether virtual machines may be made from the image."},
		"path":            schema.StringAttribute{Computed: true, MarkdownDescription: "Local path or URL that the content came from, a URL without user name, password and query; null when it came from the host or was made empty."},
		"host_path":       schema.StringAttribute{Computed: true, MarkdownDescription: "Path on the host that the content came from."},
		"source_image_id": schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the image that the content came from, which may be gone since."},
		"format":          schema.StringAttribute{Computed: true, MarkdownDescription: "`raw` or `qcow2`; null for `KERNEL` and `RAMDISK`."},
		"size":            schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the disk in MiB; null for `KERNEL` and `RAMDISK`."},
		"fstype":          schema.StringAttribute{Computed: true, MarkdownDescription: "What an empty DATABLOCK was formatted with."},
		"source_checksum": schema.StringAttribute{Computed: true, MarkdownDescription: "Checksum of the bytes as delivered, `<algorithm>:<hexadecimal digits>`; null when nothing was delivered."},
		"labels":          schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Labels of the image."},
		"state":           schema.StringAttribute{Computed: true, MarkdownDescription: "`READY`, `USED`, `USED_PERS`, `LOCKED`, `DISABLED` or `ERROR`."},
		"used_by":         schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Names of the virtual machines that use the image, sorted."},
	}
}

func (d *imageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := imageResults()
	maps.Copy(attributes, lookupAttributes(model.KindImage.Noun()))
	resp.Schema = schema.Schema{MarkdownDescription: "An image on a host, by id or name.", Attributes: attributes}
}

func (d *imageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config imageDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	eng, ref, ok := d.find(ctx, model.KindImage, config.lookupModel, &resp.Diagnostics)
	if !ok {
		return
	}
	image, err := eng.Image(ctx, ref)
	if err != nil {
		failed(&resp.Diagnostics, "read", model.KindImage, ref.String(), "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, imageData(ctx, image, &resp.Diagnostics))...)
}

func imageData(ctx context.Context, image model.Image, diags *diag.Diagnostics) imageDataModel {
	return imageDataModel{
		lookupModel:    lookedUp(image.Header),
		Type:           types.StringValue(string(image.Type)),
		Persistent:     types.BoolValue(image.Persistent),
		Enabled:        types.BoolValue(image.State != model.ImageDisabled),
		Path:           stringOrNull(engine.PublicPath(image.Path)),
		HostPath:       stringOrNull(image.HostPath),
		SourceImageID:  refValue(image.Host, image.SourceImage),
		Format:         stringOrNull(image.Format),
		Size:           numberOrNull(image.Size),
		FSType:         stringOrNull(image.FSType),
		SourceChecksum: stringOrNull(image.Delivered),
		Labels:         mapOrNull(ctx, image.Labels, diags),
		State:          types.StringValue(string(image.State)),
		UsedBy:         stringListValue(ctx, image.UsedBy, diags),
	}
}
