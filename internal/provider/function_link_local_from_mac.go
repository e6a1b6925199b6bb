package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/onexen/terraform-provider-xen/internal/engine"
)

var _ function.Function = (*linkLocalFromMACFunction)(nil)

type linkLocalFromMACFunction struct{}

func newLinkLocalFromMACFunction() function.Function { return &linkLocalFromMACFunction{} }

func (f *linkLocalFromMACFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "link_local_from_mac"
}

func (f *linkLocalFromMACFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "IPv6 address of the link that belongs to a MAC address",
		MarkdownDescription: "The IPv6 address that a guest's kernel gives a network card of itself: `fe80::/64` and the modified EUI-64 of the MAC address (RFC 4291). `02:00:c0:a8:46:96` gives `fe80::c0ff:fea8:4696`.",
		Parameters:          []function.Parameter{function.StringParameter{Name: "mac", MarkdownDescription: "MAC address."}},
		Return:              function.StringReturn{},
	}
}

func (f *linkLocalFromMACFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var mac string
	if resp.Error = req.Arguments.Get(ctx, &mac); resp.Error != nil {
		return
	}
	ip, err := engine.LinkLocalFromMAC(mac)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, ip)
}
