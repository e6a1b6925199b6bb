package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// everything is one of each kind of image, disk and device.
func everything(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "ramdisk" {
  name = "ramdisk"
  type = "RAMDISK"
  path = %q
}

resource "xen_image" "root" {
  name       = "root"
  type       = "OS"
  path       = %q
  size       = 2
  labels     = { system = "debian" }
  fetch_from = "client"
}

resource "xen_image" "cdrom" {
  name      = "cdrom"
  type      = "CDROM"
  host_path = %q
}

resource "xen_image" "data" {
  name       = "data"
  type       = "DATABLOCK"
  size       = 1
  persistent = true
}

resource "xen_image" "copy" {
  name            = "copy"
  type            = "DATABLOCK"
  source_image_id = xen_image.root.id
  enabled         = false
}

resource "xen_context" "web" {
  variables       = { GREETING = "it's $HOME\nand \"more\"" }
  ssh_public_keys = ["ssh-ed25519 AAAA me"]
  start_script    = "#!/bin/sh\necho $${HOME}\n"
  network         = true
  labels          = { stage = "live" }
}

resource "xen_template" "web" {
  name       = "web"
  cpu        = 0.1
  memory     = 64
  os         = { kernel_id = xen_image.kernel.id, ramdisk_id = xen_image.ramdisk.id, cmdline = "console=hvc0" }
  disks      = { xvda = { image_id = xen_image.root.id } }
  nics       = { eth0 = { bridge = "br0" } }
  graphics   = { keymap = "de" }
  context_id = xen_context.web.id
  context    = { ROLE = "web" }
  labels     = { stage = "live" }
}

resource "xen_virtual_machine" "hvm" {
  name       = "hvm"
  type       = "hvm"
  cpu        = 0.3
  vcpu       = 2
  memory     = 64
  memory_max = 128
  os         = { boot = ["disk", "cdrom"], firmware = "bios" }
  disks = {
    xvda = { image_id = xen_image.root.id, size = 3, clone = "copy" }
    xvdb = { image_id = xen_image.data.id }
    hdd  = { image_id = xen_image.cdrom.id }
    xvde = { volatile = "swap", size = 1 }
    xvdf = { image_id = xen_image.root.id, read_only = true }
  }
  nics = {
    eth0 = {
      bridge        = "br0"
      ip            = "192.168.70.150"
      netmask       = "255.255.255.0"
      gateway       = "192.168.70.1"
      dns           = ["192.168.70.1", "192.168.70.2"]
      search_domain = "example.org example.net"
      mtu           = 1400
      model         = "e1000"
    }
    eth1 = { bridge = "br0", mac = "02:00:C0:A8:46:AA" }
    eth2 = { bridge = "br0" }
  }
  graphics         = { listen = "0.0.0.0", port = 5999, keymap = "en-us" }
  context_id       = xen_context.web.id
  context          = { ROLE = "web" }
  labels           = { stage = "live" }
  shutdown_timeout = "90s"
}

resource "xen_virtual_machine" "pv" {
  name        = "pv"
  template_id = xen_template.web.id
  power_state = "poweroff"
}

resource "xen_virtual_machine" "plain" {
  type   = "pv"
  memory = 64
  os     = { bootloader = "pygrub" }
  disks  = { xvda = { image_id = xen_image.root.id } }
}
`, file(t, "vmlinuz", "kernel"), file(t, "initrd", "ramdisk"), disk(t, "root"), disk(t, "cdrom"))
}

// imports are blocks for things by their import ids.
func imports(ids map[string]string) string {
	var blocks strings.Builder
	for to, id := range ids {
		fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", to, id)
	}
	return blocks.String()
}

// TestGeneratedConfiguration lets Terraform write the configuration of what stands on the host, which must then change nothing.
func TestGeneratedConfiguration(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	newWorkspace(t, on(h, everything(t))).must(t, "apply", "-auto-approve")
	w := newWorkspace(t, on(h, imports(map[string]string{
		"xen_image.kernel": "xen01/kernel", "xen_image.ramdisk": "xen01/ramdisk", "xen_image.root": "xen01/root", "xen_image.cdrom": "xen01/cdrom",
		"xen_image.data": "xen01/data", "xen_image.copy": "xen01/copy", "xen_context.web": "xen01/1", "xen_template.web": "xen01/web",
		"xen_virtual_machine.hvm": "xen01/hvm", "xen_virtual_machine.pv": "xen01/pv", "xen_virtual_machine.plain": nameless(t, h),
	})))
	output, _ := w.terraform(t, "plan", "-generate-config-out=generated.tf")
	if !strings.Contains(output, "Plan: 11 to import, 0 to add, 0 to change, 0 to destroy.") {
		t.Fatal(output)
	}
	w.must(t, "apply", "-auto-approve")
	if output, status := w.terraform(t, "plan", "-detailed-exitcode"); status != 0 {
		t.Fatalf("the plan after the import is not empty\n%s", output)
	}
}

// nameless is the import id of the virtual machine whose name has its number in it.
func nameless(t *testing.T, h *simhost.Host) string {
	t.Helper()
	for _, domain := range h.Domains() {
		if number, found := strings.CutPrefix(domain.Name, "one-"); found {
			return "xen01/" + number
		}
	}
	t.Fatal("there is none")
	return ""
}

// TestSizeOfCDROM lets a CDROM say the size that it has, as generated configurations do.
func TestSizeOfCDROM(t *testing.T) {
	t.Parallel()
	p := startPlugin(t, simhost.Start(t))
	config := map[string]any{"name": "cdrom", "type": "CDROM", "path": disk(t, "cdrom")}
	if text := diagnosed(p.plan(t, "xen_image", p.nothing(t, "xen_image"), dynamic(t, p.schemas["xen_image"], with(t, config, "size", 1))).Diagnostics); !strings.Contains(text, "cannot be given a size") {
		t.Errorf("a new CDROM with a size: %q", text)
	}
	before := p.create(t, "xen_image", config)
	for size, want := range map[int]string{1: "none", 2: "refuse"} {
		if effect, text := p.effect(t, "xen_image", before, with(t, config, "size", size)); effect != want {
			t.Errorf("size = %d: %s, not %s\n%s", size, effect, want, text)
		}
	}
}
