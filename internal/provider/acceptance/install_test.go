package acceptance_test

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestAccInstallFlow goes the way of the guide: a virtual machine installs a system from a CD-ROM on a persistent disk, and two others
// start from copies of that disk.
func TestAccInstallFlow(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("installer", "web-1", "web-2")
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	begin := time.Now()
	reached := func(what string) { t.Logf("%4.0f s  %s", time.Since(begin).Seconds(), what) }
	step := func(installed bool, copies int) resource.TestStep {
		return resource.TestStep{
			ProtoV6ProviderFactories: factories,
			ConfigDirectory:          config.StaticDirectory("../../../examples/install"),
			ConfigVariables: config.Variables{
				"iso":       config.StringVariable(guestFile(t, "XEN_LAB_INSTALL_ISO")),
				"installed": config.BoolVariable(installed),
				"copies":    config.IntegerVariable(copies),
				"size":      config.IntegerVariable(64),
				"memory":    config.IntegerVariable(160),
				"bridge":    config.StringVariable(""), // a network card is much work for an emulated BIOS, and is tried elsewhere
			},
			ConfigPlanChecks: emptyPlan,
		}
	}
	does := func(address string, action plancheck.ResourceActionType) plancheck.PlanCheck {
		return plancheck.ExpectResourceAction(address, action)
	}
	var system, disk string // the id that the installer gave to what it installed, and its disk

	install := step(false, 0)
	install.PostApplyFunc = func() {
		reached("the installer is started")
		said := d.console("installer", `^INSTALL disk /dev/xvda$`, `^INSTALL id `, `^INSTALL done$`)
		system = regexp.MustCompile(`(?m)^INSTALL id (\S+)$`).FindStringSubmatch(said)[1]
		d.awaitEnd("installer")
		disk = d.disk("system")
		reached("the system is installed, the guest has powered itself off")
	}

	// Terraform sees that the guest is off and would start it again; nobody lets it.
	off := step(false, 0)
	off.PlanOnly, off.ExpectNonEmptyPlan = true, true
	off.ConfigPlanChecks = resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{
		does("xen_virtual_machine.installer[0]", plancheck.ResourceActionUpdate),
		does("xen_image.system", plancheck.ResourceActionNoop),
	}}

	first := step(true, 1)
	first.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
		does("xen_virtual_machine.installer[0]", plancheck.ResourceActionDestroy),
		does("xen_image.system", plancheck.ResourceActionUpdate),
		does("xen_image.installer", plancheck.ResourceActionNoop),
		does("xen_virtual_machine.installed[0]", plancheck.ResourceActionCreate),
	}
	first.PostApplyFunc = func() {
		reached("the disk is an OS, a virtual machine is started from a copy")
		d.runsInstalled("web-1", system)
		reached("it says that it runs what was installed")
	}

	// The second one while the first one runs: both have copies of an image that is in use.
	second := step(true, 2)
	second.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
		does("xen_image.system", plancheck.ResourceActionNoop),
		does("xen_virtual_machine.installed[0]", plancheck.ResourceActionNoop),
		does("xen_virtual_machine.installed[1]", plancheck.ResourceActionCreate),
	}
	second.ConfigStateChecks = []statecheck.StateCheck{
		statecheck.ExpectKnownOutputValueAtPath("machines", tfjsonpath.New("web-1").AtMapKey("state"), knownvalue.StringExact("RUNNING")),
		statecheck.ExpectKnownOutputValueAtPath("machines", tfjsonpath.New("web-2").AtMapKey("state"), knownvalue.StringExact("RUNNING")),
	}
	second.PostApplyFunc = func() {
		reached("a second virtual machine is started")
		d.runsInstalled("web-2", system)
		reached("it says so, too")
		if running := d.sh(`xl list | grep -c '^web-[12] '`); running != "2" {
			t.Errorf("%s of the two virtual machines run at the same time", running)
		}
		if after := d.disk("system"); after != disk {
			t.Errorf("the image was\n%s\nwhen the guest powered itself off, and is now\n%s", disk, after)
		}
	}
	resource.Test(t, resource.TestCase{Steps: []resource.TestStep{install, off, first, second}})
	reached("all is destroyed")
}

// runsInstalled waits until a guest says that it has booted for the first time, by its own name, from a disk with the system of that id.
func (d dom0) runsInstalled(name, system string) {
	d.Helper()
	d.console(name, `^ROOT /dev/xvda$`, `^BOOT 1$`, `^INSTALLED `+system+`$`, `^CONTEXT hostname=`+name+`$`, `^GUEST READY `+name+`$`)
}

// awaitEnd waits until there is no domain of the name.
func (d dom0) awaitEnd(name string) {
	d.Helper()
	if there := d.sh(`for second in $(seq 120); do xl list "$1" >/dev/null 2>&1 || exit 0; sleep 1; done; xl list "$1"`, name); there != "" {
		d.Fatalf("the domain does not end:\n%s", there)
	}
}

// disk tells inode, owner, size and content of an image's file.
func (d dom0) disk(image string) string {
	d.Helper()
	return d.sh(`cd -- "$1/images" && record=$(grep -l "^  \"name\": \"$2\",$" */image.json) && cd "${record%/*}" &&
stat -c '%n %i %u %s' disk.raw && sha256sum disk.raw`, os.Getenv("XEN_DATASTORE"), image)
}
