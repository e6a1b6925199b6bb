package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestQuickstart applies the stack of the quick start as it stands, with all that the provider needs in the environment.
func TestQuickstart(t *testing.T) {
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	h := simhost.Start(t)
	for _, variable := range h.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	variables := config.Variables{
		"kernel":  config.StringVariable(file(t, "vmlinuz", "kernel")),
		"ramdisk": config.StringVariable(file(t, "initrd", "ramdisk")),
		"disk":    config.StringVariable(disk(t, "root")),
	}
	machine := func(name, attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownOutputValueAtPath("machines", tfjsonpath.New(name).AtMapKey(attribute), value)
	}
	steps := []resource.TestStep{
		{
			ProtoV6ProviderFactories: factories, // beside the configuration's own required_providers
			ConfigDirectory:          config.StaticDirectory("../../examples/quickstart"), ConfigVariables: variables,
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			ConfigStateChecks: []statecheck.StateCheck{
				machine("web-1", "mac", knownvalue.StringExact("02:00:c0:a8:46:97")),
				machine("web-2", "mac", knownvalue.StringExact("02:00:c0:a8:46:98")),
				machine("web-1", "state", knownvalue.StringExact("RUNNING")),
				machine("web-1", "vnc", knownvalue.StringRegexp(words("on default"))),
				machine("web-2", "vnc", knownvalue.Null()),
				machine("web-2", "addresses", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("192.168.70.152")})),
				has(`xen_image.data`, "id", knownvalue.StringRegexp(words("default/"))),
			},
			PostApplyFunc: func() {
				if running := len(h.Domains()); running != 2 {
					t.Errorf("%d domains run, not 2", running)
				}
			},
		},
		{
			// Emptied here, because the harness cannot read a state with for_each when it cleans up.
			ProtoV6ProviderFactories: factories,
			Config:                   "terraform {\n  required_providers {\n    xen = { source = \"onexen/xen\" }\n  }\n}\n",
		},
	}
	resource.UnitTest(t, resource.TestCase{Steps: steps})
	if err := clean(h); err != nil {
		t.Error(err)
	}
}
