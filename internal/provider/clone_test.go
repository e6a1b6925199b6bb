package provider_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// qcow2Disk writes a local qcow2 disk of 1 MiB that holds the text.
func qcow2Disk(t *testing.T, text string) string {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed")
	}
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	if output, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk(t, text), path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return path
}

// cloneConfig is a configuration with a kernel, the named images of the kinds that disks are made from, and what else is given.
func cloneConfig(t *testing.T, h *simhost.Host, names ...string) func(more string) string {
	t.Helper()
	kinds := map[string]string{
		"kernel": fmt.Sprintf("type = \"KERNEL\"\npath = %q", file(t, "vmlinuz", "kernel")),
		"raw":    fmt.Sprintf("type = \"OS\"\npath = %q", disk(t, "raw")),
		"qcow2":  fmt.Sprintf("type = \"OS\"\npath = %q", qcow2Disk(t, "qcow2")),
		"cdrom":  fmt.Sprintf("type = \"CDROM\"\npath = %q", disk(t, "cdrom")),
		"data":   "type = \"DATABLOCK\"\nsize = 1\npersistent = true",
	}
	images := ""
	for _, name := range append(names, "kernel") {
		images += fmt.Sprintf("resource \"xen_image\" %q {\nname = %q\n%s\n}\n", name, name, kinds[name])
	}
	return func(more string) string { return on(h, images+more) }
}

// machineWith is a virtual machine with these disks.
func machineWith(name, disks, more string) string {
	return fmt.Sprintf(`
resource "xen_virtual_machine" %q {
  name   = %q
  memory = 64
  os     = { kernel_id = xen_image.kernel.id }
  disks  = {
%s
  }
%s
}
`, name, name, disks, more)
}

const everyDisk = `
xvda = { image_id = xen_image.qcow2.id }
xvdb = { image_id = xen_image.raw.id, clone = "auto" }
xvdc = { image_id = xen_image.raw.id, clone = "overlay", size = 2 }
xvdd = { image_id = xen_image.qcow2.id, clone = "copy" }
xvde = { image_id = xen_image.cdrom.id }
xvdf = { volatile = "swap", size = 1 }
`

var everyMethod = map[string]string{"xvda": "overlay", "xvdb": "copy", "xvdc": "overlay", "xvdd": "copy", "xvde": "in-place", "xvdf": "made"}

func methodOf(slot string) tfjsonpath.Path {
	return tfjsonpath.New("disks").AtMapKey(slot).AtMapKey("clone_method")
}

// madeBy expects the methods in the state.
func madeBy(name string, methods map[string]string) []statecheck.StateCheck {
	var checks []statecheck.StateCheck
	for slot, method := range methods {
		checks = append(checks, statecheck.ExpectKnownValue("xen_virtual_machine."+name, methodOf(slot), knownvalue.StringExact(method)))
	}
	return checks
}

// plannedBy expects the methods in the plan; an empty one is not known before the apply.
func plannedBy(name string, methods map[string]string) resource.ConfigPlanChecks {
	checks := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	for slot, method := range methods {
		check := plancheck.ExpectUnknownValue("xen_virtual_machine."+name, methodOf(slot))
		if method != "" {
			check = plancheck.ExpectKnownValue("xen_virtual_machine."+name, methodOf(slot), knownvalue.StringExact(method))
		}
		checks.PreApply = append(checks.PreApply, check)
	}
	return checks
}

