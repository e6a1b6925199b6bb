package provider_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestPowerStates leads a virtual machine through its power states and destroys it while it is suspended.
func TestPowerStates(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	steps := []resource.TestStep{{Config: config(plainMachine)}}
	for _, s := range []struct{ power, state string }{
		{"suspended", "SUSPENDED"}, {"running", "RUNNING"}, {"paused", "PAUSED"}, {"poweroff", "POWEROFF"}, {"suspended", "SUSPENDED"},
	} {
		steps = append(steps, resource.TestStep{
			Config:           config(plainMachine + `power_state = "` + s.power + `"`),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(machineAddress, "state", knownvalue.StringExact(s.state)),
				has(machineAddress, "power_state", knownvalue.StringExact(s.power)),
			},
		}, importStep(machineAddress, "one-1"))
	}
	run(t, h, steps...)
}

// TestUnknownPowerState is refused with the words that are known.
func TestUnknownPowerState(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	run(t, h,
		resource.TestStep{
			Config:      machineConfig(t, h)(plainMachine + `power_state = "failed"`),
			ExpectError: words(`"failed" is not a power state: use one of running, poweroff, suspended, paused`),
		},
		resource.TestStep{
			Config:      machineConfig(t, h)(plainMachine + "force_stop = false\nshutdown_timeout = \"0s\""),
			ExpectError: words(`force_stop = false needs a shutdown_timeout`),
		},
	)
}

// TestCrashIsSeen shows a crashed guest whose domain was kept, and mends it.
func TestCrashIsSeen(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)(plainMachine + `on_crash = "preserve"`)
	run(t, h,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:          func() { h.Crash("one-1") },
			RefreshState:       true,
			ExpectNonEmptyPlan: true,
			RefreshPlanChecks: resource.RefreshPlanChecks{PostRefresh: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(machineAddress, plancheck.ResourceActionUpdate),
			}},
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(machineAddress, "state", "FAILED"),
				resource.TestCheckResourceAttr(machineAddress, "power_state", "failed"),
			),
		},
		resource.TestStep{
			Config:            config,
			ConfigPlanChecks:  planned(machineAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{has(machineAddress, "state", knownvalue.StringExact("RUNNING"))},
		},
	)
}

// TestRebootsAndEvents reboots a guest by its trigger only; what follows its end is changed in place.
func TestRebootsAndEvents(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	same, other := statecheck.CompareValue(compare.ValuesSame()), statecheck.CompareValue(compare.ValuesDiffer())
	domid := func(c interface {
		AddStateValue(string, tfjsonpath.Path) statecheck.StateCheck
	}) statecheck.StateCheck {
		return c.AddStateValue(machineAddress, tfjsonpath.New("domid"))
	}
	update := planned(machineAddress, plancheck.ResourceActionUpdate)
	run(t, h,
		resource.TestStep{Config: config(plainMachine + `restart_trigger = "1"`), ConfigStateChecks: []statecheck.StateCheck{domid(same), domid(other)}},
		importStep(machineAddress, "one-1"),
		resource.TestStep{
			Config:           config(plainMachine + "restart_trigger = \"1\"\non_poweroff = \"preserve\"\nforce_stop = false"),
			ConfigPlanChecks: update,
			ConfigStateChecks: []statecheck.StateCheck{
				domid(same), has(machineAddress, "deployment_file", knownvalue.StringRegexp(words(`on_poweroff = "preserve"`))),
			},
		},
		importStep(machineAddress, "one-1"),
		resource.TestStep{
			Config:            config(plainMachine + "restart_trigger = \"2\"\non_poweroff = \"preserve\"\nforce_stop = false"),
			ConfigPlanChecks:  update,
			ConfigStateChecks: []statecheck.StateCheck{domid(other), has(machineAddress, "state", knownvalue.StringExact("RUNNING"))},
		},
	)
}

// TestForceStopFalse fails an apply and a destroy instead of pulling the plug.
func TestForceStopFalse(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.GuestIgnoresShutdown())
	config := machineConfig(t, h)
	const patient = plainMachine + "force_stop = false\nshutdown_timeout = \"2s\"\n"
	run(t, h,
		resource.TestStep{Config: config(patient)},
		resource.TestStep{Config: config(patient + `power_state = "poweroff"`), ExpectError: words("did not shut down within 2s, and force_stop is false, so it stays as it is")},
		resource.TestStep{Config: config(patient), ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{Config: config(patient), Destroy: true, ExpectError: words("did not shut down within 2s")},
		resource.TestStep{Config: config(plainMachine + "shutdown_timeout = \"2s\"\n"), ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate)},
	)
}

