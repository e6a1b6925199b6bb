package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*hostDataSource)(nil)

// dataSource is what all data sources have in common.
type dataSource struct {
	backend *backend
}

func (d *dataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.backend, _ = req.ProviderData.(*backend) // nil while the provider is not configured
}

type hostDataSource struct{ dataSource }

func newHostDataSource() datasource.DataSource { return &hostDataSource{} }

func (d *hostDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_host"
}

type hostDataModel struct {
	Name           types.String `tfsdk:"name"`
	Hostname       types.String `tfsdk:"hostname"`
	XenVersion     types.String `tfsdk:"xen_version"`
	Kernel         types.String `tfsdk:"kernel"`
	Scheduler      types.String `tfsdk:"scheduler"`
	Capabilities   types.List   `tfsdk:"capabilities"`
	CPUs           types.Int64  `tfsdk:"cpus"`
	MemoryTotal    types.Int64  `tfsdk:"memory_total"`
	MemoryFree     types.Int64  `tfsdk:"memory_free"`
	Datastore      types.String `tfsdk:"datastore"`
	DatastoreTotal types.Int64  `tfsdk:"datastore_total"`
	DatastoreFree  types.Int64  `tfsdk:"datastore_free"`
	Reflink        types.Bool   `tfsdk:"reflink"`
	Bridges        types.List   `tfsdk:"bridges"`
	Tools          types.List   `tfsdk:"tools"`
}

func hostResults() map[string]schema.Attribute {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	number := func(description string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: description}
	}
	list := func(description string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: description}
	}
	return map[string]schema.Attribute{
		"hostname":        text("Host name of dom0."),
		"xen_version":     text("Version of Xen, such as `4.17.7`."),
		"kernel":          text("Release of dom0's kernel."),
		"scheduler":       text("Xen's scheduler, such as `credit2`."),
		"capabilities":    list("What guests the host can run, as `xl info` names it in `virt_caps`: `pv`, `hvm`, `hap` and so on."),
		"cpus":            number("Number of processors."),
		"memory_total":    number("Memory of the machine in MiB."),
		"memory_free":     number("Memory in MiB that new guests can get."),
		"datastore":       text("Folder on the host in which images, records and disks are kept."),
		"datastore_total": number("Size of the datastore's file system in MiB."),
		"datastore_free":  number("Free space of the datastore's file system in MiB."),
		"reflink": schema.BoolAttribute{
			Computed: true,
			MarkdownDescription: "Whether the disk of a virtual machine can share the blocks of its image, as XFS and Btrfs can do it; `false` " +
				"also while there is no datastore.",
		},
		"bridges": list("Network bridges of dom0, sorted."),
		"tools":   list("Programs on the host that the provider can use, sorted."),
	}
}

func (d *hostDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := hostResults()
	attributes["name"] = schema.StringAttribute{
		Optional:            true,
		Computed:            true,
		MarkdownDescription: "Name of the host in the provider's `hosts`. Default: the provider's `default_host`.",
	}
	resp.Schema = schema.Schema{MarkdownDescription: "What a Xen host is and has, as it says itself.", Attributes: attributes}
}

func (d *hostDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config hostDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	eng, name, err := d.backend.on(config.Name.ValueString())
	if err != nil {
		addErrorAt(&resp.Diagnostics, path.Root("name"), "Unable to choose a host", err.Error())
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	host, err := eng.Host(ctx, name)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read host "+name, err.Error())
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, hostData(ctx, host, &resp.Diagnostics))...)
}

func hostData(ctx context.Context, host model.Host, diags *diag.Diagnostics) hostDataModel {
	return hostDataModel{
		Name:           types.StringValue(host.Name),
		Hostname:       types.StringValue(host.Hostname),
		XenVersion:     types.StringValue(host.XenVersion),
		Kernel:         types.StringValue(host.Kernel),
		Scheduler:      types.StringValue(host.Scheduler),
		Capabilities:   stringListValue(ctx, host.Capabilities, diags),
		CPUs:           types.Int64Value(host.CPUs),
		MemoryTotal:    types.Int64Value(host.TotalMemory),
		MemoryFree:     types.Int64Value(host.FreeMemory),
		Datastore:      types.StringValue(host.Datastore),
		DatastoreTotal: types.Int64Value(host.DatastoreTotal),
		DatastoreFree:  types.Int64Value(host.DatastoreFree),
		Reflink:        types.BoolValue(host.Reflink),
		Bridges:        stringListValue(ctx, host.Bridges, diags),
		Tools:          stringListValue(ctx, host.Tools, diags),
	}
}
