package acceptance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestAccGuestTypes starts a guest of each type with disks and a context, and takes every resource over into an empty state.
func TestAccGuestTypes(t *testing.T) {
	d := connect(t)
	types, addresses := []string{"pv", "pvh", "hvm"}, []string{"192.168.70.161", "192.168.70.162", "192.168.70.163"}
	d.forgetConsoles("acc-pv", "acc-pvh", "acc-hvm")
	config := guest(t) + `
resource "xen_context" "all" {
  name    = "all"
  network = true
  files   = { "init.sh" = { content = "#!/bin/sh\necho INIT of $(hostname) >/dev/console\n", executable = true } }
}

resource "xen_template" "all" {
  name   = "all"
  memory = 160
  vcpu   = 1
  os     = local.boot
  disks  = { xvda = { image_id = xen_image.root.id } }
  nics   = { eth0 = { bridge = local.bridge } }
}
`
	for i, typ := range types {
		config += fmt.Sprintf(`
resource "xen_virtual_machine" %[1]q {
  name        = "acc-%[1]s"
  type        = %[1]q
  template_id = xen_template.all.id
  disks       = { xvdb = { volatile = "swap", size = 16 } }
  nics        = { eth0 = { ip = %[2]q } }
  context_id  = xen_context.all.id
  context     = { SET_HOSTNAME = "acc-%[1]s" }
}
`, typ, addresses[i])
	}
	steps := []resource.TestStep{{
		Config:           config,
		ConfigPlanChecks: emptyPlan,
		PostApplyFunc: func() {
			for i, typ := range types {
				d.console("acc-"+typ, `^CONTEXT hostname=acc-`+typ+`$`, `^CONTEXT eth0=`+regexp.QuoteMeta(addresses[i])+`/`, `^DISK xvdb 16 MiB`, `^VCPUS 1$`, `INIT of acc-`+typ, `^GUEST READY acc-`+typ+`$`)
			}
			if found := d.sh(`xl list -l | grep -o '"type": "\(pv\|pvh\|hvm\)"' | sort -u | wc -l`); found != "3" {
				t.Errorf("xl list -l shows domains of %s types", found)
			}
		},
	}}
	for _, address := range []string{"xen_image.kernel", "xen_image.root", "xen_context.all", "xen_template.all", "xen_virtual_machine.pv", "xen_virtual_machine.hvm"} {
		steps = append(steps, resource.TestStep{
			Config: config, ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithID,
		})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
}

// TestAccPersistentDisk lets one guest write to a persistent image and another, later one read it.
func TestAccPersistentDisk(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("acc-writer", "acc-reader")
	images := guest(t) + `
resource "xen_image" "data" {
  name       = "acc-data"
  type       = "DATABLOCK"
  persistent = true
  size       = 16
  fstype     = "ext4"
}
`
	config := func(name, script string) string {
		return images + `
resource "xen_context" "script" {
  start_script = <<-EOT
    mkdir -p /data && mount /dev/xvdb /data
    ` + script + `
    umount /data
  EOT
}

resource "xen_virtual_machine" "user" {
  name       = "` + name + `"
  type       = "pv"
  memory     = 128
  os         = local.boot
  disks      = { xvda = { image_id = xen_image.root.id }, xvdb = { image_id = xen_image.data.id } }
  context_id = xen_context.script.id
  context    = { SET_HOSTNAME = "` + name + `" }
}
`
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{
			Config:        config("acc-writer", "echo written by acc-writer >/data/note; sync"),
			PostApplyFunc: func() { d.console("acc-writer", `^GUEST READY acc-writer$`) },
		},
		{Config: images},
		{
			Config:           config("acc-reader", `echo "NOTE $(cat /data/note)" >/dev/console`),
			ConfigPlanChecks: emptyPlan,
			PostApplyFunc:    func() { d.console("acc-reader", `^NOTE written by acc-writer$`, `^GUEST READY acc-reader$`) },
		},
	}})
}

// TestAccQcow2 boots a grown copy of a qcow2 image.
func TestAccQcow2(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("acc-qcow2")
	disk := filepath.Join(t.TempDir(), "root.qcow2")
	if output, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", os.Getenv("XEN_LAB_DISK"), disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
		Config: guest(t) + `
resource "xen_image" "qcow2" {
  name = "acc-qcow2"
  type = "OS"
  path = "` + disk + `"
}

resource "xen_virtual_machine" "qcow2" {
  name    = "acc-qcow2"
  memory  = 128
  os      = local.boot
  disks   = { xvda = { image_id = xen_image.qcow2.id, size = 128 } }
  context = { SET_HOSTNAME = "acc-qcow2" }
}
`,
		ConfigPlanChecks: emptyPlan,
		PostApplyFunc:    func() { d.console("acc-qcow2", `^DISK xvda 128 MiB`, `^GUEST READY acc-qcow2$`) },
	}}})
}
