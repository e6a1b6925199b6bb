package provider

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// machineAttributes are the arguments that templates and virtual machines have in common; change gives what the description of
// each says of a change.
func machineAttributes(change func(attribute string) string) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{
		"type": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How Xen runs the guest: `pv`, `pvh` or `hvm`. Default: `pv` with `os.kernel_id` or `os.bootloader`, " +
				"else `hvm`." + change("type"),
		},
		"cpu": schema.Float64Attribute{
			Optional: true,
			MarkdownDescription: "Share of a processor, such as `0.5` for half a one: the guest's weight against other guests when processors " +
				"are short. Default: one processor's." + change("cpu"),
		},
		"cpu_cap": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "Most that the guest gets of processors, in percent of one: `50` is half a one, also when others are idle. " +
				"Default `0`: no limit." + change("cpu_cap"),
		},
		"vcpu": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Number of virtual processors, 1 to 512. Default `1`." + change("vcpu"),
		},
		"vcpu_max": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Number of virtual processors up to which the guest may be given more while it runs. Default: `vcpu`." + change("vcpu_max"),
		},
		"memory": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Memory in MiB. Needed in the virtual machine or its template." + change("memory"),
		},
		"memory_max": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Memory in MiB up to which the guest may be given more while it runs. Default: `memory`." + change("memory_max"),
		},
		"os": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "What the guest boots. Without it an HVM guest boots its first disk." + change("os"),
			Attributes:          osAttributes(),
		},
		"disks": schema.MapNestedAttribute{
			Optional: true,
			MarkdownDescription: "Disks by slot: `xvda`, `xvdb` and so on, or `hda` to `hdd`, `sda` to `sdp`. The letter is the number of " +
				"the disk, so `xvda` and `hda` are the same disk and cannot stand together. A guest finds the slot by that name only when it " +
				"has Xen's drivers." + change("disks"),
			NestedObject: schema.NestedAttributeObject{Attributes: diskAttributes()},
		},
		"nics": schema.MapNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Network cards by name: `eth0`, `eth1` and so on." + change("nics"),
			NestedObject:        schema.NestedAttributeObject{Attributes: nicAttributes()},
		},
		"graphics": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "The guest's screen over the network; `{}` is enough. Not for `pvh`." + change("graphics"),
			Attributes:          graphicsAttributes(),
		},
		"context_id": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Id of a `xen_context` on the same host." + change("context_id"),
		},
		"context": schema.MapAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Variables for this guest, laid over those of the context. Names hold upper-case letters, digits and " +
				"underscores." + change("context"),
		},
	}
	maps.Copy(attributes, eventAttributes(change))
	return attributes
}

func osAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"kernel_id": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Id of a `xen_image` of type `KERNEL` on the same host. A `pv` or `pvh` guest needs it, or a `bootloader`.",
		},
		"ramdisk_id": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Id of a `xen_image` of type `RAMDISK` on the same host.",
		},
		"kernel_path": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Absolute path of a kernel that lies on the host, in place of `kernel_id`.",
		},
		"ramdisk_path": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Absolute path of a ramdisk that lies on the host, in place of `ramdisk_id`.",
		},
		"cmdline": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Command line of the kernel, such as `console=hvc0 root=/dev/xvda1 ro`.",
		},
		"bootloader": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Program on the host that finds the kernel in the guest's first disk, such as `pygrub`; `pv` only.",
		},
		"boot": schema.ListAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "What to boot from, in order: `disk`, `cdrom`, `network`; `hvm` only.",
		},
		"firmware": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "`bios` or `uefi`; `hvm` only. Default `bios`.",
		},
	}
}

func diskAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"image_id": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Id of a `xen_image` of type `OS`, `CDROM` or `DATABLOCK` on the same host: the disk is made from it as `clone` " +
				"says, or is the image itself when that is persistent or a CDROM. A disk has one of `image_id`, `volatile` and `path`.",
		},
		"volatile": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "An empty disk that is made and destroyed with the virtual machine: `fs` or `swap`.",
		},
		"path": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Absolute path of a file or block device of the host, outside of the datastore, that is the disk itself: a logical " +
				"volume, or what a virtual machine had before it was imported. It is neither made nor removed, and one virtual machine of the datastore may write to it.",
		},
		"format": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Format of what stands at `path`: `raw` or `qcow2`. Default `raw`. It is never guessed.",
		},
		"cdrom": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Whether the disk is a CD-ROM with `path` in it or, without a `path`, an empty CD-ROM drive, which `hvm` guests can have. Default `false`.",
		},
		"fstype": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "What a volatile `fs` disk is formatted with: `ext2`, `ext3`, `ext4`, `xfs`, `btrfs`, or `raw` for nothing. " +
				"Default `raw`.",
		},
		"size": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "Size in MiB of a volatile disk, which needs it, or of one made from an image, which may be larger than the image. The disk of a " +
				"virtual machine grows in place; a smaller size is refused in the plan.",
		},
		"read_only": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Whether the guest may not write. Default `false`; a CDROM is always read-only.",
		},
		"clone": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How the disk is made from its image. `auto`, the default: it shares the blocks of the image where the host's file " +
				"system can (reflink), else it is an overlay over a `qcow2` image, and else a copy. `copy`: independent of the image in any case. " +
				"`overlay`: a `qcow2` file on the host that holds only what the guest writes, over the image, whatever its format. Not for a " +
				"volatile disk, and for an image that is `persistent` or a CDROM only `auto`.",
		},
	}
}

func nicAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"bridge": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Bridge on the host, such as `br0`. Needed in the virtual machine or its template.",
		},
		"mac": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "MAC address. Default: `02:00` and the four octets of `ip`, as OpenNebula does it; without an address a random " +
				"one of Xen's range `00:16:3e`.",
		},
		"ip": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "IPv4 address that the guest is to take. The guest learns it from its context when that has `network`, or from " +
				"the MAC address. One guest of the host may have it.",
		},
		"method": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How the guest comes to its IPv4 address, for the context: `static`, `dhcp` or `skip` (not at all). Default: `static` with an `ip`; without " +
				"one OpenNebula's guest packages leave the card alone, and cloud-init asks by DHCP.",
		},
		"ip6": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "IPv6 address that the guest is to take, for the context. One guest of the host may have it. The function `link_local_from_mac` tells the " +
				"address of the link that it has besides.",
		},
		"ip6_prefix_length": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Bits of `ip6` that are the network's, 1 to 128, for the context. Guests take 64 when nothing is said.",
		},
		"ip6_gateway": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "IPv6 address of the router, for the context.",
		},
		"ip6_method": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "How the guest comes to its IPv6 address, for the context: `static`, `auto` (router advertisements), `dhcp`, `disable` or `skip`. Default: " +
				"`static` with an `ip6`, else the guest's own.",
		},
		"metric": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Metric of the routes over the card, for the context; the smallest is preferred.",
		},
		"routes": schema.MapAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Further routes, for the context: the address of the router by network, such as `{ \"10.0.0.0/8\" = \"192.168.70.2\" }`.",
		},
		"vlan": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "VLAN that the card is in, 1 to 4094, on a bridge of Open vSwitch, with `script = \"vif-openvswitch\"`. For Linux bridges, name the bridge that " +
				"the host has for the VLAN.",
		},
		"rate": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Most that the guest may send, such as `10Mb/s`, or `1GB/s@20ms` for another interval than 50 ms.",
		},
		"script": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Script of the host that plugs the card in: a name in `/etc/xen/scripts` such as `vif-openvswitch`, or an absolute path. Default: the host's " +
				"(`vif-bridge`). The plan does not look whether the host has the bridge of another script.",
		},
		"netmask": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Netmask such as `255.255.255.0`, for the context.",
		},
		"gateway": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "IPv4 address of the router, for the context.",
		},
		"dns": schema.ListAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "IP addresses of name servers, for the context.",
		},
		"search_domain": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Domains to look names up in, separated by spaces, for the context.",
		},
		"mtu": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Largest packet in bytes, 68 to 65535.",
		},
		"model": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Card that an `hvm` guest without Xen's drivers sees: `e1000`, `rtl8139` or `virtio-net`.",
		},
	}
}

func graphicsAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"type": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "`vnc`, the default.",
		},
		"listen": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "IP address of the host to listen on. Default `127.0.0.1`, which is reached through an SSH tunnel.",
		},
		"port": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "TCP port from 5900 to 65535. Default: 5900 and the VID.",
		},
		"keymap": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Keyboard layout, such as `en-us` or `de`.",
		},
	}
}

// attributeTypes are the types that values of nested attributes have.
func attributeTypes(attributes map[string]schema.Attribute) types.ObjectType {
	of := map[string]attr.Type{}
	for name, attribute := range attributes {
		of[name] = attribute.GetType()
	}
	return types.ObjectType{AttrTypes: of}
}
