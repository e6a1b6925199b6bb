package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*imagesDataSource)(nil)

type imagesDataSource struct{ dataSource }

func newImagesDataSource() datasource.DataSource { return &imagesDataSource{} }

func (d *imagesDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_images"
}

type imagesDataModel struct {
	filterModel
	Type   types.String     `tfsdk:"type"`
	Images []imageDataModel `tfsdk:"images"`
}

func (d *imagesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"type": schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of this type: `OS`, `CDROM`, `DATABLOCK`, `KERNEL` or `RAMDISK`."},
		"images": schema.ListNestedAttribute{
			Computed:            true,
			MarkdownDescription: "The images, in the order of their hosts' names and their own.",
			NestedObject:        elementsOf(imageResults(), model.KindImage.Noun()),
		},
	}
	maps.Copy(attributes, filterAttributes("`READY`, `USED`, `USED_PERS`, `LOCKED`, `DISABLED` or `ERROR`"))
	resp.Schema = schema.Schema{MarkdownDescription: "The images on the hosts that match all that is said here; all images when nothing is.", Attributes: attributes}
}

func (d *imagesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config imagesDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	config.Images = filtered(&d.dataSource, config.filterModel, "images", &resp.Diagnostics,
		func(eng *engine.Engine, host string) ([]model.Image, error) {
			return eng.Images(ctx, host, model.ImageType(config.Type.ValueString()))
		},
		func(image model.Image) (model.Header, string) { return image.Header, string(image.State) },
		func(image model.Image) imageDataModel { return imageData(ctx, image, &resp.Diagnostics) })
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}
