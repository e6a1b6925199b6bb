package provider

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*hostsDataSource)(nil)

type hostsDataSource struct{ dataSource }

func newHostsDataSource() datasource.DataSource { return &hostsDataSource{} }

func (d *hostsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_hosts"
}

type hostsDataModel struct {
	NameRegex types.String    `tfsdk:"name_regex"`
	Hosts     []hostDataModel `tfsdk:"hosts"`
}

func (d *hostsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := hostResults()
	attributes["name"] = schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the host in the provider's `hosts`."}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The hosts of the provider, each with what it is and has, as it says itself. All of them have to answer.",
		Attributes: map[string]schema.Attribute{
			"name_regex": nameRegexAttribute(),
			"hosts": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The hosts, in the order of their names.",
				NestedObject:        schema.NestedAttributeObject{Attributes: attributes},
			},
		},
	}
}

func (d *hostsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config hostsDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	pattern := matcher(config.NameRegex, &resp.Diagnostics)
	all, err := d.hosts(types.StringNull())
	if err != nil {
		addErrorAt(&resp.Diagnostics, path.Root("hosts"), "Unable to list the hosts", err.Error())
	}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	var names []string
	for _, name := range all {
		if pattern.MatchString(name) {
			names = append(names, name)
		}
	}
	// Each answers in its own time.
	hosts, errs := make([]model.Host, len(names)), make([]error, len(names))
	var asked sync.WaitGroup
	for i, name := range names {
		asked.Go(func() {
			eng, name, err := d.backend.on(name)
			if err == nil {
				hosts[i], err = eng.Host(ctx, name)
			}
			errs[i] = err
		})
	}
	asked.Wait()
	config.Hosts = []hostDataModel{}
	for i, name := range names {
		if errs[i] != nil {
			resp.Diagnostics.AddError("Unable to read host "+name, errs[i].Error())
			continue
		}
		config.Hosts = append(config.Hosts, hostData(ctx, hosts[i], &resp.Diagnostics))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}
