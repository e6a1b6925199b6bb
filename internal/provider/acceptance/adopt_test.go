package acceptance_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// foreignDomain makes a domain with plain xl, whose disk boots into sti; hlt; jmp: firmware that finds nothing to boot asks the network, where
// dom0's own address may be given to it.
const foreignDomain = `set -e
mkdir -p /var/tmp/acc-adopt
cd /var/tmp/acc-adopt
truncate -s 8M a.img
printf '\373\364\353\375' | dd of=a.img conv=notrunc 2>/dev/null
printf '\125\252' | dd of=a.img bs=1 seek=510 conv=notrunc 2>/dev/null
cat >old.cfg <<'EOT'
name = "acc-old"
type = "hvm"
memory = 64
maxmem = 96
vcpus = 1
maxvcpus = 2
cap = 90
on_crash = "preserve"
boot = "dc"
disk = [ "format=raw,vdev=hda,access=rw,target=/var/tmp/acc-adopt/a.img", "vdev=hdc,devtype=cdrom,target=" ]
vif = [ "mac=02:00:0a:00:02:70,bridge=@BRIDGE@" ]
vnc = 1
vnclisten = "127.0.0.1"
vncdisplay = 2270
vncunused = 0
EOT
sed -i "s/@BRIDGE@/$1/" old.cfg
xl create old.cfg >&2
xl domid acc-old
`

// TestAccAdopt imports a domain that an administrator has made, changes nothing about it, and leaves its disk when it is destroyed.
func TestAccAdopt(t *testing.T) {
	d := connect(t)
	t.Cleanup(func() { d.sh(`xl destroy acc-old 2>/dev/null; rm -rf /var/tmp/acc-adopt`) })
	domid := d.sh(foreignDomain, bridge())
	config := `
resource "xen_virtual_machine" "old" {
  name       = "acc-old"
  type       = "hvm"
  memory     = 64
  memory_max = 96
  vcpu_max   = 2
  cpu_cap    = 90
  on_crash   = "preserve"
  os         = { boot = ["cdrom", "disk"] }
  disks      = { hda = { path = "/var/tmp/acc-adopt/a.img" }, hdc = { cdrom = true } }
  nics       = { eth0 = { bridge = "` + bridge() + `", mac = "02:00:0a:00:02:70" } }
  graphics   = { port = 8170 }
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{Config: config, ResourceName: "xen_virtual_machine.old", ImportState: true, ImportStateId: "acc-old", ImportStatePersist: true},
			{
				Config:           config,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				Check: func(*terraform.State) error {
					if now := d.sh(`xl domid acc-old`); now != domid {
						t.Errorf("the domain had the number %s and has %s now", domid, now)
					}
					return nil
				},
			},
		},
	})
	if left := d.sh(`ls /var/tmp/acc-adopt/a.img; xl list acc-old >/dev/null 2>&1 && echo running || true`); left != "/var/tmp/acc-adopt/a.img" {
		t.Errorf("after the destruction there is %q", left)
	}
}
