package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

var virtualMachineDescription = `
A virtual machine on a host: a Xen domain, its disks and its context.

Its own values win over those of the template in ` + "`template_id`" + `. State holds what is written here; what the template adds shows in
` + "`deployment_file`" + `. A virtual machine exists while its record stands on the host, whether its domain runs or not: a guest that has
powered itself off is started again by the next apply, and ` + "`power_state = \"poweroff\"`" + ` keeps it off.

Most changes are made in place; see below. Where a change replaces the virtual machine, the guest is shut down and its copies of images and volatile disks are destroyed with it.
Persistent images keep what was written to them.

## Power states

` + "`power_state`" + ` is what is wanted, ` + "`state`" + ` what the host shows. Each of the four wanted states is reached from every state that is found, also
from one that the guest or an administrator of the host brought about:

| found | to ` + "`running`" + ` | to ` + "`paused`" + ` | to ` + "`suspended`" + ` | to ` + "`poweroff`" + ` |
|---|---|---|---|---|
| ` + "`RUNNING`" + ` | | ` + "`xl pause`" + ` | ` + "`xl save`" + ` | shut down within ` + "`shutdown_timeout`" + `, then ` + "`force_stop`" + ` decides |
| ` + "`PAUSED`" + ` | ` + "`xl unpause`" + ` | | unpaused, then saved | unpaused, then shut down |
| ` + "`SUSPENDED`" + ` | ` + "`xl restore`" + ` | restored, then paused | | restored, then shut down |
| ` + "`POWEROFF`" + ` | started | started, then paused | started, then saved | |
| ` + "`FAILED`" + ` | its domain is destroyed, then started | likewise | likewise | its domain is destroyed |

A guest that is saved lies in the file ` + "`checkpoint`" + ` in the folder of the virtual machine on the host, which needs as much space as the guest
has memory; a save that would not fit is refused before the guest is touched. The file goes when the guest runs again, and with the virtual
machine. A restore that fails keeps it, and so does one that would do harm, because a disk is in use elsewhere or was written to since.
Persistent images stay those of the virtual machine all the time.

A guest that reboots itself is never taken for one that is gone: it is waited for.

## How disks are made

A disk with an ` + "`image_id`" + ` is made once, when the virtual machine is. What ` + "`clone`" + ` of the disk allows and the host can do decides how, and
` + "`clone_method`" + ` tells; the plan shows it when the image stands on the host already, and "known after apply" when the image comes with the
same apply or a template has a say.

| ` + "`clone_method`" + ` | what the disk is | when | time and space | what stays tied to the image |
|---|---|---|---|---|
| ` + "`reflink`" + ` | a file that shares its blocks with the image until either is written to | ` + "`auto`, `copy`" + ` on XFS, Btrfs and the like | next to none; grows with what the guest writes | nothing |
| ` + "`copy`" + ` | a file of its own, with holes for zeros | ` + "`auto` with a raw image, `copy`" + ` | those of the data in the image: one or two seconds for each GiB on quick disks | nothing |
| ` + "`overlay`" + ` | a ` + "`qcow2`" + ` file with what the guest writes | ` + "`auto` with a `qcow2` image, `overlay`" + ` | next to none; grows with what the guest writes | all that the guest has not written is read from the image |
| ` + "`in-place`" + ` | the image itself | persistent images, CDROMs | none | it is the image |
| ` + "`made`" + ` | an empty disk | ` + "`volatile`" + ` | next to none; grows with what the guest writes | there is no image |

A larger ` + "`size`" + ` grows what is made. Any number of virtual machines run on overlays over one image at the same time; its file is only read.
While they exist, the image can neither be destroyed nor changed, and they are not started while another domain has its file as a disk.
An overlay needs ` + "`qemu-img`" + ` on the host, and so does a ` + "`qcow2`" + ` disk that is to be larger than its image; the plan refuses them on a host that
has none.

## What changes do

A change is made in place as far as Xen can do it, while the guest runs. What a guest takes at its next boot only is written to the
deployment file for that boot, and ` + "`pending_restart`" + ` names it until then. It does not matter who boots the guest: its own reboot, and
` + "`power_state`" + ` or ` + "`restart_policy`" + ` of this resource, all take the new file.

` + changesTable() + `
A smaller number of processors, less memory and a disk that goes need a guest that plays along: a Linux guest lets go of a disk that is not mounted.

## What others changed

What somebody changed on the host past Terraform shows in the plan: in the argument itself where it has one, and in ` + "`drift`" + ` in any case. The
next apply mends it: memory and processors are set, disks and network cards attached or detached, a context's ISO and a deployment
file that were edited or removed are made anew, and disks that were left by a change that was cut off are removed. A volatile disk whose file
is gone is made anew when the guest is off. The file of a disk that was made from an image is not: the apply fails and says what to do, because
what was written to it is gone.

## Domains that others have made

A running domain that somebody has made with plain ` + "`xl create`" + ` is imported by ` + "`<host>/<name of the domain>`" + `. The import, and so the plan of an import
block, writes a record of it into the datastore; nothing about the running guest changes. Its disks, kernel and ramdisk stay the files and
block devices that they are, stand in the state by their paths, and are never removed: destroying the virtual machine ends the domain and
leaves them. Let Terraform write the configuration (` + "`terraform plan -generate-config-out=FILE`" + `).

From then on the provider starts the guest, from a deployment file of its own; the file that the domain was made from is of no account any
more, so take it out of ` + "`/etc/xen/auto`" + `. A domain with something that a ` + "`xen_virtual_machine`" + ` has not, such as a device passed through to it, is refused
with the name of what it would lose. An address that the guest has of itself, and a VNC port that Xen chose, are not known.
`

