package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
)

const imageDescription = `
A disk, a kernel or an initial ramdisk that is stored on a host for virtual machines to use.

The content comes from one of ` + "`path`, `host_path`, `source_image_id` and `source_disk`" + `; without any an empty DATABLOCK of
` + "`size`" + ` is made. What is delivered is decompressed (gz, xz, zst, bz2, known by their content), verified, and converted on the host
when ` + "`format`" + ` asks for it. Content that an image of the host has already, known by its SHA-256 or SHA-512, is not sent again.

A virtual machine gets a disk of its own made from an image (see its ` + "`clone`" + `), or, when the image is ` + "`persistent`" + `, the image itself,
which then belongs to that one virtual machine and outlives it.

What would throw away the data on a persistent image is refused in the plan: another content, format or host. To give the data up all
the same, run ` + "`terraform taint`" + ` on the resource and apply. An image that a virtual machine uses cannot be destroyed.

An image whose content is missing, or, when nobody may write to it, has changed, is in the state ` + "`ERROR`" + `, and no virtual machine is made
from it. The plan shows ` + "`state = \"ERROR\" -> \"READY\"`" + `; the apply verifies the content on the host, and fails when it is not in order.
`

func (r *imageResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: imageDescription,
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute(),
			"host": hostAttribute(),
			"name": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the image. " + nameRules + inPlace,
			},
			"type": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "`OS`, a disk to boot from; `CDROM`, a read-only ISO; `DATABLOCK`, a disk for data; `KERNEL` or `RAMDISK`, a " +
					"file that domains are booted from. `OS`, `CDROM` and `DATABLOCK` change into each other in place while no virtual machine " +
					"uses the image; other changes replace it.",
			},
			"persistent": schema.BoolAttribute{
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
				MarkdownDescription: "Whether one virtual machine uses the image itself instead of a copy, so that what it writes is kept. " +
					"Default `false`. Changed in place while no virtual machine uses the image.",
			},
			"enabled": schema.BoolAttribute{
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(true),
				MarkdownDescription: "Whether virtual machines may be made from the image. Default `true`. An image that virtual machines use " +
					"cannot be disabled; enabling verifies the content." + inPlace,
			},
			"path": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Local path or http(s) URL of the content, plain or compressed. A local file is hashed for the plan: " +
					"changed content replaces the image, and another path with the same content changes nothing. A changed URL replaces " +
					"the image unless `checksum` says that the content is the same. Without any source an empty DATABLOCK is made, which becomes an " +
					"`OS` when a system is installed on it.",
			},
			"host_path": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Absolute path of a regular file or block device on the host, outside of the datastore, plain or compressed. " +
					"It is copied. A changed path replaces the image unless `checksum` says that the content is the same.",
			},
			"source_image_id": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Id of another image of the host, whose content is copied: one in the state `READY` or `USED`, and for a " +
					"`KERNEL` or `RAMDISK` one of that type. Another image replaces this one unless its `source_checksum` is the same.",
			},
			"source_disk": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "A disk of a virtual machine of the host, which is copied as it is with all that it rests on. The virtual machine " +
					"must be powered off while the image is made." + replaces,
				Attributes: map[string]schema.Attribute{
					"virtual_machine_id": schema.StringAttribute{Required: true, MarkdownDescription: "Id of the virtual machine." + replaces},
					"slot":               schema.StringAttribute{Required: true, MarkdownDescription: "Slot of the disk, such as `xvda`." + replaces},
				},
			},
			"fetch_from": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Who fetches a URL: `client`, the machine that Terraform runs on, or `host`, with its own curl or wget. " +
					"Default `client`. Changed in place, without effect on an image that stands.",
			},
			"checksum": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Checksum of the bytes as delivered by `path` or `host_path`, which the content must have: " +
					"`<algorithm>:<hexadecimal digits>` with `md5`, `sha1`, `sha256` or `sha512`, or the http(s) URL of a list such as " +
					"`SHA256SUMS` that has a line for the base name of the source. A list is read for every plan. A checksum of other content " +
					"replaces the image.",
			},
			"format": schema.StringAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Format of the disk on the host, `raw` or `qcow2`. A source of another format is converted by the host's qemu-img; " +
					"one of the formats vmdk, vhd and vhdx needs it. Default: the format of the source, `raw` for an empty DATABLOCK; none for " +
					"`KERNEL` and `RAMDISK`." + replaces,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"size": schema.Int64Attribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Size of the disk in MiB. Default: the size of the content, rounded up. A new empty DATABLOCK needs it. A larger " +
					"size grows the disk in place, unless a running virtual machine has the image itself as its disk; file systems on it are not " +
					"changed. A smaller one is refused in the plan.",
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"fstype": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "What an empty DATABLOCK is formatted with by the host: `ext2`, `ext3`, `ext4`, `xfs`, `btrfs`, `swap`, or " +
					"`raw` for nothing. Default `raw`." + replaces,
			},
			"labels": labelsAttribute(),
			"source_checksum": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "Checksum of the bytes as delivered, in the algorithm of `checksum` and else `sha256`: the identity of the " +
					"content. None when nothing was delivered.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"state": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "State when it was last read: `READY`, `USED` or `USED_PERS` by virtual machines, `LOCKED` while it is being " +
					"written, `DISABLED`, `ERROR` when its content is missing or was changed.",
			},
			"timeouts": timeoutsAttribute(ctx, "1h", "30m", "10m"),
		},
	}
}
