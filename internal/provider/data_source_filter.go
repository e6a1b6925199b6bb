package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// filterModel is how a data source says which things it lists. What is not said leaves nothing out.
type filterModel struct {
	Host      types.String `tfsdk:"host"`
	NameRegex types.String `tfsdk:"name_regex"`
	Labels    types.Map    `tfsdk:"labels"`
	State     types.String `tfsdk:"state"`
}

func filterAttributes(states string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"host":       schema.StringAttribute{Optional: true, MarkdownDescription: "Only those on this host. Default: all hosts of the provider."},
		"name_regex": nameRegexAttribute(),
		"labels":     schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Only those that have all of these labels."},
		"state":      schema.StringAttribute{Optional: true, MarkdownDescription: "Only those in this state: " + states + "."},
	}
}

func nameRegexAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Only those whose name has a match for this regular expression (RE2, as in Terraform's `regex`); `^` and `$` " +
			"bind it to the whole name.",
	}
}

// matcher reads name_regex; without one every name matches.
func matcher(pattern types.String, diags *diag.Diagnostics) *regexp.Regexp {
	compiled, err := regexp.Compile(pattern.ValueString())
	if err != nil {
		addErrorAt(diags, path.Root("name_regex"), "Unable to read a regular expression", err.Error())
	}
	return compiled
}

// matches tells whether a thing is meant.
func (m filterModel) matches(names *regexp.Regexp, header model.Header, state string) bool {
	for label, value := range stringMap(m.Labels) {
		if has, there := header.Labels[label]; !there || has != value {
			return false
		}
	}
	return names.MatchString(header.Name) && (m.State.IsNull() || m.State.ValueString() == state)
}

// hosts are the names of the hosts to look at, one or all.
func (d *dataSource) hosts(host types.String) ([]string, error) {
	if !host.IsNull() || d.backend == nil || d.backend.engine == nil {
		_, name, err := d.backend.on(host.ValueString())
		return []string{name}, err
	}
	return d.backend.engine.HostNames(), nil
}

// filtered gives what read returns for each of the hosts, without what the filter leaves out, in the order of the names.
func filtered[Record, Element any](d *dataSource, filter filterModel, noun string, diags *diag.Diagnostics,
	read func(eng *engine.Engine, host string) ([]Record, error), of func(Record) (model.Header, string), element func(Record) Element,
) []Element {
	elements := []Element{}
	names := matcher(filter.NameRegex, diags)
	hosts, err := d.hosts(filter.Host)
	if err != nil {
		addErrorAt(diags, path.Root("host"), "Unable to choose a host", err.Error())
	}
	if diags.HasError() {
		return elements
	}
	for _, host := range hosts {
		eng, host, err := d.backend.on(host)
		var records []Record
		if err == nil {
			records, err = read(eng, host)
		}
		if err != nil {
			diags.AddError(fmt.Sprintf("Unable to list the %s of host %s", noun, host), err.Error())
			continue
		}
		slices.SortFunc(records, func(a, b Record) int {
			first, _ := of(a)
			second, _ := of(b)
			return strings.Compare(first.Name, second.Name)
		})
		for _, record := range records {
			if header, state := of(record); filter.matches(names, header, state) {
				elements = append(elements, element(record))
			}
		}
	}
	return elements
}

// elementsOf makes the attributes of a thing that is read by its id those of an element of a list.
func elementsOf(attributes map[string]schema.Attribute, noun string) schema.NestedAttributeObject {
	attributes["id"] = schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the " + noun + ", `<host>/<number>`."}
	attributes["host"] = schema.StringAttribute{Computed: true, MarkdownDescription: "Name of its host in the provider's `hosts`."}
	attributes["name"] = schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the " + noun + "."}
	return schema.NestedAttributeObject{Attributes: attributes}
}
