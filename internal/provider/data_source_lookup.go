package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// lookupModel is how a data source names the thing that it reads: by id, or by host and name.
type lookupModel struct {
	ID   types.String `tfsdk:"id"`
	Host types.String `tfsdk:"host"`
	Name types.String `tfsdk:"name"`
}

func lookupAttributes(noun string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			MarkdownDescription: "Id of the " + noun + ", `<host>/<number>`. Either `id` or `name` is needed.",
		},
		"host": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			MarkdownDescription: "Name of the host to look for `name` on. Default: the provider's `default_host`.",
		},
		"name": schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			MarkdownDescription: "Name of the " + noun + ". Either `id` or `name` is needed.",
		},
	}
}

// find gives the engine and the reference of the thing, or an error of the attribute that names it.
func (d *dataSource) find(ctx context.Context, kind model.Kind, m lookupModel, diags *diag.Diagnostics) (*engine.Engine, model.Ref, bool) {
	at, summary := path.Root("name"), fmt.Sprintf("Unable to find the %s", kind.Noun())
	if m.ID.IsNull() == m.Name.IsNull() {
		addErrorAt(diags, at, summary, "Either id or name is needed, and not both.")
		return nil, model.Ref{}, false
	}
	var ref model.Ref
	var err error
	host := m.Host.ValueString()
	if !m.ID.IsNull() {
		at = path.Root("id")
		if ref, err = model.ParseRef(m.ID.ValueString()); err == nil && host != "" && host != ref.Host {
			err = fmt.Errorf("%s is not on host %s", ref, host)
		}
		host = ref.Host
	}
	var eng *engine.Engine
	if err == nil {
		eng, host, err = d.backend.on(host)
	}
	if err == nil && m.ID.IsNull() {
		ref, err = eng.Find(ctx, kind, host, m.Name.ValueString())
	}
	if err != nil {
		addErrorAt(diags, at, summary, err.Error())
		return nil, ref, false
	}
	return eng, ref, true
}

func lookedUp(header model.Header) lookupModel {
	return lookupModel{ID: types.StringValue(header.Ref().String()), Host: types.StringValue(header.Host), Name: types.StringValue(header.Name)}
}
