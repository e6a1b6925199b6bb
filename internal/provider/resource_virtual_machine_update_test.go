package provider_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// emptyAfter expects the action, and nothing more to do after the apply.
func emptyAfter(action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             append(more, plancheck.ExpectResourceAction(machineAddress, action)),
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

// TestVirtualMachineDriftOfDevices changes a running guest behind Terraform's back: each difference shows, and one apply mends all.
func TestVirtualMachineDriftOfDevices(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)(plainMachine + `
  name       = "web-1"
  memory_max = 256
  context    = { ROLE = "web" }
`)
	seen := map[string]string{
		"memory": "96 MiB, not 128", "disks.xvdb": "detached", "nics.eth1": "detached", "deployment_file": "it is missing",
		"context": "its ISO is missing",
		"files":   "left over by a change that was cut off: " + filepath.Join(h.Datastore(), "vms/1/disk.9"),
	}
	run(t, h,
		resource.TestStep{Config: config, ConfigPlanChecks: emptyAfter(plancheck.ResourceActionCreate)},
		resource.TestStep{
			PreConfig: func() {
				mac := h.Domains()[0].NICs[1].MAC
				for _, command := range [][]string{{"mem-set", "web-1", "96m"}, {"block-detach", "web-1", "xvdb"}, {"network-detach", "web-1", mac}} {
					if _, stderr, status := h.XL(command...); status != 0 {
						t.Fatal(stderr)
					}
				}
				folder := filepath.Join(h.Datastore(), "vms", "1")
				err := errors.Join(os.WriteFile(folder+"/disk.9", nil, 0o600), os.Remove(folder+"/deployment.0"), os.Remove(folder+"/disk.2"))
				if err != nil {
					t.Fatal(err)
				}
			},
			RefreshState: true, ExpectNonEmptyPlan: true,
			RefreshPlanChecks: resource.RefreshPlanChecks{PostRefresh: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(machineAddress, plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue(machineAddress, tfjsonpath.New("memory"), knownvalue.Int64Exact(128)),
			}},
		},
		resource.TestStep{
			RefreshState: true, ExpectNonEmptyPlan: true,
			Check: func(s *terraformState) error {
				values := s.RootModule().Resources[machineAddress].Primary.Attributes
				for attribute, want := range map[string]string{"memory": "96", "disks.%": "1", "nics.%": "1", "drift.%": fmt.Sprint(len(seen))} {
					if values[attribute] != want {
						return fmt.Errorf("%s is %q, not %q", attribute, values[attribute], want)
					}
				}
				for attribute, want := range seen {
					if found := values["drift."+attribute]; found != want {
						return fmt.Errorf("the drift of %s is %q, not %q", attribute, found, want)
					}
				}
				return nil
			},
		},
		resource.TestStep{
			Config:           config,
			ConfigPlanChecks: emptyAfter(plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "memory", knownvalue.Int64Exact(128)),
				has(machineAddress, "drift", knownvalue.MapSizeExact(0)),
				has(machineAddress, "pending_restart", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("context")})),
			},
			Check: func(*terraformState) error {
				if _, err := os.Stat(filepath.Join(h.Datastore(), "vms", "1", "disk.9")); !errors.Is(err, os.ErrNotExist) {
					return fmt.Errorf("the stray disk is still there: %w", err)
				}
				return nil
			},
		},
	)
}

