package provider_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func TestDataSources(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.Bridges("br0", "br1"))
	config := machineConfig(t, h)(plainMachine+`name = "web-1"`) + `
data "xen_host" "test" {}

data "xen_image" "by_name" {
  name       = "root"
  depends_on = [xen_virtual_machine.test]
}

data "xen_image" "by_id" {
  id = xen_image.kernel.id
}

data "xen_virtual_machine" "test" {
  host       = "xen01"
  name       = "web-1"
  depends_on = [xen_virtual_machine.test]
}
`
	run(t, h, resource.TestStep{Config: config, ConfigStateChecks: []statecheck.StateCheck{
		has("data.xen_host.test", "name", knownvalue.StringExact("xen01")),
		has("data.xen_host.test", "xen_version", knownvalue.StringExact("4.17.7")),
		has("data.xen_host.test", "bridges", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("br0"), knownvalue.StringExact("br1")})),
		has("data.xen_host.test", "memory_total", knownvalue.Int64Exact(64<<10)),
		has("data.xen_host.test", "datastore", knownvalue.StringExact(h.Datastore())),
		has("data.xen_image.by_name", "type", knownvalue.StringExact("OS")),
		has("data.xen_image.by_name", "size", knownvalue.Int64Exact(1)),
		has("data.xen_image.by_name", "enabled", knownvalue.Bool(true)),
		has("data.xen_image.by_name", "host_path", knownvalue.Null()),
		has("data.xen_image.by_id", "name", knownvalue.StringExact("kernel")),
		has("data.xen_image.by_id", "size", knownvalue.Null()),
		has("data.xen_virtual_machine.test", "vid", knownvalue.Int64Exact(1)),
		has("data.xen_virtual_machine.test", "type", knownvalue.StringExact("pv")),
		has("data.xen_virtual_machine.test", "state", knownvalue.StringExact("RUNNING")),
		has("data.xen_virtual_machine.test", "macs", knownvalue.MapPartial(map[string]knownvalue.Check{"eth0": knownvalue.StringExact("02:00:c0:a8:46:96")})),
	}})
}

func TestDataSourceRefusals(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	for name, test := range map[string]struct{ config, says string }{
		"neither id nor name": {`data "xen_image" "test" {}`, "Either id or name is needed"},
		"both":                {"data \"xen_image\" \"test\" {\nid = \"xen01/1\"\nname = \"a\"\n}", "Either id or name is needed"},
		"no such name":        {`data "xen_image" "test" { name = "absent" }`, `image "absent" on host xen01`},
		"no such machine":     {`data "xen_virtual_machine" "test" { id = "xen01/7" }`, `Unable to read virtual machine "xen01/7"`},
		"no such host":        {`data "xen_host" "test" { name = "xen99" }`, `the provider has no host "xen99"`},
		"id of another host":  {"data \"xen_image\" \"test\" {\nid = \"xen01/1\"\nhost = \"xen02\"\n}", "xen01/1 is not on host xen02"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, h, resource.TestStep{Config: on(h, test.config), ExpectError: words(test.says)})
		})
	}
}
