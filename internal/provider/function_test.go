package provider_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

func TestFunctions(t *testing.T) {
	t.Parallel()
	output := func(name string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownOutputValue(name, check)
	}
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
		Config: `
output "mac" { value = provider::xen::mac_from_ip("192.168.70.150") }
output "ip"  { value = provider::xen::ip_from_mac("02:00:C0:A8:46:96") }
output "link" { value = provider::xen::link_local_from_mac("02:00:c0:a8:46:96") }
output "file" {
  value = provider::xen::deployment_file({
    name     = "web-1"
    memory   = 512
    cpu      = 0.5
    os       = { kernel = "/boot/vmlinuz", cmdline = "console=hvc0" }
    disks    = { xvda = { file = "/srv/web-1.img" }, xvdb = { file = "/srv/cd.iso", read_only = true } }
    nics     = { eth0 = { bridge = "br0", ip = "192.168.70.150" }, eth1 = { bridge = "ovs0", mac = "02:00:00:00:00:01", vlan = 12, rate = "10Mb/s", script = "vif-openvswitch" } }
    graphics = { port = 5907 }
  })
}
`,
		ConfigStateChecks: []statecheck.StateCheck{
			output("mac", knownvalue.StringExact("02:00:c0:a8:46:96")),
			output("link", knownvalue.StringExact("fe80::c0ff:fea8:4696")),
			output("ip", knownvalue.StringExact("192.168.70.150")),
			output("file", knownvalue.StringExact(`name = "web-1"
type = "pv"
memory = 512
maxmem = 512
vcpus = 1
maxvcpus = 1
cpu_weight = 128
kernel = "/boot/vmlinuz"
cmdline = "console=hvc0"
disk = [
  "format=raw,vdev=xvda,access=rw,target=/srv/web-1.img",
  "format=raw,vdev=xvdb,access=ro,target=/srv/cd.iso",
]
vif = [
  "mac=02:00:c0:a8:46:96,bridge=br0",
  "mac=02:00:00:00:00:01,bridge=ovs0.12,script=vif-openvswitch,rate=10Mb/s",
]
vfb = [
  "vnc=1,vnclisten=127.0.0.1,vncdisplay=7,vncunused=0",
]
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
`)),
		},
	}}})
}

func TestFunctionRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ call, says string }{
		"no address":        {`mac_from_ip("192.168.70")`, `"192.168.70" is not an IPv4 address`},
		"IPv6 address":      {`mac_from_ip("2001:db8::1")`, `IPv4`},
		"other MAC":         {`ip_from_mac("00:16:3e:00:00:01")`, `02:00`},
		"no MAC":            {`link_local_from_mac("x")`, `"x" is no MAC address`},
		"misspelt argument": {`deployment_file({ name = "a", memry = 64 })`, `unknown attribute "memry"`},
		"wrong type":        {`deployment_file({ name = "a", memory = "much" })`, `memory cannot be a string`},
		"no memory":         {`deployment_file({ name = "a" })`, `memory: the domain needs a number of MiB`},
		"all-digit name":    {`deployment_file({ name = "42", memory = 64 })`, `name: the name "42" has digits only`},
		"comma in a path":   {`deployment_file({ name = "a", memory = 64, disks = { xvda = { file = "/a,b" } } })`, `comma`},
		"no object":         {`deployment_file("a")`, `cannot be a string`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
				Config: "output \"test\" {\n  value = provider::xen::" + test.call + "\n}\n", ExpectError: words(test.says),
			}}})
		})
	}
}
