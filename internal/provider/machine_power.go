package provider

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// eventAttributes are what follows when a guest ends, for templates and virtual machines.
func eventAttributes(change func(attribute string) string) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for name, text := range map[string]string{
		"on_poweroff": "powers itself off: `destroy`, the default", "on_reboot": "reboots itself: `restart`, the default", "on_crash": "crashes: `destroy`, the default",
	} {
		attributes[name] = schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "What Xen does with the domain when the guest " + text + ", or another one of `" + strings.Join(model.EventActions, "`, `") +
				"`." + change(name),
		}
	}
	return attributes
}

// powerAttributes are the arguments of a virtual machine that say whether it runs, and how it comes and goes.
func powerAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"power_state": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Default:  stringdefault.StaticString("running"),
			MarkdownDescription: "`running`, `poweroff`, `suspended` (the guest's memory lies in a file on the host, its disks and images stay its own) " +
				"or `paused` (the guest stands still in memory). Default `running`. What the guest does of itself shows as a difference; a guest that " +
				"has crashed and whose domain was kept shows as `failed`. Changed in place, from any state to any other.",
		},
		"shutdown_timeout": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("60s"),
			MarkdownDescription: "How long the guest may take to shut down, as a duration. What follows then, `force_stop` says. Default `60s`." + inPlace,
		},
		"force_stop": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(true),
			MarkdownDescription: "Whether a guest that has not shut down within `shutdown_timeout` is destroyed, as if its power failed. With `false` it stays " +
				"as it is, and the apply or destroy fails. Default `true`." + inPlace,
		},
		"restart_trigger": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Any text. When it changes to another one, a guest that lives is shut down and started again from the newest deployment file; " +
				"taking it away does nothing." + inPlace,
		},
		"autostart": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether the host starts the virtual machine when it boots, while `power_state` is `running`. It is a link in `/etc/xen/auto`, " +
				"which xendomains of Xen's utilities looks at. Default `false`." + inPlace,
		},
		"wait_for": schema.SingleNestedAttribute{
			Optional: true,
			MarkdownDescription: "What must be seen of the guest, all of it, before a start counts as done. It is waited for whenever the guest was started or " +
				"restored, not when `power_state` keeps it from running." + inPlace,
			Attributes: waitAttributes(),
		},
	}
}

// checkPower refuses at plan time what the host would refuse.
func (m virtualMachineModel) checkPower(ctx context.Context, refuse func(*model.FieldError), diags *diag.Diagnostics) {
	if power := m.PowerState.ValueString(); power != "" {
		if err := model.CheckPowerState(power); err != nil {
			refuse(err)
		}
	}
	timeout := duration(path.Root("shutdown_timeout"), m.ShutdownTimeout, diags)
	said := !m.ShutdownTimeout.IsNull() && !m.ShutdownTimeout.IsUnknown() && !m.ForceStop.IsNull() && !m.ForceStop.IsUnknown()
	if said && timeout == 0 && !m.ForceStop.ValueBool() && !diags.HasError() {
		refuse(model.VirtualMachineSpec{NeverForce: true}.Check())
	}
	if fullyKnown(ctx, m.WaitFor) {
		if err := toWaitFor(ctx, m.WaitFor, diags).Check(); err != nil {
			refuse(err)
		}
	}
}

// withPower takes over from the record what powerAttributes asked for.
func (m virtualMachineModel) withPower(ctx context.Context, vm model.VirtualMachine, diags *diag.Diagnostics) virtualMachineModel {
	if before, err := parseDuration(m.ShutdownTimeout.ValueString()); err != nil || before != vm.ShutdownTimeout {
		m.ShutdownTimeout = types.StringValue(durationText(vm.ShutdownTimeout))
	}
	m.ForceStop = types.BoolValue(!vm.NeverForce)
	m.RestartTrigger = keepString(m.RestartTrigger, vm.RestartTrigger)
	m.Autostart = types.BoolValue(vm.Autostart)
	m.WaitFor = keepWaitFor(ctx, m.WaitFor, vm.WaitFor, diags)
	return m
}

// keepAddresses keeps addresses that a guest was seen with since it was started: a host forgets its neighbours after a while.
func (m virtualMachineModel) keepAddresses(before virtualMachineModel) virtualMachineModel {
	known := stringList(before.Addresses)
	forgotten := func(address string) bool { return !slices.Contains(known, address) }
	if m.DomID.Equal(before.DomID) && !m.DomID.IsNull() && !slices.ContainsFunc(stringList(m.Addresses), forgotten) {
		m.Addresses = before.Addresses
	}
	return m
}

// powerState is the argument that would leave things as they are. While an operation is under way that is the one before; "failed" is
// none, so that the next apply mends it.
func powerState(before types.String, vm model.VirtualMachine) types.String {
	switch {
	case vm.State.Transient() && !before.IsNull():
		return before
	case vm.State.Transient():
		return types.StringValue("running")
	}
	return types.StringValue(strings.ToLower(string(vm.State)))
}
