package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestInstall applies the example that installs a system from a CD-ROM and then starts copies of it. The test is the installer.
func TestInstall(t *testing.T) {
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	h := simhost.Start(t)
	for _, variable := range h.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	iso := file(t, "installer.iso", strings.Repeat("\x00", 32769)+"CD001"+strings.Repeat("\x00", 1<<15))
	step := func(installed bool, checks ...plancheck.PlanCheck) resource.TestStep {
		return resource.TestStep{
			ProtoV6ProviderFactories: factories,
			ConfigDirectory:          config.StaticDirectory("../../examples/install"),
			ConfigVariables: config.Variables{
				"iso": config.StringVariable(iso), "installed": config.BoolVariable(installed), "size": config.IntegerVariable(16), "memory": config.IntegerVariable(128),
			},
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             checks,
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}
	}
	disk := filepath.Join(h.Datastore(), "images", "*", "disk.raw")

	install := step(false)
	install.PostApplyFunc = func() {
		for _, path := range glob(t, disk) {
			if info, err := os.Stat(path); err == nil && info.Size() == 16<<20 {
				overwriteStart(t, path, "the system")
			}
		}
		h.PowerOff("installer")
	}
	use := step(true,
		plancheck.ExpectResourceAction("xen_virtual_machine.installer[0]", plancheck.ResourceActionDestroy),
		plancheck.ExpectResourceAction("xen_image.system", plancheck.ResourceActionUpdate),
		plancheck.ExpectResourceAction(`xen_virtual_machine.installed["web-1"]`, plancheck.ResourceActionCreate),
	)
	resource.UnitTest(t, resource.TestCase{Steps: []resource.TestStep{install, use, {
		// Emptied here, because the harness cannot read a state with for_each when it cleans up.
		ProtoV6ProviderFactories: factories,
		Config:                   "terraform {\n  required_providers {\n    xen = { source = \"onexen/xen\" }\n  }\n}\n",
	}}})
	if err := clean(h); err != nil {
		t.Error(err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func overwriteStart(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
