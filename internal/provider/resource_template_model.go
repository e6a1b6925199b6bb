package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

const templateDescription = `
What virtual machines have in common, kept as a record on the host: any of their arguments. A virtual machine that names the template
in ` + "`template_id`" + ` says only what differs: its own values win, and ` + "`disks`, `nics` and `context`" + ` are merged by key, a disk or network
card that both name attribute by attribute.

A changed template does not touch the virtual machines that were made from it, but those with ` + "`follow_template = true`" + `.
`

type templateModel struct {
	machineModel
	ID       types.String   `tfsdk:"id"`
	Host     types.String   `tfsdk:"host"`
	Name     types.String   `tfsdk:"name"`
	Labels   types.Map      `tfsdk:"labels"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

var templateTypes = deviceTypes{disk: diskType, graphics: attributeTypes(graphicsAttributes())}

func (r *templateResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"id":   idAttribute(),
		"host": hostAttribute(),
		"name": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Name of the template. " + nameRules + inPlace,
		},
		"labels":   labelsAttribute(),
		"timeouts": timeoutsAttribute(ctx, "5m", "5m", "10m"),
	}
	maps.Copy(attributes, machineAttributes(func(string) string { return inPlace }))
	resp.Schema = schema.Schema{MarkdownDescription: templateDescription, Attributes: attributes}
}

// toSpec is what the engine is asked for.
func (m templateModel) toSpec(ctx context.Context, diags *diag.Diagnostics) model.TemplateSpec {
	return model.TemplateSpec{Name: m.Name.ValueString(), Body: m.toBody(ctx, diags), Labels: stringMap(m.Labels)}
}

// fromRecord is the model as the host knows it. Where m says the same in other words, its words are kept.
func (m templateModel) fromRecord(ctx context.Context, template model.Template, diags *diag.Diagnostics) templateModel {
	m.ID = types.StringValue(template.Ref().String())
	m.Host = types.StringValue(template.Host)
	m.Name = types.StringValue(template.Name)
	m.Labels = keepMap(ctx, m.Labels, template.Labels, diags)
	m.machineModel = m.fromBody(ctx, template.Host, template.Body, templateTypes, diags)
	return m
}

func (r *templateResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config templateModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !config.Name.IsUnknown() {
		if err := model.CheckName(config.Name.ValueString()); err != nil {
			refused(&resp.Diagnostics, model.KindTemplate, &model.FieldError{Field: "name", Err: err})
		}
	}
	config.check(ctx, model.KindTemplate, nil, false, &resp.Diagnostics)
}

func (r *templateResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	host := r.planHost(ctx, req, resp)
	var plan, state templateModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	r.announce(ctx, plan, &resp.Diagnostics)
	var before []reference
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		before = state.references(ctx, &resp.Diagnostics)
	}
	ctx, cancel := looking(ctx, plan.Timeouts, &resp.Diagnostics)
	defer cancel()
	if !resp.Diagnostics.HasError() {
		r.backend.checkReferences(ctx, host, plan.references(ctx, &resp.Diagnostics), before, &resp.Diagnostics)
	}
}

// plannedTemplate is a template as it is going to be; nil: not known yet.
type plannedTemplate struct{ body *model.VirtualMachineBody }

// announce tells the plans of virtual machines, which come after those of their templates, what this one is going to be.
func (r *templateResource) announce(ctx context.Context, plan templateModel, diags *diag.Diagnostics) {
	if r.backend == nil || plan.ID.IsUnknown() || diags.HasError() {
		return
	}
	for _, value := range plan.values() {
		if !fullyKnown(ctx, value) {
			r.backend.templates.Store(plan.ID.ValueString(), plannedTemplate{})
			return
		}
	}
	body := plan.toBody(ctx, diags)
	r.backend.templates.Store(plan.ID.ValueString(), plannedTemplate{&body})
}
