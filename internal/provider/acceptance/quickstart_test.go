package acceptance_test

import (
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestAccQuickstart applies the stack of the quick start, and believes only what the guests themselves say of their contexts.
func TestAccQuickstart(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("web-1", "web-2")
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	machine := func(name, attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownOutputValueAtPath("machines", tfjsonpath.New(name).AtMapKey(attribute), value)
	}
	resource.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			ProtoV6ProviderFactories: factories,
			ConfigDirectory:          config.StaticDirectory("../../../examples/quickstart"),
			ConfigVariables: config.Variables{
				"kernel":  config.StringVariable(os.Getenv("XEN_LAB_KERNEL")),
				"ramdisk": config.StringVariable(os.Getenv("XEN_LAB_RAMDISK")),
				"disk":    config.StringVariable(os.Getenv("XEN_LAB_DISK")),
				"bridge":  config.StringVariable(bridge()),
			},
			ConfigPlanChecks: emptyPlan,
			ConfigStateChecks: []statecheck.StateCheck{
				machine("web-1", "mac", knownvalue.StringExact("02:00:c0:a8:46:97")),
				machine("web-2", "mac", knownvalue.StringExact("02:00:c0:a8:46:98")),
				machine("web-1", "state", knownvalue.StringExact("RUNNING")),
				machine("web-2", "state", knownvalue.StringExact("RUNNING")),
			},
			PostApplyFunc: func() {
				d.console("web-1", `^CONTEXT hostname=web-1$`, `^CONTEXT eth0=192\.168\.70\.151/255\.255\.255\.0 mac=02:00:c0:a8:46:97$`, `^DISK xvdb 64 MiB`, `^The context of web-1 has been read\.$`, `^GUEST READY web-1$`)
				d.console("web-2", `^CONTEXT hostname=web-2$`, `^CONTEXT eth0=192\.168\.70\.152/`, `^GUEST READY web-2$`)
				if listening := d.sh(`ss -ltn 2>/dev/null | grep -c 127.0.0.1:59 || true`); listening == "0" {
					t.Error("nothing listens on the VNC port of web-1")
				}
			},
		},
		{
			ProtoV6ProviderFactories: factories,
			Config:                   "terraform {\n  required_providers {\n    xen = { source = \"onexen/xen\" }\n  }\n}\n",
		},
	}})
}