// TestVirtualMachineFollowsTemplate changes a template: only the virtual machine that follows it changes, and the plan shows how.
func TestVirtualMachineFollowsTemplate(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	base, other := machineConfig(t, h), disk(t, "other")
	config := func(memory int, cmdline string, follow bool, root string) string {
		return base(fmt.Sprintf(`
  template_id     = xen_template.web.id
  follow_template = %t
  disks           = { xvdb = { volatile = "swap", size = 1 } }
`, follow)) + fmt.Sprintf(`
resource "xen_template" "web" {
  name       = "web"
  memory     = %d
  memory_max = 256
  os         = { kernel_id = xen_image.kernel.id, cmdline = %q }
  disks      = { xvda = { image_id = xen_image.%s.id } }
}

resource "xen_image" "other" {
  name = "other"
  type = "OS"
  path = %q
}
`, memory, cmdline, root, other)
	}
	value := func(attribute string, want string) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(machineAddress, tfjsonpath.New("template_values").AtMapKey(attribute), knownvalue.StringExact(want))
	}
	run(t, h,
		resource.TestStep{
			Config:            config(128, "quiet", false, "root"),
			ConfigPlanChecks:  emptyAfter(plancheck.ResourceActionCreate),
			ConfigStateChecks: []statecheck.StateCheck{value("memory", "128"), value("os.cmdline", "quiet"), statecheck.CompareValuePairs(machineAddress, tfjsonpath.New("template_values").AtMapKey("disks.xvda.image_id"), "xen_image.root", tfjsonpath.New("id"), compare.ValuesSame())},
		},
		resource.TestStep{
			Config:            config(160, "debug", false, "root"),
			ConfigPlanChecks:  emptyAfter(plancheck.ResourceActionNoop),
			ConfigStateChecks: []statecheck.StateCheck{value("memory", "128")},
		},
		resource.TestStep{
			Config: config(160, "debug", true, "root"),
			ConfigPlanChecks: emptyAfter(plancheck.ResourceActionUpdate,
				plancheck.ExpectKnownValue(machineAddress, tfjsonpath.New("template_values").AtMapKey("memory"), knownvalue.StringExact("160"))),
			ConfigStateChecks: []statecheck.StateCheck{
				value("memory", "160"),
				has(machineAddress, "pending_restart", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("os.cmdline")})),
				has(machineAddress, "deployment_file", knownvalue.StringRegexp(words(`memory = 160`))),
			},
		},
		resource.TestStep{
			Config: config(200, "debug", true, "root"),
			ConfigPlanChecks: emptyAfter(plancheck.ResourceActionUpdate,
				plancheck.ExpectKnownValue(machineAddress, tfjsonpath.New("template_values").AtMapKey("memory"), knownvalue.StringExact("200"))),
			ConfigStateChecks: []statecheck.StateCheck{value("memory", "200")},
			Check: func(*terraformState) error {
				if d := h.Domains()[0]; d.Memory != 200 {
					return fmt.Errorf("the guest has %d MiB", d.Memory)
				}
				return nil
			},
		},
		resource.TestStep{
			// The first disk of the template has the system on it.
			Config:           config(200, "debug", true, "other"),
			ConfigPlanChecks: emptyAfter(plancheck.ResourceActionReplace),
		},
	)
}

// TestVirtualMachineGetsAnotherContext replaces the context of running guests without touching the guests: an hvm guest finds the new ISO in
// its CD-ROM drive at once, the other one at its next boot.
func TestVirtualMachineGetsAnotherContext(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"opennebula", "nocloud"} {
		h := simhost.Start(t)
		base := machineConfig(t, h)
		config := func(role string) string {
			return base(plainMachine+"context_id = xen_context.web.id") + fmt.Sprintf(`
resource "xen_context" "web" {
  format    = %q
  variables = { ROLE = %q }
}

resource "xen_virtual_machine" "hvm" {
  type       = "hvm"
  memory     = 64
  disks      = { xvda = { image_id = xen_image.root.id } }
  context_id = xen_context.web.id
}
`, format, role)
		}
		const hvm = "xen_virtual_machine.hvm"
		other, same := statecheck.CompareValue(compare.ValuesDiffer()), statecheck.CompareValue(compare.ValuesSame())
		follow := func() []statecheck.StateCheck {
			return []statecheck.StateCheck{other.AddStateValue(hvm, tfjsonpath.New("context_sha256")), same.AddStateValue(hvm, tfjsonpath.New("domid"))}
		}
		run(t, h,
			resource.TestStep{Config: config("web"), ConfigStateChecks: follow()},
			resource.TestStep{
				Config: config("db"),
				ConfigPlanChecks: emptyAfter(plancheck.ResourceActionUpdate,
					plancheck.ExpectResourceAction(hvm, plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction("xen_context.web", plancheck.ResourceActionDestroyBeforeCreate)),
				ConfigStateChecks: append(follow(),
					has(hvm, "pending_restart", knownvalue.ListSizeExact(0)),
					has(machineAddress, "pending_restart", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("context")})),
				),
				Check: func(*terraformState) error {
					for _, d := range h.Domains() {
						for _, disk := range d.Disks {
							if iso, err := os.ReadFile(disk.Target); disk.CDROM && (err != nil || !strings.Contains(string(iso), "ROLE='db'")) {
								return fmt.Errorf("in the drive lies %s, %w", disk.Target, err)
							}
						}
					}
					return nil
				},
			},
		)
	}
}