func TestCloneMethodInPlanAndState(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := cloneConfig(t, h, "raw", "qcow2", "cdrom", "data")
	one := machineWith("one", everyDisk+"xvdg = { image_id = xen_image.data.id }", "")
	notYet := map[string]string{"xvda": "", "xvdb": "", "xvdc": "", "xvdd": "", "xvde": "", "xvdf": "made", "xvdg": ""}
	run(t, h,
		resource.TestStep{
			Config:            config(one),
			ConfigPlanChecks:  plannedBy("one", notYet),
			ConfigStateChecks: append(madeBy("one", everyMethod), madeBy("one", map[string]string{"xvdg": "in-place"})...),
		},
		resource.TestStep{
			Config:            config(one + machineWith("two", everyDisk, "")),
			ConfigPlanChecks:  plannedBy("two", everyMethod),
			ConfigStateChecks: madeBy("two", everyMethod),
		},
		resource.TestStep{
			// Asked for in other words, the disks stay as they are.
			Config: config(one + machineWith("two", strings.Replace(everyDisk, `image_id = xen_image.qcow2.id }`, `image_id = xen_image.qcow2.id, clone = "overlay" }`, 1), `labels = { a = "b" }`)),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             append(plannedBy("two", everyMethod).PreApply, plancheck.ExpectResourceAction("xen_virtual_machine.two", plancheck.ResourceActionUpdate)),
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: madeBy("two", everyMethod),
		},
		importStep("xen_virtual_machine.two", "two"),
		resource.TestStep{
			Config: config(one + machineWith("two", strings.Replace(everyDisk, `"auto"`, `"overlay"`, 1), "")), PlanOnly: true,
			ExpectError: words(`disks["xvdb"].clone: The clone_method of the disk is "copy" and clone = "overlay" is wanted. A disk is made once: a new virtual machine in its place would lose the data on it.`),
		},
		resource.TestStep{Config: config("")},
	)
}

// TestCloneMethodWhereBlocksAreShared has a host like one with XFS or Btrfs.
func TestCloneMethodWhereBlocksAreShared(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.Reflink())
	config := cloneConfig(t, h, "raw", "qcow2")
	disks := `
xvda = { image_id = xen_image.qcow2.id }
xvdb = { image_id = xen_image.raw.id, size = 2 }
xvdc = { image_id = xen_image.raw.id, clone = "copy" }
xvdd = { image_id = xen_image.qcow2.id, clone = "overlay" }
`
	methods := map[string]string{"xvda": "reflink", "xvdb": "reflink", "xvdc": "reflink", "xvdd": "overlay"}
	host := "data \"xen_host\" \"test\" {\ndepends_on = [xen_image.raw]\n}\n"
	run(t, h,
		resource.TestStep{Config: config("")},
		resource.TestStep{
			Config:            config(host + machineWith("one", disks, "")),
			ConfigPlanChecks:  plannedBy("one", methods),
			ConfigStateChecks: append(madeBy("one", methods), has("data.xen_host.test", "reflink", knownvalue.Bool(true))),
		},
	)
}

// TestCloneFromTemplate merges the argument, and promises only what the template has no say in.
func TestCloneFromTemplate(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := cloneConfig(t, h, "raw", "qcow2")
	template := func(clone string) string {
		return fmt.Sprintf(`
resource "xen_template" "test" {
  name   = "test"
  disks  = {
    xvda = { image_id = xen_image.raw.id, clone = %q }
    xvdb = { image_id = xen_image.raw.id, clone = %q }
    xvdc = { image_id = xen_image.raw.id, clone = %q }
  }
}
`, clone, clone, clone)
	}
	disks := `
xvda = { size = 2 }
xvdb = { clone = "copy" }
xvdc = { image_id = xen_image.qcow2.id, clone = "auto" }
xvdd = { image_id = xen_image.qcow2.id }
`
	machine := machineWith("test", disks, "template_id = xen_template.test.id")
	run(t, h,
		resource.TestStep{Config: config(template("copy"))},
		resource.TestStep{
			Config:            config(template("overlay") + machine),
			ConfigPlanChecks:  plannedBy("test", map[string]string{"xvda": "", "xvdb": "", "xvdc": "overlay", "xvdd": ""}),
			ConfigStateChecks: madeBy("test", map[string]string{"xvda": "overlay", "xvdb": "copy", "xvdc": "overlay", "xvdd": "overlay"}),
		},
		importStep("xen_virtual_machine.test", "test"),
	)
}

