package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/onexen/terraform-provider-xen/internal/engine"
)

var _ function.Function = (*ipFromMACFunction)(nil)

type ipFromMACFunction struct{}

func newIPFromMACFunction() function.Function { return &ipFromMACFunction{} }

func (f *ipFromMACFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "ip_from_mac"
}

func (f *ipFromMACFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "IPv4 address that a MAC address was made from",
		MarkdownDescription: "The IPv4 address in the last four octets of a MAC address that begins with `02:00`, as `mac_from_ip` makes it.",
		Parameters:          []function.Parameter{function.StringParameter{Name: "mac", MarkdownDescription: "MAC address that begins with `02:00`."}},
		Return:              function.StringReturn{},
	}
}

func (f *ipFromMACFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var mac string
	if resp.Error = req.Arguments.Get(ctx, &mac); resp.Error != nil {
		return
	}
	ip, err := engine.IPFromMAC(mac)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, ip)
}
