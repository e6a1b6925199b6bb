package provider

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// machineModel is what templates and virtual machines have in common.
type machineModel struct {
	Type      types.String  `tfsdk:"type"`
	CPU       types.Float64 `tfsdk:"cpu"`
	CPUCap    types.Int64   `tfsdk:"cpu_cap"`
	VCPU      types.Int64   `tfsdk:"vcpu"`
	VCPUMax   types.Int64   `tfsdk:"vcpu_max"`
	Memory    types.Int64   `tfsdk:"memory"`
	MemoryMax types.Int64   `tfsdk:"memory_max"`
	OS        types.Object  `tfsdk:"os"`
	Disks     types.Map     `tfsdk:"disks"`
	NICs      types.Map     `tfsdk:"nics"`
	Graphics  types.Object  `tfsdk:"graphics"`
	ContextID types.String  `tfsdk:"context_id"`
	Context   types.Map     `tfsdk:"context"`

	OnPoweroff types.String `tfsdk:"on_poweroff"`
	OnReboot   types.String `tfsdk:"on_reboot"`
	OnCrash    types.String `tfsdk:"on_crash"`
}

type osModel struct {
	KernelID   types.String `tfsdk:"kernel_id"`
	RamdiskID  types.String `tfsdk:"ramdisk_id"`
	Kernel     types.String `tfsdk:"kernel_path"`
	Ramdisk    types.String `tfsdk:"ramdisk_path"`
	Cmdline    types.String `tfsdk:"cmdline"`
	Bootloader types.String `tfsdk:"bootloader"`
	Boot       types.List   `tfsdk:"boot"`
	Firmware   types.String `tfsdk:"firmware"`
}

type diskModel struct {
	ImageID  types.String `tfsdk:"image_id"`
	Volatile types.String `tfsdk:"volatile"`
	Path     types.String `tfsdk:"path"`
	Format   types.String `tfsdk:"format"`
	CDROM    types.Bool   `tfsdk:"cdrom"`
	FSType   types.String `tfsdk:"fstype"`
	Size     types.Int64  `tfsdk:"size"`
	ReadOnly types.Bool   `tfsdk:"read_only"`
	Clone    types.String `tfsdk:"clone"`
}

type nicModel struct {
	Bridge          types.String `tfsdk:"bridge"`
	MAC             types.String `tfsdk:"mac"`
	IP              types.String `tfsdk:"ip"`
	Netmask         types.String `tfsdk:"netmask"`
	Method          types.String `tfsdk:"method"`
	IP6             types.String `tfsdk:"ip6"`
	IP6PrefixLength types.Int64  `tfsdk:"ip6_prefix_length"`
	IP6Gateway      types.String `tfsdk:"ip6_gateway"`
	IP6Method       types.String `tfsdk:"ip6_method"`
	Metric          types.Int64  `tfsdk:"metric"`
	Routes          types.Map    `tfsdk:"routes"`
	VLAN            types.Int64  `tfsdk:"vlan"`
	Rate            types.String `tfsdk:"rate"`
	Script          types.String `tfsdk:"script"`
	Gateway         types.String `tfsdk:"gateway"`
	DNS             types.List   `tfsdk:"dns"`
	SearchDomain    types.String `tfsdk:"search_domain"`
	MTU             types.Int64  `tfsdk:"mtu"`
	Model           types.String `tfsdk:"model"`
}

var (
	osType   = attributeTypes(osAttributes())
	diskType = attributeTypes(diskAttributes())
	nicType  = attributeTypes(nicAttributes())
)

// deviceTypes are the types of those devices that templates and virtual machines do not have alike.
type deviceTypes struct{ disk, graphics types.ObjectType }

// values are the arguments by name, for walking over them.
func (m machineModel) values() map[string]attr.Value {
	return map[string]attr.Value{
		"type": m.Type, "cpu": m.CPU, "cpu_cap": m.CPUCap, "vcpu": m.VCPU, "vcpu_max": m.VCPUMax, "memory": m.Memory, "memory_max": m.MemoryMax, "os": m.OS,
		"disks": m.Disks, "nics": m.NICs, "graphics": m.Graphics, "context_id": m.ContextID, "context": m.Context,
		"on_poweroff": m.OnPoweroff, "on_reboot": m.OnReboot, "on_crash": m.OnCrash,
	}
}

