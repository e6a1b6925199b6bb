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

The content comes from a local file or an http(s) URL, is decompressed on the way (gz, xz, zst, bz2) and verified on the host; without
a ` + "`path`" + ` an empty DATABLOCK of ` + "`size`" + ` is made. A virtual machine gets a copy of its own of an image, or, when the image is
` + "`persistent`" + `, the image itself, which then belongs to that one virtual machine and outlives it.

What would throw away the data on a persistent image is refused in the plan: a changed content, format or host. So is a changed
` + "`size`" + ` of any image. To give the data up all the same, run ` + "`terraform taint`" + ` on the resource and apply. An image that a virtual
machine uses cannot be destroyed.
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
			"path": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Local path or http(s) URL of the content, plain or compressed. A local file is hashed for the plan: " +
					"changed content replaces the image, and another path with the same content changes nothing. A changed URL replaces " +
					"the image unless `checksum` says that the content is the same. Without a path an empty DATABLOCK is made, which becomes an `OS` " +
					"when a system is installed on it.",
			},
			"checksum": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Checksum of the bytes as delivered, `<algorithm>:<hexadecimal digits>` with `md5`, `sha1`, `sha256` or " +
					"`sha512`, which the content must have. A checksum of other content replaces the image.",
			},
			"format": schema.StringAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Format of the disk on the host, `raw` or `qcow2`. Default: the format of the source, `raw` for an empty " +
					"DATABLOCK; none for `KERNEL` and `RAMDISK`." + replaces,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"size": schema.Int64Attribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Size of the disk in MiB. Default: the size of the content, rounded up. An empty DATABLOCK needs it. A changed " +
					"size is refused in the plan, because a new image would lose the data on this one.",
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
					"content.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"state": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "State when it was last read: `READY`, `USED` or `USED_PERS` by virtual machines, `LOCKED` while it is being " +
					"written, `ERROR` when its content is missing.",
			},
			"timeouts": timeoutsAttribute(ctx, "1h", "5m", "10m"),
		},
	}
}
