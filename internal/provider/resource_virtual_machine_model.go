package provider

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

const defaultShutdownTimeout = time.Minute

type virtualMachineModel struct {
	machineModel
	ID              types.String   `tfsdk:"id"`
	Host            types.String   `tfsdk:"host"`
	Name            types.String   `tfsdk:"name"`
	Labels          types.Map      `tfsdk:"labels"`
	TemplateID      types.String   `tfsdk:"template_id"`
	PowerState      types.String   `tfsdk:"power_state"`
	ShutdownTimeout types.String   `tfsdk:"shutdown_timeout"`
	ForceStop       types.Bool     `tfsdk:"force_stop"`
	RestartTrigger  types.String   `tfsdk:"restart_trigger"`
	Autostart       types.Bool     `tfsdk:"autostart"`
	WaitFor         types.Object   `tfsdk:"wait_for"`
	RestartPolicy   types.String   `tfsdk:"restart_policy"`
	FollowTemplate  types.Bool     `tfsdk:"follow_template"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`

	VID            types.Int64  `tfsdk:"vid"`
	UUID           types.String `tfsdk:"uuid"`
	DomID          types.Int64  `tfsdk:"domid"`
	State          types.String `tfsdk:"state"`
	VNCPort        types.Int64  `tfsdk:"vnc_port"`
	Addresses      types.List   `tfsdk:"addresses"`
	DeploymentFile types.String `tfsdk:"deployment_file"`
	ContextMD5     types.String `tfsdk:"context_md5"`
	ContextSHA256  types.String `tfsdk:"context_sha256"`
	PendingRestart types.List   `tfsdk:"pending_restart"`
	TemplateValues types.Map    `tfsdk:"template_values"`
	Drift          types.Map    `tfsdk:"drift"`
}

// toSpec is what the engine is asked for. The configuration has the password, and no MAC addresses but those that the user wrote.
func (m virtualMachineModel) toSpec(ctx context.Context, diags *diag.Diagnostics) model.VirtualMachineSpec {
	spec := model.VirtualMachineSpec{
		Name:            m.Name.ValueString(),
		TemplateID:      refID(path.Root("template_id"), m.TemplateID, diags),
		Body:            m.toBody(ctx, diags),
		PowerState:      model.VMRunning,
		ShutdownTimeout: defaultShutdownTimeout,
		NeverForce:      !m.ForceStop.IsNull() && !m.ForceStop.IsUnknown() && !m.ForceStop.ValueBool(),
		RestartTrigger:  m.RestartTrigger.ValueString(),
		Autostart:       m.Autostart.ValueBool(),
		WaitFor:         toWaitFor(ctx, m.WaitFor, diags),
		Labels:          stringMap(m.Labels),
		RestartPolicy:   model.RestartPolicy(m.RestartPolicy.ValueString()),
		FollowTemplate:  m.FollowTemplate.ValueBool(),
	}
	if power := m.PowerState.ValueString(); power != "" {
		spec.PowerState = model.VMState(strings.ToUpper(power))
	}
	if text := m.ShutdownTimeout.ValueString(); text != "" {
		spec.ShutdownTimeout = duration(path.Root("shutdown_timeout"), m.ShutdownTimeout, diags)
	}
	return spec
}

// fromRecord is the model as the host knows it. Where m says the same in other words, its words are kept.
func (m virtualMachineModel) fromRecord(ctx context.Context, vm model.VirtualMachine, diags *diag.Diagnostics) virtualMachineModel {
	m = m.identify(vm)
	m.Labels = keepMap(ctx, m.Labels, vm.Labels, diags)
	m.TemplateID = keepString(m.TemplateID, refValue(vm.Host, vm.TemplateID).ValueString())
	m = m.withPower(ctx, vm, diags)
	m.NICs = withMACs(ctx, m.NICs, vm.Body.NICs, diags)
	m.machineModel = m.fromBody(ctx, vm.Host, vm.Body, virtualMachineTypes, diags)
	m.NICs = withMACs(ctx, m.NICs, vm.Effective.NICs, diags)
	m.Disks = withMethods(m.Disks, vm.Disks, diags)

	m.DomID = numberOrNull(int64(vm.DomID))
	m.State = types.StringValue(string(vm.State))
	m.VNCPort = numberOrNull(vm.VNCPort)
	m.Addresses = stringListValue(ctx, vm.Addresses(), diags)
	m.DeploymentFile = stringOrNull(vm.DeploymentText)
	m.ContextMD5, m.ContextSHA256 = stringOrNull(vm.ContextMD5), stringOrNull(vm.ContextSHA256)
	return m.withRunning(ctx, vm, diags)
}

func (m virtualMachineModel) identify(vm model.VirtualMachine) virtualMachineModel {
	m.ID = types.StringValue(vm.Ref().String())
	m.Host = types.StringValue(vm.Host)
	m.Name = types.StringValue(vm.Name)
	m.VID = types.Int64Value(int64(vm.ID))
	m.UUID = stringOrNull(vm.UUID)
	return m
}

// reserved is what may be said of a virtual machine while it is being made.
func (m virtualMachineModel) reserved(ctx context.Context, vm model.VirtualMachine, diags *diag.Diagnostics) virtualMachineModel {
	m = m.identify(vm)
	m.NICs = withMACs(ctx, m.NICs, vm.Effective.NICs, diags)
	m.Disks = withMethods(m.Disks, vm.Disks, diags)
	m.DomID = types.Int64Null()
	m.State = types.StringValue(string(vm.State))
	m.VNCPort = types.Int64Null()
	m.Addresses = types.ListNull(types.StringType)
	m.DeploymentFile, m.ContextMD5, m.ContextSHA256 = types.StringNull(), types.StringNull(), types.StringNull()
	m.PendingRestart = types.ListNull(types.StringType)
	m.TemplateValues, m.Drift = types.MapNull(types.StringType), types.MapNull(types.StringType)
	return m
}

// withMACs gives each network card the MAC address that it has on the host, in the user's letters when he wrote it.
func withMACs(ctx context.Context, nics types.Map, host map[string]model.NIC, diags *diag.Diagnostics) types.Map {
	models := elements[nicModel](ctx, nics, diags)
	if len(models) == 0 {
		return nics
	}
	for name, nic := range models {
		if mac := stringOrNull(host[name].MAC); !sameMAC(nic.MAC, mac) {
			nic.MAC = mac
			models[name] = nic
		}
	}
	return devicesOrNull(ctx, nicType, models, diags)
}
