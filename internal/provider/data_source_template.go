package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*templateDataSource)(nil)

type templateDataSource struct{ dataSource }

func newTemplateDataSource() datasource.DataSource { return &templateDataSource{} }

func (d *templateDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_template"
}

type templateDataModel struct {
	machineModel
	lookupModel
	Labels types.Map `tfsdk:"labels"`
}

func (d *templateDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := computedAttributes(machineAttributes(func(string) string { return "" }))
	attributes["labels"] = schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Labels of the template."}
	maps.Copy(attributes, lookupAttributes(model.KindTemplate.Noun()))
	resp.Schema = schema.Schema{
		MarkdownDescription: "A template on a host, by id or name. What it does not say is null.",
		Attributes:          attributes,
	}
}

func (d *templateDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config templateDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	eng, ref, ok := d.find(ctx, model.KindTemplate, config.lookupModel, &resp.Diagnostics)
	if !ok {
		return
	}
	template, err := eng.Template(ctx, ref)
	if err != nil {
		failed(&resp.Diagnostics, "read", model.KindTemplate, ref.String(), "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, templateDataModel{
		lookupModel:  lookedUp(template.Header),
		machineModel: machineModel{}.fromBody(ctx, template.Host, template.Body, templateTypes, &resp.Diagnostics),
		Labels:       mapOrNull(ctx, template.Labels, &resp.Diagnostics),
	})...)
}

// computedAttributes are the arguments of a resource as the results of a data source.
func computedAttributes(arguments map[string]resourceschema.Attribute) map[string]schema.Attribute {
	results := map[string]schema.Attribute{}
	for name, argument := range arguments {
		text := argument.GetMarkdownDescription()
		switch argument := argument.(type) {
		case resourceschema.StringAttribute:
			results[name] = schema.StringAttribute{Computed: true, MarkdownDescription: text}
		case resourceschema.BoolAttribute:
			results[name] = schema.BoolAttribute{Computed: true, MarkdownDescription: text}
		case resourceschema.Int64Attribute:
			results[name] = schema.Int64Attribute{Computed: true, MarkdownDescription: text}
		case resourceschema.Float64Attribute:
			results[name] = schema.Float64Attribute{Computed: true, MarkdownDescription: text}
		case resourceschema.ListAttribute:
			results[name] = schema.ListAttribute{Computed: true, ElementType: argument.ElementType, MarkdownDescription: text}
		case resourceschema.MapAttribute:
			results[name] = schema.MapAttribute{Computed: true, ElementType: argument.ElementType, MarkdownDescription: text}
		case resourceschema.SingleNestedAttribute:
			results[name] = schema.SingleNestedAttribute{Computed: true, Attributes: computedAttributes(argument.Attributes), MarkdownDescription: text}
		case resourceschema.MapNestedAttribute:
			results[name] = schema.MapNestedAttribute{
				Computed: true, MarkdownDescription: text,
				NestedObject: schema.NestedAttributeObject{Attributes: computedAttributes(argument.NestedObject.Attributes)},
			}
		default:
			panic(fmt.Sprintf("%s is a %T, which no data source has yet", name, argument))
		}
	}
	return results
}
