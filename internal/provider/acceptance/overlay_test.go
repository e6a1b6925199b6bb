package acceptance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestAccOverlay runs two guests at the same time on overlays over one image. Each keeps what it writes over a power cycle, and neither
// sees what the other one wrote; the image does not change.
func TestAccOverlay(t *testing.T) {
	d := connect(t)
	names := []string{"acc-overlay-1", "acc-overlay-2"}
	d.forgetConsoles(names...)
	disk := filepath.Join(t.TempDir(), "root.qcow2")
	if output, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", os.Getenv("XEN_LAB_DISK"), disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	config := func(power string) string {
		text := guest(t) + `
resource "xen_image" "base" {
  name = "acc-overlay"
  type = "OS"
  path = "` + disk + `"
}

resource "xen_context" "note" {
  start_script = <<-EOT
    if [ -e /note ]; then
      echo "NOTE $(cat /note)" >/dev/console
    else
      echo "written by $(hostname)" >/note
      sync
      echo "WROTE $(cat /note)" >/dev/console
    fi
  EOT
}
`
		for _, name := range names {
			text += fmt.Sprintf(`
resource "xen_virtual_machine" %[1]q {
  name        = %[1]q
  type        = "pv"
  memory      = 128
  os          = local.boot
  disks       = { xvda = { image_id = xen_image.base.id, clone = "overlay" } }
  context_id  = xen_context.note.id
  context     = { SET_HOSTNAME = %[1]q }
  power_state = %[2]q
}
`, name, power)
		}
		return text
	}
	// base is the checksum of the image's file as it is on the host now.
	base := func() string {
		return d.sh(`cd -- "$1"
record=$(grep -lxF '  "name": "acc-overlay",' images/*/image.json)
sha256sum <"${record%/*}/disk.qcow2"`, os.Getenv("XEN_DATASTORE"))
	}
	before := ""
	unchanged := func() {
		if now := base(); now == "" || now != before {
			t.Errorf("the image's file had the checksum %q and has %q", before, now)
		}
	}
	state := func(power string) []statecheck.StateCheck {
		var checks []statecheck.StateCheck
		for _, name := range names {
			checks = append(checks,
				statecheck.ExpectKnownValue("xen_virtual_machine."+name, tfjsonpath.New("state"), knownvalue.StringExact(power)),
				statecheck.ExpectKnownValue("xen_virtual_machine."+name, tfjsonpath.New("disks").AtMapKey("xvda").AtMapKey("clone_method"), knownvalue.StringExact("overlay")))
		}
		return checks
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{
			Config:            config("poweroff"),
			ConfigStateChecks: state("POWEROFF"),
			PostApplyFunc:     func() { before = base() },
		},
		{
			Config:            config("running"),
			ConfigPlanChecks:  emptyPlan,
			ConfigStateChecks: state("RUNNING"),
			PostApplyFunc: func() {
				for _, name := range names {
					d.console(name, `^WROTE written by `+name+`$`, `^GUEST READY `+name+`$`)
				}
				if running := d.sh(`xl list | grep -c '^acc-overlay-[12] ' || true`); running != "2" {
					t.Errorf("%s guests run at the same time, not 2", running)
				}
				unchanged()
			},
		},
		{
			Config:            config("poweroff"),
			ConfigStateChecks: state("POWEROFF"),
			PostApplyFunc:     unchanged,
		},
		{
			Config:            config("running"),
			ConfigPlanChecks:  emptyPlan,
			ConfigStateChecks: state("RUNNING"),
			PostApplyFunc: func() {
				for _, name := range names {
					d.console(name, `^NOTE written by `+name+`$`)
				}
				unchanged()
			},
		},
	}})
}