// toBody is what the engine is asked for. What is not known counts as not said, but an id that is not known yet counts as some id.
func (m machineModel) toBody(ctx context.Context, diags *diag.Diagnostics) model.VirtualMachineBody {
	body := model.VirtualMachineBody{
		Type:      model.DomainType(m.Type.ValueString()),
		CPU:       known(m.CPU, types.Float64Null()).ValueFloat64Pointer(),
		CPUCap:    known(m.CPUCap, types.Int64Null()).ValueInt64Pointer(),
		VCPU:      known(m.VCPU, types.Int64Null()).ValueInt64Pointer(),
		VCPUMax:   known(m.VCPUMax, types.Int64Null()).ValueInt64Pointer(),
		Memory:    known(m.Memory, types.Int64Null()).ValueInt64Pointer(),
		MemoryMax: known(m.MemoryMax, types.Int64Null()).ValueInt64Pointer(),
		ContextID: refID(path.Root("context_id"), m.ContextID, diags),
		Context:   stringMap(m.Context),
		Graphics:  toGraphics(m.Graphics),

		OnPoweroff: m.OnPoweroff.ValueString(),
		OnReboot:   m.OnReboot.ValueString(),
		OnCrash:    m.OnCrash.ValueString(),
	}
	if os := object[osModel](ctx, m.OS, diags); os != nil {
		body.OS = os.toOS(diags)
	}
	for slot, disk := range diskModels(ctx, m.Disks, diags) {
		if body.Disks == nil {
			body.Disks = map[string]model.Disk{}
		}
		body.Disks[slot] = disk.toDisk(slot, diags)
	}
	for name, nic := range elements[nicModel](ctx, m.NICs, diags) {
		if body.NICs == nil {
			body.NICs = map[string]model.NIC{}
		}
		body.NICs[name] = nic.toNIC()
	}
	return body
}

func (m osModel) toOS(diags *diag.Diagnostics) *model.OS {
	return &model.OS{
		KernelID:   refID(path.Root("os").AtName("kernel_id"), m.KernelID, diags),
		RamdiskID:  refID(path.Root("os").AtName("ramdisk_id"), m.RamdiskID, diags),
		Kernel:     m.Kernel.ValueString(),
		Ramdisk:    m.Ramdisk.ValueString(),
		Cmdline:    m.Cmdline.ValueString(),
		Bootloader: m.Bootloader.ValueString(),
		Boot:       stringList(m.Boot),
		Firmware:   m.Firmware.ValueString(),
	}
}

func (m diskModel) toDisk(slot string, diags *diag.Diagnostics) model.Disk {
	return model.Disk{
		ImageID:  refID(path.Root("disks").AtMapKey(slot).AtName("image_id"), m.ImageID, diags),
		Volatile: m.Volatile.ValueString(),
		Path:     m.Path.ValueString(),
		Format:   m.Format.ValueString(),
		CDROM:    m.CDROM.ValueBool(),
		FSType:   m.FSType.ValueString(),
		Size:     m.Size.ValueInt64(),
		ReadOnly: m.ReadOnly.ValueBool(),
		Clone:    model.Clone(m.Clone.ValueString()),
	}
}

func (m nicModel) toNIC() model.NIC {
	return model.NIC{
		Bridge:          m.Bridge.ValueString(),
		MAC:             m.MAC.ValueString(),
		IP:              m.IP.ValueString(),
		Netmask:         m.Netmask.ValueString(),
		Method:          m.Method.ValueString(),
		IP6:             m.IP6.ValueString(),
		IP6PrefixLength: m.IP6PrefixLength.ValueInt64(),
		IP6Gateway:      m.IP6Gateway.ValueString(),
		IP6Method:       m.IP6Method.ValueString(),
		Metric:          m.Metric.ValueInt64(),
		Routes:          stringMap(m.Routes),
		VLAN:            m.VLAN.ValueInt64(),
		Rate:            m.Rate.ValueString(),
		Script:          m.Script.ValueString(),
		Gateway:         m.Gateway.ValueString(),
		DNS:             stringList(m.DNS),
		SearchDomain:    m.SearchDomain.ValueString(),
		MTU:             m.MTU.ValueInt64(),
		Model:           m.Model.ValueString(),
	}
}

// toGraphics reads the object by names, because only that of a virtual machine has a password.
func toGraphics(value types.Object) *model.Graphics {
	if value.IsNull() {
		return nil
	}
	attributes := value.Attributes()
	text := func(name string) string {
		s, _ := attributes[name].(types.String)
		return s.ValueString()
	}
	port, _ := attributes["port"].(types.Int64)
	return &model.Graphics{Type: text("type"), Listen: text("listen"), Port: port.ValueInt64(), Keymap: text("keymap"), Password: text("password_wo")}
}

