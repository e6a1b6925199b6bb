package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

const contextDescription = `
What guests are told when they boot: variables, SSH keys, a start script and files. A virtual machine that names the context gets it as
an ISO with the label CONTEXT, as OpenNebula makes it, and OpenNebula's guest packages (one-context) act on it; with the format ` + "`nocloud`" + ` it is
an ISO with the label cidata, for cloud-init. Several virtual machines may share one context; what differs between them stands in their own
` + "`context`" + `, ` + "`nics`" + ` and names.

A context does not change: all but its name and labels make a new one, and the virtual machines that use it get
a new ISO in place. Destroying a context leaves guests the ISO that they have.

Secrets and the content of files are never stored in plan or state. Terraform 1.11 or newer is needed to set them.
`

func (r *contextResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"id":   idAttribute(),
		"host": hostAttribute(),
		"name": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			MarkdownDescription: "Name of the context. Default `context-<number>`. " + nameRules + inPlace,
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"variables": schema.MapAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Variables for the guest. Names hold upper-case letters, digits and underscores; values may hold anything, also newlines and " +
				"quotes, and arrive as they are: nothing is put in for `$`. The variables of OpenNebula's guest packages do what they do there, and the " +
				"guest's scripts see all others. Those that need OpenNebula's OneGate (`TOKEN`, `REPORT_READY`, `ONEGATE_...`) are refused." + replaces,
		},
		"variables_wo": schema.MapAttribute{
			Optional:    true,
			WriteOnly:   true,
			ElementType: types.StringType,
			MarkdownDescription: "Variables that must not be seen in plan and state, such as `PASSWORD`. They stand on the host, readable " +
				"for root, and in the guest's ISO. A variable stands here or in `variables`, not in both." + replaces,
		},
		"files": schema.MapNestedAttribute{
			Optional: true,
			MarkdownDescription: "Files on the ISO by name, at most 64 characters without `/ \\ * : ; ? \" < > |`. They are streamed to the host and " +
				"lie there once for all virtual machines, so they may be large (each smaller than 4 GiB). A file of other content replaces the resource.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"content": schema.StringAttribute{
					Optional:  true,
					WriteOnly: true,
					MarkdownDescription: "Text of the file. Either `content` or `source` is needed. It is not stored in plan and state; `sha256` " +
						"tells when it changes.",
				},
				"source": schema.StringAttribute{
					Optional:  true,
					WriteOnly: true,
					MarkdownDescription: "Local path of the file. It is not stored in plan and state; `sha256` tells when the content changes, and " +
						"another path to the same content changes nothing.",
				},
				"executable": schema.BoolAttribute{
					Optional:            true,
					Computed:            true,
					Default:             booldefault.StaticBool(false),
					MarkdownDescription: "Whether the guest executes the file when it boots, in the order of the names (`INIT_SCRIPTS`). Default `false`." + replaces,
				},
				"sha256": schema.StringAttribute{
					Computed:            true,
					MarkdownDescription: "SHA-256 of the content, in hexadecimal digits.",
				},
			}},
		},
		"network": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether the guest is told the addresses of its network cards (`ETH0_IP` and so on), so that it needs no DHCP. " +
				"Default `false`." + replaces,
		},
		"labels":   labelsAttribute(),
		"timeouts": timeoutsAttribute(ctx, "10m", "5m", "10m"),
	}
	maps.Copy(attributes, contextSettingsAttributes())
	resp.Schema = schema.Schema{MarkdownDescription: contextDescription, Attributes: attributes}
}

// contextSettingsAttributes are those that stand for OpenNebula's variables.
func contextSettingsAttributes() map[string]schema.Attribute {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description + replaces}
	}
	list := func(description string) schema.ListAttribute {
		return schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description + replaces}
	}
	yesOrNo := func(description string) schema.BoolAttribute {
		return schema.BoolAttribute{Optional: true, MarkdownDescription: description + replaces}
	}
	secret := func(description string) schema.StringAttribute {
		attribute := text(description)
		attribute.WriteOnly = true
		return attribute
	}
	return map[string]schema.Attribute{
		"format": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Default:  stringdefault.StaticString(string(model.ContextOpenNebula)),
			MarkdownDescription: "For which software in the guest the ISO is: `opennebula`, the default, for OpenNebula's guest packages, whose ISO cloud-init " +
				"reads, too, as far as host name, keys, `user_data` and network go; `nocloud` for images with cloud-init alone, which is told all that is said here in its own words (tested with the code of cloud-init 22.4)." + replaces,
		},
		"hostname": text("Host name of the guest (`SET_HOSTNAME`)."),
		"hostname_from_name": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether the host name of each guest is the name of its virtual machine, as with OpenNebula's `SET_HOSTNAME = \"$NAME\"`. A virtual " +
				"machine that is renamed gets a new ISO. Default `false`: a guest that is told no host name keeps its own." + replaces,
		},
		"user": text("User of the guest whom the SSH keys and the password are for (`USERNAME`), made when there is none, with the right to `sudo`. Default: `root`, and " +
			"with cloud-init the user of the image."),
		"password_wo": secret("Password of the user (`PASSWORD`). It is not stored in plan and state, but a change is noticed; it stands on the host, readable " +
			"for root, and in the guest's ISO."),
		"crypted_password_wo": secret("Password of the user in the form of crypt(5) (`CRYPTED_PASSWORD`), as `openssl passwd -6` makes it, in place of `password_wo`."),
		"ssh_public_keys":     list("Public SSH keys that may log in to the guest, one line each (`SSH_PUBLIC_KEY`)."),
		"start_script": text("Script that the guest runs as root at each boot, with the variables in its environment (`START_SCRIPT_BASE64`); it begins with `#!` and " +
			"the interpreter."),
		"dns":           list("IP addresses of name servers for all network cards (`DNS`)."),
		"search_domain": text("Domains to look names up in, separated by spaces (`SEARCH_DOMAIN`)."),
		"time_zone":     text("Time zone such as `Europe/Berlin` (`TIMEZONE`)."),
		"grow_rootfs":   yesOrNo("Whether the guest grows its root partition and file system to the size of the disk (`GROW_ROOTFS`). Default: as the guest does, which is `true`."),
		"swap":          yesOrNo("Whether the guest turns on the swap disks that it finds (`IGNORE_SWAP`). Default: as the guest does, which is `true`."),
		"user_data": text("Data for cloud-init: a `#cloud-config`, a script and so on (`USER_DATA`). With the format `nocloud` it is merged with what the other " +
			"arguments say: where both set one key, this counts. Secrets belong into `variables_wo`, as `USER_DATA`."),
	}
}