// TestAutostartOverHostBoot boots the host and finds the plan empty.
func TestAutostartOverHostBoot(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)(plainMachine + "autostart = true\non_reboot = \"restart\"")
	run(t, h,
		resource.TestStep{Config: config, ConfigStateChecks: []statecheck.StateCheck{has(machineAddress, "autostart", knownvalue.Bool(true))}},
		importStep(machineAddress, "one-1"),
		resource.TestStep{PreConfig: h.RebootHost, Config: config, ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{
			PreConfig: func() {
				if err := os.RemoveAll(filepath.Join(h.Root(), "etc/xen/auto")); err != nil {
					t.Error(err)
				}
			},
			Config: config, ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
		},
	)
	if left, _ := filepath.Glob(filepath.Join(h.Root(), "etc/xen/auto/*")); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

const learnedMachine = `
  memory = 128
  os     = { kernel_id = xen_image.kernel.id }
  nics   = { eth0 = { bridge = "br0", mac = "02:00:00:00:00:77" } }
`

// TestWaitFor learns an address, keeps it when the host forgets it, and warns or fails when a guest is not seen.
func TestWaitFor(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	const seen = learnedMachine + "wait_for = { address = true, timeout = \"1m\" }\n"
	addresses := has(machineAddress, "addresses", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("192.168.70.7")}))
	h.Neighbour("192.168.70.7 dev br0 lladdr 02:00:00:00:00:77 REACHABLE")
	run(t, h,
		resource.TestStep{Config: config(seen), ConfigStateChecks: []statecheck.StateCheck{addresses}},
		importStep(machineAddress, "one-1"),
		resource.TestStep{
			PreConfig: func() {
				if err := os.Remove(filepath.Join(h.Dir(), "sim/neighbours")); err != nil {
					t.Error(err)
				}
			},
			Config: config(seen), ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionNoop), ConfigStateChecks: []statecheck.StateCheck{addresses},
		},
		resource.TestStep{ // nothing is started, so nothing is waited for
			Config:           config(learnedMachine + "wait_for = { console_regex = \"login:\", timeout = \"1s\", on_timeout = \"error\" }\n"),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate), ConfigStateChecks: []statecheck.StateCheck{addresses},
		},
		resource.TestStep{ // only a warning
			Config: config(learnedMachine + "restart_trigger = \"1\"\nwait_for = { console_regex = \"login:\", timeout = \"1s\" }\n"),
		},
		resource.TestStep{
			Config:      config(learnedMachine + "restart_trigger = \"2\"\nwait_for = { console_regex = \"login:\", timeout = \"1s\", on_timeout = \"error\" }\n"),
			ExpectError: words(`Unable to see virtual machine "one-1" on xen01 at work`),
		},
		resource.TestStep{ // it is running, and an update taints nothing
			Config:           config(learnedMachine + "restart_trigger = \"2\"\nwait_for = { console_regex = \"login:\", timeout = \"1s\", on_timeout = \"error\" }\n"),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionNoop),
		},
	)
}

// TestWaitForFailsTheCreation leaves a virtual machine that runs and is tainted.
func TestWaitForFailsTheCreation(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	run(t, h,
		resource.TestStep{
			Config:      config(learnedMachine + "wait_for = { tcp_port = 22, ping = true, timeout = \"1s\", on_timeout = \"error\" }\n"),
			ExpectError: words(`The virtual machine "one-1" was waited for`),
		},
		resource.TestStep{
			PreConfig: func() {
				if domains := h.Domains(); len(domains) != 1 {
					t.Errorf("the domains are %+v", domains)
				}
			},
			Config:           config(learnedMachine),
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionReplace),
		},
	)
}

func TestLogDataSources(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)(plainMachine) + `
data "xen_virtual_machine_log" "test" {
  id    = xen_virtual_machine.test.id
  lines = 3
}

data "xen_console_log" "test" {
  name = xen_virtual_machine.test.name
}
`
	run(t, h,
		resource.TestStep{
			Config: config,
			ConfigStateChecks: []statecheck.StateCheck{
				has("data.xen_virtual_machine_log.test", "name", knownvalue.StringExact("one-1")),
				has("data.xen_virtual_machine_log.test", "text", knownvalue.StringRegexp(words(`[LCM][I]: New VM state is RUNNING`))),
				has("data.xen_console_log.test", "id", knownvalue.StringExact("xen01/1")),
				has("data.xen_console_log.test", "text", knownvalue.StringExact("")),
			},
		},
		resource.TestStep{
			PreConfig:         func() { h.Say("one-1", "\x1b[1mlogin:\x1b[0m \x07\r\n") },
			Config:            config,
			ConfigStateChecks: []statecheck.StateCheck{has("data.xen_console_log.test", "text", knownvalue.StringExact("login: \ufffd\n"))},
		},
		resource.TestStep{
			Config:      config + "data \"xen_console_log\" \"bad\" {\n  name = \"one-1\"\n  lines = 0\n}\n",
			ExpectError: words("lines is a number from 1 to 10000, not 0"),
		},
	)
}
