package acceptance_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// TestAccFailedCreate proves that a virtual machine that cannot start leaves neither domain, nor loop device, nor file.
func TestAccFailedCreate(t *testing.T) {
	d := connect(t)
	listener, err := d.host.Hold(t.Context(), host.Script{
		Step: "listen on a VNC port",
		Text: `exec perl -MIO::Socket::INET -e '
			$socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1:5999", Listen => 1) or die $!;
			$| = 1; print "listening\n"; 1 while <STDIN>;'`,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Release() }()

	machine := func(memory, more string) string {
		return guest(t) + `
resource "xen_image" "text" {
  name = "acc-no-kernel"
  type = "KERNEL"
  path = "` + file(t, "kernel", strings.Repeat("not a kernel ", 1000)) + `"
}

resource "xen_virtual_machine" "broken" {
  name   = "acc-broken"
  type   = "pv"
  memory = ` + memory + `
  disks  = { xvda = { image_id = xen_image.root.id } }
` + more + `
}
`
	}
	boot := "  os = local.boot\n"
	before := d.things()
	steps := []resource.TestStep{}
	for _, test := range []struct{ memory, more, want string }{
		{"128", boot + `  nics = { eth0 = { bridge = "nobridge" } }`, `has no bridge "nobridge"`},
		{"1048576", boot, `MiB of memory free, but this virtual machine takes`},
		{"128", boot + `  graphics = { port = 5999 }`, `Something on the host listens on the VNC port 5999 already.`},
		{"128", `  os = { kernel_id = xen_image.text.id }`, `Log of virtual machine "acc-broken"`},
	} {
		steps = append(steps,
			resource.TestStep{Config: machine(test.memory, test.more), ExpectError: words(test.want)},
			resource.TestStep{
				Config: "# nothing\n",
				PostApplyFunc: func() {
					if after := d.things(); after != before {
						t.Errorf("after %q there is on the host:\n%s", test.want, after)
					}
				},
			})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
}
