package acceptance_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// TestAccLiveUpdates changes a running guest, which tells on its console what it sees: memory, processors, disks and network cards. What
// was changed is still so after the guest's own reboot, and after what somebody changed past Terraform was mended.
func TestAccLiveUpdates(t *testing.T) {
	d := connect(t)
	const name = "acc-live"
	d.forgetConsoles(name)
	address := "xen_virtual_machine.live"
	config := func(arguments string) string {
		return guest(t) + `
resource "xen_context" "watch" {
  network      = true
  start_script = <<-EOT
    #!/bin/sh
    while sleep 2; do
      now=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
      [ "$now" = "$before" ] || printf '\nMEM %s MiB\n' "$now" # the console waits at a prompt
      before=$now
    done </dev/null >/dev/console 2>&1 &
  EOT
}

resource "xen_virtual_machine" "live" {
  name       = "` + name + `"
  type       = "pv"
  os         = local.boot
  memory_max = 256
  vcpu_max   = 2
  context_id = xen_context.watch.id
` + arguments + `
}
`
	}
	small := config(`
  memory  = 160
  vcpu    = 1
  disks   = { xvda = { image_id = xen_image.root.id }, xvdb = { volatile = "fs", size = 16 } }
  nics    = { eth0 = { bridge = local.bridge, ip = "192.168.70.171" } }
  context = { SET_HOSTNAME = "acc-live" }
`)
	large := config(`
  memory  = 224
  vcpu    = 2
  cpu     = 0.5
  cpu_cap = 80
  disks   = { xvda = { image_id = xen_image.root.id, size = 96 }, xvdc = { volatile = "fs", size = 24 } }
  nics    = { eth0 = { bridge = local.bridge, ip = "192.168.70.171" }, eth1 = { bridge = local.bridge, ip = "192.168.70.172" } }
  context = { SET_HOSTNAME = "acc-live-2" }
`)
	begin := time.Now()
	reached := func(what string) { t.Logf("%4.0f s  %s", time.Since(begin).Seconds(), what) }
	// memory is the most that the guest said it had, MiB.
	memory := func(log string) (most int) {
		for _, found := range regexp.MustCompile(`(?m)^MEM (\d+) MiB$`).FindAllStringSubmatch(log, -1) {
			n, _ := strconv.Atoi(found[1])
			most = max(most, n)
		}
		return most
	}
	domid := func() string { return d.sh(`xl domid "$1" 2>/dev/null || true`, name) }
	var before string
	var first int
	update := resource.ConfigPlanChecks{
		PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{
			Config:           small,
			ConfigPlanChecks: emptyPlan,
			PostApplyFunc: func() {
				log := d.console(name, `^DISK xvdb 16 MiB$`, `^VCPUS 1$`, `^GUEST READY acc-live$`, `^MEM \d+ MiB$`)
				before, first = domid(), memory(log)
				reached(fmt.Sprintf("the guest is up with %d MiB", first))
			},
		},
		{
			Config:           large,
			ConfigPlanChecks: update,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("pending_restart"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("context")})),
			},
			PostApplyFunc: func() {
				reached("the change is applied")
				log := d.console(name, `^DISK xvdb gone$`, `^DISK xvdc 24 MiB$`, `^VCPUS 2$`, `^NIC eth1 mac=02:00:c0:a8:46:ac$`)
				for deadline := time.Now().Add(time.Minute); memory(log) < first+50 && time.Now().Before(deadline); time.Sleep(2 * time.Second) {
					log = d.console(name, `^MEM `)
				}
				if now := memory(log); now < first+50 {
					t.Errorf("the guest saw %d MiB and now sees %d MiB", first, now)
				}
				// The guest hears of the grown disk with its next request.
				d.console(name, `^DISK xvda 96 MiB$`)
				if now := domid(); now != before {
					t.Errorf("the domain is %s, not %s", now, before)
				}
				if share := d.sh(`xl sched-credit2 -d "$1" | tail -n 1`, name); !regexp.MustCompile(` 128 +80$`).MatchString(share) {
					t.Errorf("the scheduler says %q", share)
				}
				reached("the guest sees it")
				d.sh(`xl reboot "$1"`, name)
				d.console(name, `^BOOT 2$`, `^GUEST READY acc-live-2$`)
				if now := domid(); now == before || now == "" {
					t.Errorf("after the reboot the domain is %q, as before", now)
				}
				reached("the guest has rebooted itself")
			},
		},
		{
			Config:           large,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop)}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("pending_restart"), knownvalue.ListExact([]knownvalue.Check{})),
			},
		},
		{
			PreConfig: func() {
				d.sh(`xl mem-set "$1" 180m; xl block-detach "$1" xvdc; xl network-detach "$1" 02:00:c0:a8:46:ac`, name)
			},
			Config:           large,
			ConfigPlanChecks: update,
			PostApplyFunc: func() {
				if found := d.sh(`xl list -l "$1" | grep -c -e '"vdev": "xvdc"' -e '"mac": "02:00:c0:a8:46:ac"' -e '"target_memkb": 229376'`, name); found != "3" {
					t.Errorf("of memory, disk and card %s are mended", found)
				}
				reached("what somebody changed is mended")
			},
		},
	}})
}
