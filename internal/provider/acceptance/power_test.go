package acceptance_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestAccPowerStates suspends a guest and wakes it with its memory as it was, pauses it, lets it reboot and power itself off, and sees
// each of that from outside.
func TestAccPowerStates(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("acc-power")
	const address = "xen_virtual_machine.power"
	config := func(arguments string) string {
		return guest(t) + fmt.Sprintf(`
resource "xen_context" "ticks" {
  network      = true
  start_script = "( n=0; while :; do n=$((n + 1)); echo TICK $n >/dev/console; sleep 1; done ) &"
}

resource "xen_virtual_machine" "power" {
  name       = "acc-power"
  type       = "pv"
  memory     = 128
  os         = local.boot
  disks      = { xvda = { image_id = xen_image.root.id } }
  nics       = { eth0 = { bridge = local.bridge, ip = "192.168.70.170" } }
  context_id = xen_context.ticks.id
  context    = { SET_HOSTNAME = "acc-power" }
  wait_for   = { console_regex = "^TICK", timeout = "15m", on_timeout = "error" }
  %s
}
`, arguments)
	}
	state := func(want string) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("state"), knownvalue.StringExact(want))}
	}
	list := func(want string) {
		t.Helper()
		if got := d.sh(`xl list | awk '$1 == "acc-power" { print substr($5, 3, 1) }'`); got != want {
			t.Errorf("xl list shows %q, not %q", got, want)
		}
	}
	checkpoint := func(want string) {
		t.Helper()
		if got := d.sh(`cd -- "$1"/vms && ls */checkpoint 2>/dev/null | wc -l`, os.Getenv("XEN_DATASTORE")); got != want {
			t.Errorf("%s checkpoints, not %s", got, want)
		}
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{Config: config(""), ConfigPlanChecks: emptyPlan, ConfigStateChecks: state("RUNNING")},
		{
			Config: config(`power_state = "suspended"`), ConfigPlanChecks: emptyPlan, ConfigStateChecks: state("SUSPENDED"),
			PostApplyFunc: func() { list(""); checkpoint("1") },
		},
		{
			Config: config(""), ConfigPlanChecks: emptyPlan, ConfigStateChecks: state("RUNNING"),
			// It counts on: a guest that booted anew would begin at 1, and say that it is ready.
			PostApplyFunc: func() {
				checkpoint("0")
				if greetings := d.sh(`grep -c 'GUEST READY' /var/log/xen/console/guest-acc-power.log`); greetings != "1" {
					t.Errorf("the guest has booted %s times", greetings)
				}
			},
		},
		{
			Config: config(`power_state = "paused"`), ConfigPlanChecks: emptyPlan, ConfigStateChecks: state("PAUSED"),
			PostApplyFunc: func() { list("p") },
		},
		{
			Config: config(`power_state = "poweroff"`), ConfigPlanChecks: emptyPlan, ConfigStateChecks: state("POWEROFF"),
			PostApplyFunc: func() { list("") },
		},
	}})
}
