package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*virtualMachineDataSource)(nil)

type virtualMachineDataSource struct{ dataSource }

func newVirtualMachineDataSource() datasource.DataSource { return &virtualMachineDataSource{} }

func (d *virtualMachineDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_virtual_machine"
}

type virtualMachineDataModel struct {
	machineSummary
	DeploymentFile types.String `tfsdk:"deployment_file"`
}

// machineSummary is what a list tells of each virtual machine, too.
type machineSummary struct {
	lookupModel
	VID        types.Int64  `tfsdk:"vid"`
	UUID       types.String `tfsdk:"uuid"`
	Type       types.String `tfsdk:"type"`
	VCPU       types.Int64  `tfsdk:"vcpu"`
	Memory     types.Int64  `tfsdk:"memory"`
	Labels     types.Map    `tfsdk:"labels"`
	TemplateID types.String `tfsdk:"template_id"`
	State      types.String `tfsdk:"state"`
	DomID      types.Int64  `tfsdk:"domid"`
	VNCPort    types.Int64  `tfsdk:"vnc_port"`
	Addresses  types.List   `tfsdk:"addresses"`
	MACs       types.Map    `tfsdk:"macs"`
}

func machineSummaryAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"vid":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the virtual machine on its host, OpenNebula's VID."},
		"uuid":        schema.StringAttribute{Computed: true, MarkdownDescription: "UUID of the domain."},
		"type":        schema.StringAttribute{Computed: true, MarkdownDescription: "`pv`, `pvh` or `hvm`."},
		"vcpu":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of virtual processors."},
		"memory":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Memory in MiB."},
		"labels":      schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Labels of the virtual machine."},
		"template_id": schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the template that it was made from."},
		"state":       schema.StringAttribute{Computed: true, MarkdownDescription: "`RUNNING`, `POWEROFF`, `SUSPENDED`, `PAUSED`, `FAILED`, or the state of an operation that is under way."},
		"domid":       schema.Int64Attribute{Computed: true, MarkdownDescription: "Xen's number of the domain; null when there is none."},
		"vnc_port":    schema.Int64Attribute{Computed: true, MarkdownDescription: "TCP port of the screen on the host; null without graphics."},
		"addresses":   schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "IP addresses of the network cards, in the order of their names: those that they were given, and those that the host has seen."},
		"macs":        schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "MAC addresses by network card."},
	}
}

func (d *virtualMachineDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := machineSummaryAttributes()
	attributes["deployment_file"] = schema.StringAttribute{Computed: true, MarkdownDescription: "The file that `xl create` was given, without the password."}
	maps.Copy(attributes, lookupAttributes(model.KindVirtualMachine.Noun()))
	resp.Schema = schema.Schema{MarkdownDescription: "A virtual machine on a host, by id or name, with what its template adds.", Attributes: attributes}
}

func (d *virtualMachineDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config virtualMachineDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	eng, ref, ok := d.find(ctx, model.KindVirtualMachine, config.lookupModel, &resp.Diagnostics)
	if !ok {
		return
	}
	vm, err := eng.VirtualMachine(ctx, ref)
	if err != nil {
		failed(&resp.Diagnostics, "read", model.KindVirtualMachine, ref.String(), "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, virtualMachineDataModel{
		machineSummary: summaryOf(ctx, vm, &resp.Diagnostics),
		DeploymentFile: stringOrNull(vm.DeploymentText),
	})...)
}

func summaryOf(ctx context.Context, vm model.VirtualMachine, diags *diag.Diagnostics) machineSummary {
	macs := map[string]string{}
	for name, nic := range vm.Effective.NICs {
		macs[name] = nic.MAC
	}
	return machineSummary{
		lookupModel: lookedUp(vm.Header),
		VID:         types.Int64Value(int64(vm.ID)),
		UUID:        types.StringValue(vm.UUID),
		Type:        stringOrNull(vm.Effective.Type),
		VCPU:        types.Int64PointerValue(vm.Effective.VCPU),
		Memory:      types.Int64PointerValue(vm.Effective.Memory),
		Labels:      mapOrNull(ctx, vm.Labels, diags),
		TemplateID:  refValue(vm.Host, vm.TemplateID),
		State:       types.StringValue(string(vm.State)),
		DomID:       numberOrNull(int64(vm.DomID)),
		VNCPort:     numberOrNull(vm.VNCPort),
		Addresses:   stringListValue(ctx, vm.Addresses(), diags),
		MACs:        mapOrNull(ctx, macs, diags),
	}
}
