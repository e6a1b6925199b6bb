package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const contextDescription = `
What guests are told when they boot: variables, SSH keys, a start script and files. A virtual machine that names the context gets it as
an ISO with the label CONTEXT, as OpenNebula makes it, and OpenNebula's guest packages (one-context) act on it. Several virtual machines
may share one context; what differs between them stands in their own ` + "`context`" + `.

A context does not change: all but its name and labels make a new one, and the virtual machines that use it get
a new ISO in place. Destroying a context leaves guests the ISO that they have.

Secrets and the content of files are never stored in plan or state. Terraform 1.11 or newer is needed to set them.
`

func (r *contextResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: contextDescription,
		Attributes: map[string]schema.Attribute{
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
				MarkdownDescription: "Variables for the guest, such as `SET_HOSTNAME`. Names hold upper-case letters, digits and underscores; " +
					"values may hold anything, also newlines and quotes." + replaces,
			},
			"variables_wo": schema.MapAttribute{
				Optional:    true,
				WriteOnly:   true,
				ElementType: types.StringType,
				MarkdownDescription: "Variables that must not be seen in plan and state, such as `PASSWORD`. They stand on the host, readable " +
					"for root, and in the guest's ISO. A variable stands here or in `variables`, not in both." + replaces,
			},
			"ssh_public_keys": schema.ListAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Public SSH keys that may log in to the guest, one line each." + replaces,
			},
			"start_script": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Script that the guest runs at each boot; it begins with `#!` and the interpreter." + replaces,
			},
			"files": schema.MapNestedAttribute{
				Optional: true,
				MarkdownDescription: "Files on the ISO by name, at most 64 characters without `/ \\ * : ; ? \" < > |`. Together at most 64 MiB; " +
					"put more on an image. A file of other content replaces the resource.",
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
						MarkdownDescription: "Whether the guest may execute the file. Default `false`." + replaces,
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
		},
	}
}