// TestCloneOfAnImageThatChanges plans a virtual machine together with a change of how its image is used.
func TestCloneOfAnImageThatChanges(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := cloneConfig(t, h, "raw")
	persistent := func(text string) string {
		return strings.Replace(text, "name = \"raw\"", "name = \"raw\"\npersistent = true", 1)
	}
	run(t, h,
		resource.TestStep{Config: config("")},
		resource.TestStep{
			Config:            persistent(config(machineWith("one", "xvda = { image_id = xen_image.raw.id }", ""))),
			ConfigPlanChecks:  plannedBy("one", map[string]string{"xvda": ""}),
			ConfigStateChecks: madeBy("one", map[string]string{"xvda": "in-place"}),
		},
	)
}

func TestCloneRefusals(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := cloneConfig(t, h, "raw", "cdrom", "data")
	steps := []resource.TestStep{{
		// The image is not there yet, so the apply refuses.
		Config:      config(machineWith("one", `xvda = { image_id = xen_image.data.id, clone = "overlay" }`, "")),
		ExpectError: words(`image "data" is used in place, because it is persistent, so no disk is made from it`),
	}}
	for _, test := range []struct{ disk, says string }{
		{`{ image_id = xen_image.data.id, clone = "copy" }`, `disks["xvda"].clone: image "data" is used in place, because it is persistent`},
		{`{ image_id = xen_image.cdrom.id, clone = "overlay" }`, `disks["xvda"].clone: image "cdrom" is used in place, because it is a CDROM`},
		{`{ volatile = "swap", size = 1, clone = "copy" }`, `disks["xvda"].clone: a volatile disk is made empty`},
		{`{ image_id = xen_image.raw.id, clone = "link" }`, `disks["xvda"].clone: "link" is not a way to make a disk from its image: use one of [auto copy overlay]`},
	} {
		steps = append(steps, resource.TestStep{
			Config: config(machineWith("one", "xvda = "+test.disk, "")), PlanOnly: true, ExpectError: words(test.says),
		})
	}
	run(t, h, append(steps, resource.TestStep{Config: config("")})...)
}

func TestOverlayWithoutQEMUImg(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.NoTool("qemu-img"))
	config := cloneConfig(t, h, "qcow2")
	run(t, h,
		resource.TestStep{Config: config("")},
		resource.TestStep{
			Config: config(machineWith("one", `xvda = { image_id = xen_image.qcow2.id }`, "")), PlanOnly: true,
			ExpectError: words(`disks["xvda"].clone: host xen01 has no qemu-img, which makes the overlay over image "qcow2": install it (on Debian: qemu-utils), or use "copy"`),
		},
		resource.TestStep{Config: config("")},
	)
}

// TestImageUnderAnOverlayStays names its users when somebody forgets the image before them.
func TestImageUnderAnOverlayStays(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	kernel := fmt.Sprintf("resource \"xen_image\" \"kernel\" {\nname = \"kernel\"\ntype = \"KERNEL\"\npath = %q\n}\n", file(t, "vmlinuz", "kernel"))
	root := fmt.Sprintf("resource \"xen_image\" \"root\" {\nname = \"root\"\ntype = \"OS\"\npath = %q\ndepends_on = [xen_image.kernel]\n}\n", qcow2Disk(t, "root"))
	machine := func(more string) string { return machineWith("web-1", `xvda = { image_id = "xen01/2" }`, more) }
	all := on(h, kernel+root+machine("depends_on = [xen_image.root]"))
	run(t, h,
		resource.TestStep{Config: on(h, kernel+root)},
		resource.TestStep{Config: all, ConfigStateChecks: madeBy("web-1", map[string]string{"xvda": "overlay"})},
		resource.TestStep{
			Config:      on(h, kernel+machine("")),
			ExpectError: words(`it is used by virtual machine "web-1" on host xen01. Destroy them first`),
		},
		resource.TestStep{Config: all, ConfigPlanChecks: planned("xen_virtual_machine.web-1", plancheck.ResourceActionNoop)},
	)
}
