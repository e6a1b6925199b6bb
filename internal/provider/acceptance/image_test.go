package acceptance_test

import (
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// TestAccImageLife lets the disk of a virtual machine that is off grow, saves another one as an image, and takes a packed file of the host;
// the guest says how large its disk is, and the host whether the contents are the same.
func TestAccImageLife(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("acc-life")
	const packed = "/root/acc-life.img.gz"
	d.sh(`head -c 3000000 /dev/urandom | gzip -1 >"$1"`, packed)
	t.Cleanup(func() { d.sh(`rm -f -- "$1"`, packed) })

	config := func(size, power, more string) string {
		return guest(t) + `
resource "xen_image" "data" {
  name       = "acc-life-data"
  type       = "DATABLOCK"
  persistent = true
  fstype     = "ext4"
  size       = ` + size + `
}

resource "xen_virtual_machine" "user" {
  name        = "acc-life"
  type        = "pv"
  memory      = 128
  os          = local.boot
  disks       = { xvda = { image_id = xen_image.root.id }, xvdb = { image_id = xen_image.data.id } }
  context     = { SET_HOSTNAME = "acc-life" }
  power_state = "` + power + `"
}
` + more
	}
	saved := `
resource "xen_image" "saved" {
  name        = "acc-life-saved"
  type        = "OS"
  source_disk = { virtual_machine_id = xen_virtual_machine.user.id, slot = "xvda" }
}

resource "xen_image" "clone" {
  name            = "acc-life-clone"
  type            = "OS"
  source_image_id = xen_image.saved.id
}

resource "xen_image" "packed" {
  name      = "acc-life-packed"
  type      = "DATABLOCK"
  host_path = "` + packed + `"
}
`
	updated := func(address string) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{
			PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		}
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{
			Config:           config("16", "running", ""),
			ConfigPlanChecks: emptyPlan,
			PostApplyFunc:    func() { d.console("acc-life", `^DISK xvdb 16 MiB`, `^GUEST READY acc-life$`) },
		},
		{Config: config("24", "running", ""), ExpectError: words(`virtual machine "acc-life" has it as its disk and is in the state RUNNING`)},
		{Config: config("16", "poweroff", ""), ConfigPlanChecks: updated("xen_virtual_machine.user")},
		{
			PreConfig:        func() { d.forgetConsoles("acc-life") },
			Config:           config("24", "running", ""),
			ConfigPlanChecks: updated("xen_image.data"),
			PostApplyFunc:    func() { d.console("acc-life", `^DISK xvdb 24 MiB`, `^GUEST READY acc-life$`) },
		},
		{Config: config("24", "poweroff", ""), ConfigPlanChecks: updated("xen_virtual_machine.user")},
		{
			Config:           config("24", "poweroff", saved),
			ConfigPlanChecks: emptyPlan,
			PostApplyFunc: func() {
				said := d.sh(`cd -- "$1" || exit 1
file() { grep -l "\"name\": \"$1\"" images/*/image.json | sed 's,image.json$,disk.raw,'; }
cmp "$(file acc-life-saved)" vms/*/disk.0 && cmp "$(file acc-life-clone)" "$(file acc-life-saved)" && echo saved
gzip -dc "$2" | cmp -n 3000000 - "$(file acc-life-packed)" && echo unpacked`, os.Getenv("XEN_DATASTORE"), packed)
				if said != "saved\nunpacked" {
					t.Errorf("the host says: %s", said)
				}
			},
		},
	}})
}
