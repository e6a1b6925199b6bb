package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// fleet is what the lists are made of.
func fleet(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "root" {
  name   = "debian-12"
  type   = "OS"
  path   = %q
  labels = { stage = "tested", system = "debian" }
}

resource "xen_image" "off" {
  name    = "debian-11"
  type    = "DATABLOCK"
  size    = 1
  enabled = false
}

resource "xen_template" "web" {
  name     = "web"
  labels   = { stage = "live" }
  cpu      = 0.5
  memory   = 64
  os       = { kernel_id = xen_image.kernel.id, cmdline = "quiet" }
  disks    = { xvda = { image_id = xen_image.root.id, size = 2 } }
  nics     = { eth0 = { bridge = "br0", dns = ["192.0.2.1"] } }
  graphics = { keymap = "de" }
  context  = { ROLE = "web" }
}

resource "xen_virtual_machine" "web" {
  count       = 2
  name        = "web-${count.index}"
  template_id = xen_template.web.id
  labels      = { role = "web", number = count.index }
  power_state = count.index == 0 ? "running" : "poweroff"
}
`, file(t, "vmlinuz", "kernel"), disk(t, "root"))
}

func namesOf(t *testing.T, address, list string, names ...string) statecheck.StateCheck {
	t.Helper()
	elements := []knownvalue.Check{}
	for _, name := range names {
		elements = append(elements, knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": knownvalue.StringExact(name), "host": knownvalue.StringExact("xen01")}))
	}
	return has(address, list, knownvalue.ListExact(elements))
}

func TestDataSourceLists(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := on(h, fleet(t)+`
data "xen_images" "all"      { depends_on = [xen_virtual_machine.web] }
data "xen_images" "by_name"  {
  name_regex = "^debian-"
  depends_on = [xen_virtual_machine.web]
}
data "xen_images" "by_type"  {
  type       = "KERNEL"
  depends_on = [xen_virtual_machine.web]
}
data "xen_images" "by_state" {
  state      = "USED"
  name_regex = "debian"
  host       = "xen01"
  depends_on = [xen_virtual_machine.web]
}
data "xen_images" "by_label" {
  labels     = { stage = "tested" }
  depends_on = [xen_virtual_machine.web]
}
data "xen_images" "none" {
  labels     = { stage = "tested", system = "windows" }
  depends_on = [xen_virtual_machine.web]
}
data "xen_virtual_machines" "all" { depends_on = [xen_virtual_machine.web] }
data "xen_virtual_machines" "running" {
  state      = "RUNNING"
  labels     = { role = "web" }
  depends_on = [xen_virtual_machine.web]
}
data "xen_virtual_machines" "second" {
  name_regex = "-1$"
  host       = "xen01"
  depends_on = [xen_virtual_machine.web]
}
data "xen_hosts" "all" {}
data "xen_hosts" "none" { name_regex = "berlin" }
data "xen_template" "web" {
  name       = "web"
  depends_on = [xen_template.web]
}
data "xen_template" "by_id" {
  id = xen_template.web.id
}
`)
	run(t, h, resource.TestStep{Config: config, ConfigStateChecks: []statecheck.StateCheck{
		namesOf(t, "data.xen_images.all", "images", "debian-11", "debian-12", "kernel"),
		namesOf(t, "data.xen_images.by_name", "images", "debian-11", "debian-12"),
		namesOf(t, "data.xen_images.by_type", "images", "kernel"),
		namesOf(t, "data.xen_images.by_state", "images", "debian-12"),
		namesOf(t, "data.xen_images.by_label", "images", "debian-12"),
		namesOf(t, "data.xen_images.none", "images"),
		namesOf(t, "data.xen_virtual_machines.all", "virtual_machines", "web-0", "web-1"),
		namesOf(t, "data.xen_virtual_machines.running", "virtual_machines", "web-0"),
		namesOf(t, "data.xen_virtual_machines.second", "virtual_machines", "web-1"),
		has("data.xen_virtual_machines.second", "virtual_machines", knownvalue.ListPartial(map[int]knownvalue.Check{0: knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"state": knownvalue.StringExact("POWEROFF"), "memory": knownvalue.Int64Exact(64), "domid": knownvalue.Null(),
			"labels": knownvalue.MapExact(map[string]knownvalue.Check{"role": knownvalue.StringExact("web"), "number": knownvalue.StringExact("1")}),
		})})),
		has("data.xen_hosts.all", "hosts", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"name": knownvalue.StringExact("xen01"), "xen_version": knownvalue.StringExact("4.17.7"), "memory_total": knownvalue.Int64Exact(64 << 10),
		})})),
		has("data.xen_hosts.none", "hosts", knownvalue.ListExact(nil)),
		has("data.xen_template.web", "id", knownvalue.StringExact("xen01/1")),
		has("data.xen_template.web", "memory", knownvalue.Int64Exact(64)),
		has("data.xen_template.web", "vcpu", knownvalue.Null()),
		has("data.xen_template.web", "os", knownvalue.ObjectPartial(map[string]knownvalue.Check{"cmdline": knownvalue.StringExact("quiet")})),
		has("data.xen_template.web", "disks", knownvalue.MapPartial(map[string]knownvalue.Check{"xvda": knownvalue.ObjectPartial(map[string]knownvalue.Check{"size": knownvalue.Int64Exact(2)})})),
		has("data.xen_template.by_id", "name", knownvalue.StringExact("web")),
		has("data.xen_template.by_id", "labels", knownvalue.MapExact(map[string]knownvalue.Check{"stage": knownvalue.StringExact("live")})),
		has("data.xen_template.by_id", "context", knownvalue.MapExact(map[string]knownvalue.Check{"ROLE": knownvalue.StringExact("web")})),
	}})
}

func TestDataSourceListRefusals(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	for name, test := range map[string]struct{ config, says string }{
		"no regular expression": {`data "xen_images" "test" { name_regex = "(" }`, "missing closing )"},
		"no such host":          {`data "xen_virtual_machines" "test" { host = "xen99" }`, `the provider has no host "xen99"`},
		"no such template":      {`data "xen_template" "test" { name = "absent" }`, `template "absent" on host xen01`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, h, resource.TestStep{Config: on(h, test.config), ExpectError: words(test.says)})
		})
	}
}