var virtualMachineTypes = deviceTypes{disk: attributeTypes(virtualMachineDisks()), graphics: attributeTypes(virtualMachineGraphics())}

func virtualMachineDisks() map[string]schema.Attribute {
	attributes := diskAttributes()
	if clone, ok := attributes["clone"].(schema.StringAttribute); ok {
		clone.MarkdownDescription += " A change leaves a disk that exists as it is. One that the disk does not satisfy, as `clone_method` " +
			"tells, is refused in the plan, because a new disk would lose the data on this one."
		attributes["clone"] = clone
	}
	attributes[cloneMethod] = schema.StringAttribute{
		Computed: true,
		MarkdownDescription: "How the disk was made: `reflink`, `copy` or `overlay` from its image, `in-place` for the image itself, `made` for " +
			"a volatile disk.",
	}
	return attributes
}

func virtualMachineGraphics() map[string]schema.Attribute {
	attributes := graphicsAttributes()
	attributes["password_wo"] = schema.StringAttribute{
		Optional:  true,
		WriteOnly: true,
		MarkdownDescription: "Password for the screen, at most 8 characters without a comma. A QEMU without DES, such as that of Debian 12, starts no guest with a password; leave `listen` on `127.0.0.1` there and come through an SSH tunnel. It is not stored in plan and state; a change is noticed " +
			"all the same. Terraform 1.11 or newer is needed to set it.",
	}
	return attributes
}

func (r *virtualMachineResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := machineAttributes(changeText)
	maps.Copy(attributes, virtualMachineArguments(ctx))
	maps.Copy(attributes, powerAttributes())
	maps.Copy(attributes, virtualMachineResults())
	if graphics, ok := attributes["graphics"].(schema.SingleNestedAttribute); ok {
		graphics.Attributes = virtualMachineGraphics()
		attributes["graphics"] = graphics
	}
	if disks, ok := attributes["disks"].(schema.MapNestedAttribute); ok {
		disks.NestedObject.Attributes = virtualMachineDisks()
		attributes["disks"] = disks
	}
	if nics, ok := attributes["nics"].(schema.MapNestedAttribute); ok {
		if mac, ok := nics.NestedObject.Attributes["mac"].(schema.StringAttribute); ok {
			mac.Computed = true
			nics.NestedObject.Attributes["mac"] = mac
		}
		attributes["nics"] = nics
	}
	resp.Schema = schema.Schema{MarkdownDescription: virtualMachineDescription, Attributes: attributes}
}

func virtualMachineArguments(ctx context.Context) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"host": hostAttribute(),
		"name": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			MarkdownDescription: "Name of the virtual machine and of its domain. Default `one-<VID>`. " + nameRules + changeText("name"),
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"labels": labelsAttribute(),
		"template_id": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Id of a `xen_template` on the same host that gives what is not said here." + changeText("template_id"),
		},
		"follow_template": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether a changed template changes the virtual machine. Default `false`: the template counts as it was when the " +
				"virtual machine was made." + changeText("follow_template"),
		},
		"restart_policy": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Default:  stringdefault.StaticString(string(model.RestartNever)),
			MarkdownDescription: "What becomes of changes that a running guest takes at its next boot only. `never`, the default: they wait, and " +
				"`pending_restart` names them. `on_change`: the apply shuts the guest down and starts it again." + changeText("restart_policy"),
		},
		"timeouts": timeoutsAttribute(ctx, "20m", "20m", "20m"),
	}
}

func virtualMachineResults() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id": idAttribute(),
		"vid": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of the virtual machine on its host, OpenNebula's VID.",
			PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
		},
		"uuid": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "UUID of the domain, which stays the same over restarts.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"domid": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Xen's number of the domain when it was last read, another one after each restart; null when there is no domain.",
		},
		"state": schema.StringAttribute{
			Computed: true,
			MarkdownDescription: "State when it was last read: `RUNNING`, `POWEROFF`, `SUSPENDED`, `PAUSED`, `FAILED` (the guest has crashed and its domain was kept), or " +
				"one of `PENDING`, `PROLOG`, `BOOT`, `SHUTDOWN`, `EPILOG` while an operation is under way.",
		},
		"vnc_port": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "TCP port of the screen on the host; null without `graphics`.",
		},
		"addresses": schema.ListAttribute{
			Computed:    true,
			ElementType: types.StringType,
			MarkdownDescription: "IP addresses of the network cards, in the order of their names: the one that a card was given, then, of a guest that lives, those " +
				"that an agent in the guest wrote to xenstore, that DHCP leases on the host (dnsmasq, ISC) and its table of neighbours show. Addresses of the link alone are left out.",
			PlanModifiers: []planmodifier.List{listplanmodifier.UseStateForUnknown()},
		},
		"deployment_file": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "The file that `xl create` was given, or will be at the guest's next boot, without the password.",
		},
		"context_md5": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "MD5 of the context's ISO, in hexadecimal digits; null without a context.",
		},
		"context_sha256": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "SHA-256 of the context's ISO, in hexadecimal digits; null without a context. Another one is another ISO.",
		},
		"pending_restart": schema.ListAttribute{
			Computed:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Arguments whose change the running guest takes at its next boot, whoever boots it.",
		},
		"template_values": schema.MapAttribute{
			Computed:    true,
			ElementType: types.StringType,
			MarkdownDescription: "What the template gives, by the path of the argument, such as `nics.eth0.bridge`. With `follow_template` the plan " +
				"shows here what a changed template changes.",
		},
		"drift": schema.MapAttribute{
			Computed:    true,
			ElementType: types.StringType,
			MarkdownDescription: "What somebody else changed on the host, or a change that was cut off left there, by the path of the argument (`files`: what belongs to none), when it was last read. " +
				"The next apply mends it, so in a plan this is always empty.",
		},
	}
}
