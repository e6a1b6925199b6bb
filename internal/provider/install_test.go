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

// TestInstall applies the example that installs a system from a CD-ROM on a disk and starts copies of it. The installer is the test itself.
func TestInstall(t *testing.T) {
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	h := simhost.Start(t)
	for _, variable := range h.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	const system = "an installed system"
	iso := file(t, "installer.iso", "system area"+strings.Repeat("\x00", 32769-len("system area"))+"CD001"+strings.Repeat("\x00", 1<<15))
	step := func(installed bool) resource.TestStep {
		return resource.TestStep{
			ProtoV6ProviderFactories: factories,
			ConfigDirectory:          config.StaticDirectory("../../examples/install"),
			ConfigVariables: config.Variables{
				"iso": config.StringVariable(iso), "installed": config.BoolVariable(installed),
				"size": config.IntegerVariable(1), "memory": config.IntegerVariable(128),
			},
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		}
	}
	install, use := step(false), step(true)
	install.PostApplyFunc = func() {
		empty := begun(t, h, "images", "\x00")
		if len(empty) != 1 {
			t.Fatalf("empty disks: %v", empty)
		}
		overwrite(t, empty[0], system)
		h.PowerOff("installer")
	}
	use.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
		plancheck.ExpectResourceAction("xen_virtual_machine.installer[0]", plancheck.ResourceActionDestroy),
		plancheck.ExpectResourceAction("xen_image.system", plancheck.ResourceActionUpdate),
		plancheck.ExpectResourceAction("xen_virtual_machine.installed[0]", plancheck.ResourceActionCreate),
		plancheck.ExpectResourceAction("xen_virtual_machine.installed[1]", plancheck.ResourceActionCreate),
	}
	use.PostApplyFunc = func() {
		if kept, copies := begun(t, h, "images", system), begun(t, h, "vms", system); len(kept) != 1 || len(copies) != 2 {
			t.Errorf("the system is on the images %v and on the disks %v of virtual machines", kept, copies)
		}
	}
	resource.UnitTest(t, resource.TestCase{Steps: []resource.TestStep{install, use}})
	if err := clean(h); err != nil {
		t.Error(err)
	}
}

// begun are the disks of a kind of thing on the host that begin with the text.
func begun(t *testing.T, h *simhost.Host, kind, head string) []string {
	t.Helper()
	disks, err := filepath.Glob(filepath.Join(h.Datastore(), kind, "*", "disk.*"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, disk := range disks {
		content, err := os.ReadFile(disk)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(content), head) {
			found = append(found, disk)
		}
	}
	return found
}
