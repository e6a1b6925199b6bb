package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*virtualMachinesDataSource)(nil)

type virtualMachinesDataSource struct{ dataSource }

func newVirtualMachinesDataSource() datasource.DataSource { return &virtualMachinesDataSource{} }

func (d *virtualMachinesDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_virtual_machines"
}

type virtualMachinesDataModel struct {
	filterModel
	VirtualMachines []machineSummary `tfsdk:"virtual_machines"`
}

func (d *virtualMachinesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := filterAttributes("`RUNNING`, `POWEROFF`, `FAILED` and so on")
	maps.Copy(attributes, map[string]schema.Attribute{
		"virtual_machines": schema.ListNestedAttribute{
			Computed:            true,
			MarkdownDescription: "The virtual machines, in the order of their hosts' names and their own.",
			NestedObject:        elementsOf(machineSummaryAttributes(), model.KindVirtualMachine.Noun()),
		},
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "The virtual machines on the hosts that match all that is said here; all virtual machines when nothing is.",
		Attributes:          attributes,
	}
}

func (d *virtualMachinesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config virtualMachinesDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	config.VirtualMachines = filtered(&d.dataSource, config.filterModel, "virtual machines", &resp.Diagnostics,
		func(eng *engine.Engine, host string) ([]model.VirtualMachine, error) {
			return eng.VirtualMachines(ctx, host)
		},
		func(vm model.VirtualMachine) (model.Header, string) { return vm.Header, string(vm.State) },
		func(vm model.VirtualMachine) machineSummary { return summaryOf(ctx, vm, &resp.Diagnostics) })
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}
