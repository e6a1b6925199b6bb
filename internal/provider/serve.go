package provider

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

// Address is how configurations name the provider.
const Address = "registry.terraform.io/onexen/xen"

// Serve is the plugin until Terraform ends it; with debug it waits for a debugger such as delve.
func Serve(ctx context.Context, version string, debug bool) error {
	silenceSDK()
	return providerserver.Serve(ctx, New(version), providerserver.ServeOpts{Address: Address, Debug: debug})
}

// silenceSDK keeps the plugin SDK from telling some dozens of steps of each request when nobody has asked for a log. Terraform would
// take every line apart to throw it away, and a plan over a thousand resources would last longer by a third.
func silenceSDK() {
	for _, variable := range []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_SDK"} {
		if os.Getenv(variable) != "" {
			return
		}
	}
	_ = os.Setenv("TF_LOG_SDK", "OFF") // fails for names with = or NUL only
}
