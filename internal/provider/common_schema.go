package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Sentences that descriptions share.
const (
	replaces  = " A change replaces the resource."
	inPlace   = " Changed in place."
	nameRules = "Unique among its kind on the host; letters, digits and the characters `.` `_` `+` `-`, not digits only, at most 128."
)

func idAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "Id of the form `<host>/<number>`; the number is unique among its kind on the host.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func hostAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		Computed:            true,
		MarkdownDescription: "Name of the host in the provider's `hosts`. Default: the provider's `default_host`." + replaces,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
	}
}

func labelsAttribute() schema.MapAttribute {
	return schema.MapAttribute{
		Optional:            true,
		ElementType:         types.StringType,
		MarkdownDescription: "Free labels, kept in the record on the host." + inPlace,
	}
}

// timeoutsAttribute says in each description what is waited for and the default.
func timeoutsAttribute(ctx context.Context, create, update, remove string) schema.Attribute {
	const form = " A duration such as `90s` or `1h30m`."
	attribute, ok := timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, CreateDescription: "Time to create. Default `" + create + "`." + form,
		Read: true, ReadDescription: "Time to read from the host, and for a plan to look at it. Default `5m`." + form,
		Update: true, UpdateDescription: "Time to change in place. Default `" + update + "`." + form,
		Delete: true, DeleteDescription: "Time to destroy. Default `" + remove + "`." + form,
	}).(schema.SingleNestedAttribute)
	if ok {
		attribute.MarkdownDescription = "How long operations may take before they are cancelled and rolled back."
	}
	return attribute
}
