package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

type waitModel struct {
	TCPPort      types.Int64  `tfsdk:"tcp_port"`
	Ping         types.Bool   `tfsdk:"ping"`
	ConsoleRegex types.String `tfsdk:"console_regex"`
	Address      types.Bool   `tfsdk:"address"`
	Timeout      types.String `tfsdk:"timeout"`
	OnTimeout    types.String `tfsdk:"on_timeout"`
}

var waitType = attributeTypes(waitAttributes())

func waitAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"tcp_port": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "TCP port, 1 to 65535, on which one of the guest's `addresses` must accept a connection. The host connects, over " +
				"its SSH server, which must allow forwarding (`AllowTcpForwarding`, as is usual).",
		},
		"ping": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Whether one of the guest's `addresses` must answer a ping from the host.",
		},
		"console_regex": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Regular expression (RE2; `^` and `$` match at lines) that must be found in what the guest's console showed since " +
				"the start. The host must keep logs of consoles: `XENCONSOLED_ARGS=--log=guest` in `/etc/default/xen` on Debian.",
		},
		"address": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Whether an IP address of the guest must be known, see `addresses`.",
		},
		"timeout": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("5m"),
			Validators:          []validator.String{durationValidator{}},
			MarkdownDescription: "How long the guest is waited for, as a duration. Default `5m`. The time counts within that of `timeouts`.",
		},
		"on_timeout": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "What follows when the guest was not seen in time: `warn`, the default, or `error`, which fails the apply and makes " +
				"Terraform taint a virtual machine that was just created. In both cases the guest runs on.",
		},
	}
}

// toWaitFor is what the engine is asked for; nil when nothing is waited for.
func toWaitFor(ctx context.Context, value types.Object, diags *diag.Diagnostics) *model.WaitFor {
	m := object[waitModel](ctx, value, diags)
	if m == nil || value.IsUnknown() {
		return nil
	}
	wait := &model.WaitFor{
		TCPPort: m.TCPPort.ValueInt64(), Ping: m.Ping.ValueBool(), ConsoleRegex: m.ConsoleRegex.ValueString(),
		Address: m.Address.ValueBool(), OnTimeout: m.OnTimeout.ValueString(),
	}
	if text := m.Timeout.ValueString(); text != "" {
		wait.Timeout = duration(path.Root("wait_for").AtName("timeout"), m.Timeout, diags)
	}
	return wait
}

// sameTimeout keeps the words of the state for the same time: 60s is 1m.
func sameTimeout(plan, state types.Object, diags *diag.Diagnostics) types.Object {
	attributes, before := plan.Attributes(), state.Attributes()
	now, planned := attributes["timeout"].(types.String)
	was, known := before["timeout"].(types.String)
	if !planned || !known || now.IsUnknown() {
		return plan
	}
	a, err := parseDuration(now.ValueString())
	if b, errBefore := parseDuration(was.ValueString()); err != nil || errBefore != nil || a != b {
		return plan
	}
	attributes["timeout"] = was
	kept, d := types.ObjectValue(waitType.AttrTypes, attributes)
	diags.Append(d...)
	return kept
}

func sameWait(a, b *model.WaitFor) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// keepWaitFor keeps the user's words where the record says the same.
func keepWaitFor(ctx context.Context, mine types.Object, record *model.WaitFor, diags *diag.Diagnostics) types.Object {
	if sameWait(toWaitFor(ctx, mine, diags), record) {
		return or(mine, types.ObjectNull(waitType.AttrTypes))
	}
	if record == nil {
		return types.ObjectNull(waitType.AttrTypes)
	}
	m := waitModel{
		TCPPort: numberOrNull(record.TCPPort), Ping: boolOrNull(record.Ping), ConsoleRegex: stringOrNull(record.ConsoleRegex),
		Address: boolOrNull(record.Address), OnTimeout: stringOrNull(record.OnTimeout),
		Timeout: types.StringValue(durationText(record.Patience())),
	}
	value, d := types.ObjectValueFrom(ctx, waitType.AttrTypes, m)
	diags.Append(d...)
	return value
}

// await waits for a guest that was just started, and gives its virtual machine as it was read last. What goes wrong is a warning or an
// error as the user wants.
func await(ctx context.Context, eng *engine.Engine, vm model.VirtualMachine, diags *diag.Diagnostics) model.VirtualMachine {
	wait := vm.WaitFor
	if wait == nil || vm.State != model.VMRunning {
		return vm
	}
	seen, err := eng.Await(ctx, vm.Ref(), *wait)
	if err == nil {
		return seen
	}
	summary := fmt.Sprintf("Unable to see virtual machine %q on %s at work", vm.Name, vm.Host)
	text := err.Error()
	if timeout, ok := errors.AsType[*engine.TimeoutError](err); ok {
		vm = seen
		text += "\n\nIt runs on. " + remedyOf(timeout)
	}
	if wait.OnTimeout == model.TimeoutFails {
		diags.AddAttributeError(path.Root("wait_for"), summary, text)
	} else {
		diags.AddAttributeWarning(path.Root("wait_for"), summary, text)
	}
	return vm
}

func remedyOf(timeout *engine.TimeoutError) string {
	if timeout.Console == "" {
		return "Look at the guest, or give it more time (wait_for.timeout)."
	}
	return "Look at the guest (data source xen_console_log shows more of its console), or give it more time (wait_for.timeout)."
}
