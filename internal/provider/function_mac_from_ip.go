package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/onexen/terraform-provider-xen/internal/engine"
)

var _ function.Function = (*macFromIPFunction)(nil)

type macFromIPFunction struct{}

func newMACFromIPFunction() function.Function { return &macFromIPFunction{} }

func (f *macFromIPFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "mac_from_ip"
}

func (f *macFromIPFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "MAC address that belongs to an IPv4 address",
		MarkdownDescription: "`02:00` and the four octets of the IPv4 address, in lower case, as OpenNebula gives it and as `xen_virtual_machine` does: `192.168.70.150` gives `02:00:c0:a8:46:96`.",
		Parameters:          []function.Parameter{function.StringParameter{Name: "ip", MarkdownDescription: "IPv4 address."}},
		Return:              function.StringReturn{},
	}
}

func (f *macFromIPFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var ip string
	if resp.Error = req.Arguments.Get(ctx, &ip); resp.Error != nil {
		return
	}
	mac, err := engine.MACFromIP(ip)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, mac)
}