// fromBody is the model as the record has it. Where m says the same in other words, its words are kept.
func (m machineModel) fromBody(ctx context.Context, host string, body model.VirtualMachineBody, of deviceTypes, diags *diag.Diagnostics) machineModel {
	if canonical(m.toBody(ctx, diags)) == canonical(body) {
		return m
	}
	read := machineModel{
		Type:      stringOrNull(body.Type),
		CPU:       types.Float64PointerValue(body.CPU),
		CPUCap:    types.Int64PointerValue(body.CPUCap),
		VCPU:      types.Int64PointerValue(body.VCPU),
		VCPUMax:   types.Int64PointerValue(body.VCPUMax),
		Memory:    types.Int64PointerValue(body.Memory),
		MemoryMax: types.Int64PointerValue(body.MemoryMax),
		OS:        fromOS(ctx, host, body.OS, diags),
		Graphics:  fromGraphics(body.Graphics, of.graphics, diags),
		ContextID: refValue(host, body.ContextID),
		Context:   mapOrNull(ctx, body.Context, diags),

		OnPoweroff: stringOrNull(body.OnPoweroff),
		OnReboot:   stringOrNull(body.OnReboot),
		OnCrash:    stringOrNull(body.OnCrash),
	}
	nics := map[string]nicModel{}
	for name, nic := range body.NICs {
		nics[name] = nicModel{
			Bridge: stringOrNull(nic.Bridge), MAC: stringOrNull(nic.MAC), IP: stringOrNull(nic.IP), Netmask: stringOrNull(nic.Netmask),
			Gateway: stringOrNull(nic.Gateway), DNS: listOrNull(ctx, nic.DNS, diags), SearchDomain: stringOrNull(nic.SearchDomain),
			MTU: numberOrNull(nic.MTU), Model: stringOrNull(nic.Model), Method: stringOrNull(nic.Method), IP6: stringOrNull(nic.IP6),
			IP6PrefixLength: numberOrNull(nic.IP6PrefixLength), IP6Gateway: stringOrNull(nic.IP6Gateway), IP6Method: stringOrNull(nic.IP6Method),
			Metric: numberOrNull(nic.Metric), Routes: mapOrNull(ctx, nic.Routes, diags), VLAN: numberOrNull(nic.VLAN), Rate: stringOrNull(nic.Rate),
			Script: stringOrNull(nic.Script),
		}
	}
	read.Disks, read.NICs = fromDisks(ctx, host, body.Disks, of.disk, diags), devicesOrNull(ctx, nicType, nics, diags)
	return read
}

func fromOS(ctx context.Context, host string, os *model.OS, diags *diag.Diagnostics) types.Object {
	if os == nil {
		return types.ObjectNull(osType.AttrTypes)
	}
	value, d := types.ObjectValueFrom(ctx, osType.AttrTypes, osModel{
		KernelID: refValue(host, os.KernelID), RamdiskID: refValue(host, os.RamdiskID), Kernel: stringOrNull(os.Kernel),
		Ramdisk: stringOrNull(os.Ramdisk), Cmdline: stringOrNull(os.Cmdline),
		Bootloader: stringOrNull(os.Bootloader), Boot: listOrNull(ctx, os.Boot, diags), Firmware: stringOrNull(os.Firmware),
	})
	diags.Append(d...)
	return value
}

func fromDisks(ctx context.Context, host string, disks map[string]model.Disk, of types.ObjectType, diags *diag.Diagnostics) types.Map {
	values := map[string]types.Object{}
	for slot, disk := range disks {
		attributes := map[string]attr.Value{
			"image_id": refValue(host, disk.ImageID), "volatile": stringOrNull(disk.Volatile), "fstype": stringOrNull(disk.FSType),
			"path": stringOrNull(disk.Path), "format": stringOrNull(disk.Format), "cdrom": boolOrNull(disk.CDROM),
			"size": numberOrNull(disk.Size), "read_only": boolOrNull(disk.ReadOnly), "clone": stringOrNull(disk.Clone),
		}
		if _, made := of.AttrTypes[cloneMethod]; made {
			attributes[cloneMethod] = types.StringNull()
		}
		value, d := types.ObjectValue(of.AttrTypes, attributes)
		diags.Append(d...)
		values[slot] = value
	}
	return devicesOrNull(ctx, of, values, diags)
}

func fromGraphics(graphics *model.Graphics, of types.ObjectType, diags *diag.Diagnostics) types.Object {
	if graphics == nil {
		return types.ObjectNull(of.AttrTypes)
	}
	values := map[string]attr.Value{
		"type": stringOrNull(graphics.Type), "listen": stringOrNull(graphics.Listen), "port": numberOrNull(graphics.Port),
		"keymap": stringOrNull(graphics.Keymap),
	}
	if _, secret := of.AttrTypes["password_wo"]; secret {
		values["password_wo"] = types.StringNull()
	}
	value, d := types.ObjectValue(of.AttrTypes, values)
	diags.Append(d...)
	return value
}

func devicesOrNull[T any](ctx context.Context, of types.ObjectType, devices map[string]T, diags *diag.Diagnostics) types.Map {
	if len(devices) == 0 {
		return types.MapNull(of)
	}
	value, d := types.MapValueFrom(ctx, of, devices)
	diags.Append(d...)
	return value
}

// canonical is equal for two bodies that ask the same of a host. The password is left out: it is compared by its fingerprint.
func canonical(body model.VirtualMachineBody) string {
	if body.Graphics != nil {
		graphics := *body.Graphics
		graphics.Password = ""
		body.Graphics = &graphics
	}
	body.NICs = maps.Clone(body.NICs)
	for name, nic := range body.NICs {
		nic.MAC = strings.ToLower(nic.MAC)
		body.NICs[name] = nic
	}
	text, _ := json.Marshal(body) // holds nothing that JSON cannot
	return string(text)
}
