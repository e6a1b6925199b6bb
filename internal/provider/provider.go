// Package provider is Terraform's face of the engine: schemas, plan rules, diagnostics, and the conversions between
// Terraform's values and the records of the engine. It knows nothing of SSH, shells and xl.
package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

var (
	_ provider.Provider                   = (*xenProvider)(nil)
	_ provider.ProviderWithFunctions      = (*xenProvider)(nil)
	_ provider.ProviderWithValidateConfig = (*xenProvider)(nil)
)

type xenProvider struct {
	version string
}

// New makes the function that makes the provider, as the plugin server and the test harness want it.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &xenProvider{version: version} }
}

func (p *xenProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "xen"
	resp.Version = p.version
}

func (p *xenProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerSchema()
}

// Configure connects to nothing: an address may still be unknown, and a host that no resource asks for may be down.
func (p *xenProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	backend := newBackend(ctx, config, &resp.Diagnostics)
	resp.ResourceData = backend
	resp.DataSourceData = backend
}

func (p *xenProvider) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !resp.Diagnostics.HasError() {
		config.validate(&resp.Diagnostics)
	}
}

func (p *xenProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newImageResource, newContextResource, newTemplateResource, newVirtualMachineResource}
}

func (p *xenProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newHostDataSource, newHostsDataSource, newImageDataSource, newImagesDataSource, newTemplateDataSource,
		newVirtualMachineDataSource, newVirtualMachinesDataSource, newVirtualMachineLogDataSource, newConsoleLogDataSource,
	}
}

func (p *xenProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{newMACFromIPFunction, newIPFromMACFunction, newLinkLocalFromMACFunction, newDeploymentFileFunction}
}
