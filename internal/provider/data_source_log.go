package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ datasource.DataSourceWithConfigure = (*logDataSource)(nil)

// How many lines of a log are read when nothing is said, and at most.
const (
	defaultLogLines = 100
	maxLogLines     = 10000
)

// logDataSource reads the last lines of one of a virtual machine's logs.
type logDataSource struct {
	dataSource
	name, description, ofText string
	read                      func(*engine.Engine, context.Context, model.Ref, int) (string, error)
}

func newVirtualMachineLogDataSource() datasource.DataSource {
	return &logDataSource{
		name: "_virtual_machine_log",
		description: "The log that is kept of a virtual machine: its states, and what xl said, in the form of OpenNebula's logs " +
			"(`Thu Aug  7 22:17:06 2014 [LCM][I]: New VM state is RUNNING`, the host's time).",
		ofText: "The last lines of the log, each ended by a line feed.",
		read:   (*engine.Engine).VirtualMachineLog,
	}
}

func newConsoleLogDataSource() datasource.DataSource {
	return &logDataSource{
		name: "_console_log",
		description: "What the console of a guest has shown since the guest was last started by the provider. The host must keep logs of consoles, in " +
			"`/var/log/xen/console`: `XENCONSOLED_ARGS=--log=guest` in `/etc/default/xen` on Debian. Of an HVM guest it is Xen's console (`console=hvc0`), not the serial port.",
		ofText: "The last lines of the console, each ended by a line feed. What terminals would obey is left out: escape sequences and carriage returns; other " +
			"control characters are replaced by `U+FFFD`. Empty when the guest was never started.",
		read: (*engine.Engine).ConsoleLog,
	}
}

func (d *logDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + d.name
}

type logModel struct {
	lookupModel
	Lines types.Int64  `tfsdk:"lines"`
	Text  types.String `tfsdk:"text"`
}

func (d *logDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"lines": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: fmt.Sprintf("How many lines are read, 1 to %d, of the log's last MiB. Default `%d`.", maxLogLines, defaultLogLines),
		},
		"text": schema.StringAttribute{Computed: true, MarkdownDescription: d.ofText},
	}
	maps.Copy(attributes, lookupAttributes(model.KindVirtualMachine.Noun()))
	resp.Schema = schema.Schema{MarkdownDescription: d.description, Attributes: attributes}
}

func (d *logDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config logModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	lines := int64(defaultLogLines)
	if !config.Lines.IsNull() {
		lines = config.Lines.ValueInt64()
	}
	if lines < 1 || lines > maxLogLines {
		addErrorAt(&resp.Diagnostics, path.Root("lines"), "Unable to read so many lines", fmt.Sprintf("lines is a number from 1 to %d, not %d.", maxLogLines, lines))
		return
	}
	ctx, cancel := limited(ctx, readTimeout, "")
	defer cancel()
	eng, ref, ok := d.find(ctx, model.KindVirtualMachine, config.lookupModel, &resp.Diagnostics)
	if !ok {
		return
	}
	vm, err := eng.VirtualMachine(ctx, ref)
	var text string
	if err == nil {
		text, err = d.read(eng, ctx, ref, int(lines))
	}
	if err != nil {
		failed(&resp.Diagnostics, "read a log of", model.KindVirtualMachine, ref.String(), "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, logModel{lookupModel: lookedUp(vm.Header), Lines: config.Lines, Text: types.StringValue(text)})...)
}
