package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

var _ function.Function = (*deploymentFileFunction)(nil)

type deploymentFileFunction struct{}

func newDeploymentFileFunction() function.Function { return &deploymentFileFunction{} }

func (f *deploymentFileFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "deployment_file"
}

const deploymentFileDescription = `
The text that ` + "`xl create`" + ` reads, for a domain whose files are known by their paths on the host. Nothing is looked up and nothing is made.

The object has ` + "`name` and `memory` (MiB)" + `, and may have ` + "`uuid`, `type`, `cpu`, `vcpu`, `memory_max`" + `,
` + "`os` = { `kernel`, `ramdisk`, `cmdline`, `bootloader`, `boot`, `firmware` }" + ` with paths on the host,
` + "`disks`" + ` by slot, each { ` + "`file`" + `, ` + "`format`" + ` (default ` + "`raw`" + `), ` + "`read_only`, `cdrom`" + ` },
` + "`nics`" + ` by name, each { ` + "`bridge`, `mac`, `ip`, `mtu`, `model`, `vlan`, `rate`, `script`" + ` }, and
` + "`graphics`" + ` = { ` + "`listen`, `port`, `keymap`" + ` }; all mean what they mean in ` + "`xen_virtual_machine`" + `.
`

func (f *deploymentFileFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Deployment file of a domain, xl.cfg(5)",
		MarkdownDescription: deploymentFileDescription,
		Parameters:          []function.Parameter{function.DynamicParameter{Name: "domain", MarkdownDescription: "Object that describes the domain."}},
		Return:              function.StringReturn{},
	}
}

func (f *deploymentFileFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var domain types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &domain); resp.Error != nil {
		return
	}
	text, err := deploymentFile(domain.UnderlyingValue())
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, text)
}

// plainDomain is the object that the function takes.
type plainDomain struct {
	Name      string               `json:"name"`
	UUID      string               `json:"uuid"`
	Type      model.DomainType     `json:"type"`
	CPU       *float64             `json:"cpu"`
	VCPU      *int64               `json:"vcpu"`
	Memory    *int64               `json:"memory"`
	MemoryMax *int64               `json:"memory_max"`
	OS        *plainOS             `json:"os"`
	Disks     map[string]plainDisk `json:"disks"`
	NICs      map[string]plainNIC  `json:"nics"`
	Graphics  *plainGraphics       `json:"graphics"`
}

type plainOS struct {
	Kernel     string   `json:"kernel"`
	Ramdisk    string   `json:"ramdisk"`
	Cmdline    string   `json:"cmdline"`
	Bootloader string   `json:"bootloader"`
	Boot       []string `json:"boot"`
	Firmware   string   `json:"firmware"`
}

type plainDisk struct {
	File     string `json:"file"`
	Format   string `json:"format"`
	ReadOnly bool   `json:"read_only"`
	CDROM    bool   `json:"cdrom"`
}

type plainNIC struct {
	Bridge string `json:"bridge"`
	MAC    string `json:"mac"`
	IP     string `json:"ip"`
	MTU    int64  `json:"mtu"`
	Model  string `json:"model"`
	VLAN   int64  `json:"vlan"`
	Rate   string `json:"rate"`
	Script string `json:"script"`
}

type plainGraphics struct {
	Listen string `json:"listen"`
	Port   int64  `json:"port"`
	Keymap string `json:"keymap"`
}

func deploymentFile(value attr.Value) (string, error) {
	text, err := json.Marshal(plain(value))
	if err != nil {
		return "", err
	}
	var domain plainDomain
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&domain); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return "", fmt.Errorf("%s cannot be a %s", wrong.Field, wrong.Value)
		}
		return "", errors.New(strings.Replace(strings.TrimPrefix(err.Error(), "json: "), "field", "attribute", 1))
	}
	if err := model.CheckName(domain.Name); err != nil {
		return "", fmt.Errorf("name: %w", err)
	}
	spec := domain.toSpec()
	if err := engine.CheckBody(spec.Body, false); err != nil {
		return "", err
	}
	if spec.Body.Memory == nil {
		return "", errors.New("memory: the domain needs a number of MiB")
	}
	return engine.DeploymentFile(spec)
}

func (d plainDomain) toSpec() engine.PlainDomain {
	spec := engine.PlainDomain{Name: d.Name, UUID: d.UUID, Body: model.VirtualMachineBody{
		Type: d.Type, CPU: d.CPU, VCPU: d.VCPU, Memory: d.Memory, MemoryMax: d.MemoryMax, NICs: map[string]model.NIC{},
	}}
	if d.OS != nil {
		spec.Kernel, spec.Ramdisk = d.OS.Kernel, d.OS.Ramdisk
		spec.Body.OS = &model.OS{Cmdline: d.OS.Cmdline, Bootloader: d.OS.Bootloader, Boot: d.OS.Boot, Firmware: d.OS.Firmware}
		if spec.Body.Type == "" && d.OS.Kernel != "" {
			spec.Body.Type = model.TypePV
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(d.Disks)) {
		disk := d.Disks[slot]
		if disk.Format == "" {
			disk.Format = model.FormatRaw
		}
		spec.Disks = append(spec.Disks, model.AttachedDisk{
			Slot: slot, File: disk.File, Format: disk.Format, ReadOnly: disk.ReadOnly || disk.CDROM, CDROM: disk.CDROM,
		})
	}
	for name, nic := range d.NICs {
		spec.Body.NICs[name] = model.NIC{Bridge: nic.Bridge, MAC: nic.MAC, IP: nic.IP, MTU: nic.MTU, Model: nic.Model, VLAN: nic.VLAN, Rate: nic.Rate, Script: nic.Script}
	}
	if d.Graphics != nil {
		spec.Body.Graphics = &model.Graphics{Listen: d.Graphics.Listen, Port: max(d.Graphics.Port, model.VNCBasePort), Keymap: d.Graphics.Keymap}
	}
	return spec
}

// plain is a value of Terraform as one that encoding/json knows.
func plain(value attr.Value) any {
	if value == nil || value.IsNull() {
		return nil
	}
	object := map[string]attr.Value{}
	var list []attr.Value
	switch value := value.(type) {
	case types.String:
		return value.ValueString()
	case types.Bool:
		return value.ValueBool()
	case types.Number:
		return json.Number(value.ValueBigFloat().Text('f', -1))
	case types.Dynamic:
		return plain(value.UnderlyingValue())
	case types.Object:
		object = value.Attributes()
	case types.Map:
		object = value.Elements()
	case types.List:
		list = value.Elements()
	case types.Set:
		list = value.Elements()
	case types.Tuple:
		list = value.Elements()
	}
	if list != nil {
		values := make([]any, len(list))
		for i, element := range list {
			values[i] = plain(element)
		}
		return values
	}
	values := map[string]any{}
	for name, child := range object {
		values[name] = plain(child)
	}
	return values
}
