package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

const machineAddress = "xen_virtual_machine.test"

// machineConfig has a kernel and an OS image beside the virtual machine.
func machineConfig(t *testing.T, h *simhost.Host) func(arguments string) string {
	t.Helper()
	images := fmt.Sprintf(`
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "root" {
  name = "root"
  type = "OS"
  path = %q
}
`, file(t, "vmlinuz", "kernel"), disk(t, "root"))
	return func(arguments string) string {
		return on(h, images+fmt.Sprintf("resource \"xen_virtual_machine\" \"test\" {\n%s\n}\n", arguments))
	}
}

const plainMachine = `
  memory = 128
  cpu    = 0.1
  os     = { kernel_id = xen_image.kernel.id, cmdline = "console=hvc0" }
  disks  = {
    xvda = { image_id = xen_image.root.id }
    xvdb = { volatile = "swap", size = 16 }
  }
  nics = { eth0 = { bridge = "br0", ip = "192.168.70.150" }, eth1 = { bridge = "br0" } }
`

func TestVirtualMachineLifeCycle(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	macs := statecheck.CompareValue(compare.ValuesSame())
	mac := func() statecheck.StateCheck {
		return macs.AddStateValue(machineAddress, tfjsonpath.New("nics").AtMapKey("eth1").AtMapKey("mac"))
	}
	run(t, h,
		resource.TestStep{
			Config: config(plainMachine),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectKnownValue(machineAddress, tfjsonpath.New("nics").AtMapKey("eth0").AtMapKey("mac"), knownvalue.StringExact("02:00:c0:a8:46:96")),
				plancheck.ExpectKnownValue(machineAddress, tfjsonpath.New("host"), knownvalue.StringExact("xen01")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "id", knownvalue.StringExact("xen01/1")),
				has(machineAddress, "vid", knownvalue.Int64Exact(1)),
				has(machineAddress, "name", knownvalue.StringExact("one-1")),
				has(machineAddress, "state", knownvalue.StringExact("RUNNING")),
				has(machineAddress, "power_state", knownvalue.StringExact("running")),
				has(machineAddress, "domid", knownvalue.NotNull()),
				has(machineAddress, "uuid", knownvalue.NotNull()),
				has(machineAddress, "type", knownvalue.Null()),
				has(machineAddress, "vnc_port", knownvalue.Null()),
				has(machineAddress, "addresses", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("192.168.70.150")})),
				has(machineAddress, "pending_restart", knownvalue.ListExact(nil)),
				has(machineAddress, "deployment_file", knownvalue.StringRegexp(words(`name = "one-1"`))),
				mac(),
			},
		},
		importStep(machineAddress, "one-1"),
		importStep(machineAddress, "xen01/1"),
		resource.TestStep{
			Config:           config(plainMachine + "name = \"web-1\"\nlabels = { team = \"web\" }\nshutdown_timeout = \"5s\""),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "name", knownvalue.StringExact("web-1")),
				has(machineAddress, "shutdown_timeout", knownvalue.StringExact("5s")),
				has(machineAddress, "state", knownvalue.StringExact("RUNNING")),
				mac(),
			},
		},
		resource.TestStep{
			Config:           config(plainMachine + "name = \"web-1\"\npower_state = \"poweroff\""),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "state", knownvalue.StringExact("POWEROFF")),
				has(machineAddress, "domid", knownvalue.Null()),
				mac(),
			},
		},
		importStep(machineAddress, "web-1"),
		resource.TestStep{
			Config:           config(plainMachine + "name = \"web-1\""),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "state", knownvalue.StringExact("RUNNING")),
				has(machineAddress, "domid", knownvalue.NotNull()),
				mac(),
			},
		},
	)
}

func TestVirtualMachineDrift(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)(plainMachine + `name = "web-1"`)
	run(t, h,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:        func() { h.PowerOff("web-1") },
			Config:           config,
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "state", knownvalue.StringExact("RUNNING")),
			},
		},
		resource.TestStep{
			PreConfig:        func() { h.Destroy("web-1"); forget(t, h, "vms") },
			Config:           config,
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionCreate),
		},
	)
}

func TestVirtualMachineGraphicsPassword(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	base := machineConfig(t, h)
	config := func(password string) string {
		return base(plainMachine + fmt.Sprintf("graphics = { password_wo = %q }", password))
	}
	run(t, h,
		resource.TestStep{
			Config: config("Planted1"),
			Check:  hides("Planted1"),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "vnc_port", knownvalue.Int64Exact(5901)),
			},
		},
		importStep(machineAddress, "one-1"),
		resource.TestStep{
			Config: config("Planted2"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(machineAddress, plancheck.ResourceActionUpdate), planHides("Planted2"),
			}},
			Check: hides("Planted2"),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "pending_restart", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("graphics.password_wo")})),
			},
		},
	)
}

func TestVirtualMachineFromTemplate(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	base := machineConfig(t, h)
	config := func(templateMemory int) string {
		return base(`
  template_id = xen_template.web.id
  nics        = { eth0 = { ip = "192.168.70.151" } }
  context     = { SET_HOSTNAME = "web-1" }
`) + fmt.Sprintf(`
resource "xen_template" "web" {
  name   = "web"
  memory = %d
  os     = { kernel_id = xen_image.kernel.id }
  disks  = { xvda = { image_id = xen_image.root.id } }
  nics   = { eth0 = { bridge = "br0", netmask = "255.255.255.0", dns = ["192.168.70.1"] } }
}
`, templateMemory)
	}
	run(t, h,
		resource.TestStep{
			Config: config(128),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "memory", knownvalue.Null()),
				has(machineAddress, "disks", knownvalue.Null()),
				statecheck.ExpectKnownValue(machineAddress, tfjsonpath.New("nics").AtMapKey("eth0").AtMapKey("mac"), knownvalue.StringExact("02:00:c0:a8:46:97")),
				statecheck.ExpectKnownValue(machineAddress, tfjsonpath.New("nics").AtMapKey("eth0").AtMapKey("bridge"), knownvalue.Null()),
				has(machineAddress, "deployment_file", knownvalue.StringRegexp(words(`memory = 128`))),
			},
		},
		importStep(machineAddress, "one-1"),
		importStep("xen_template.web", "xen01/web"),
		resource.TestStep{
			Config: config(256),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("xen_template.web", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction(machineAddress, plancheck.ResourceActionNoop),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "deployment_file", knownvalue.StringRegexp(words(`memory = 128`))),
			},
		},
	)
}
