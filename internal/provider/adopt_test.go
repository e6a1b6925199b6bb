package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// foreign makes a domain as an administrator does, with plain xl, and returns the paths of its disks.
func foreign(t *testing.T, h *simhost.Host, name, config string, disks ...string) {
	t.Helper()
	for _, disk := range disks {
		if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(h.Dir(), name+".cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := h.XL("create", file); status != 0 {
		t.Fatalf("xl create: %s", stderr)
	}
}

// old is a folder of an administrator's own files on the host.
func old(t *testing.T, h *simhost.Host) string {
	t.Helper()
	dir := filepath.Join(h.Dir(), "old disks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAdoptForeignDomains(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.Bridges("br0", "xenbr0"))
	dir := old(t, h)
	kernel := filepath.Join(dir, "vmlinuz")
	disks := []string{filepath.Join(dir, "a.img"), filepath.Join(dir, "b.img"), filepath.Join(dir, "cd.iso"), filepath.Join(dir, "c.img")}
	foreign(t, h, "win", fmt.Sprintf(`name = "win"
type = "hvm"
memory = 256
maxmem = 512
vcpus = 2
cpu_weight = 128
cap = 150
maxvcpus = 4
on_reboot = "destroy"
on_crash = "preserve"
boot = "dc"
bios = "ovmf"
disk = [ "format=raw,vdev=hda,access=rw,target=%s", "format=raw,vdev=xvdf,access=ro,target=%s", "format=raw,vdev=hdc,access=ro,devtype=cdrom,target=%s", "vdev=hdd,devtype=cdrom,target=" ]
vif = [ "mac=02:00:c0:a8:46:96,bridge=br0,model=e1000,ip=192.168.70.150", "bridge=xenbr0,script=vif-route" ]
vnc = 1
vnclisten = "0.0.0.0"
vncdisplay = 7
vncunused = 0
keymap = "de"
`, disks[0], disks[1], disks[2]), disks[0], disks[1], disks[2])
	foreign(t, h, "old-pv", fmt.Sprintf(`name = "old-pv"
type = "pv"
memory = 64
vcpus = 1
kernel = "%s"
ramdisk = "%[1]s"
cmdline = "root=/dev/xvda ro it's"
disk = [ "format=raw,vdev=xvda,access=rw,target=%s" ]
`, kernel, disks[3]), disks[3], kernel)
	before := h.Domains()

	w := newWorkspace(t, on(h, imports(map[string]string{"xen_virtual_machine.win": "xen01/win", "xen_virtual_machine.pv": "old-pv"})))
	output, _ := w.terraform(t, "plan", "-generate-config-out=generated.tf")
	if !strings.Contains(output, "Plan: 2 to import, 0 to add, 0 to change, 0 to destroy.") {
		t.Fatal(output)
	}
	w.must(t, "apply", "-auto-approve")
	if output, status := w.terraform(t, "plan", "-detailed-exitcode"); status != 0 {
		t.Fatalf("the plan after the import is not empty\n%s", output)
	}
	state := w.must(t, "show", "-json")
	for _, says := range []string{
		`"path":"` + disks[0] + `"`, `"kernel_path":"` + kernel + `"`, `"mac":"02:00:c0:a8:46:96"`, `"vnc_port":5907`, `"cpu":0.5`, `"memory_max":512`,
		`"vcpu_max":4`, `"cpu_cap":150`, `"on_reboot":"destroy"`, `"on_crash":"preserve"`, `"script":"vif-route"`, `"boot":["cdrom","disk"]`, `"firmware":"uefi"`, `"state":"RUNNING"`, `"cmdline":"root=/dev/xvda ro it's"`, `"clone_method":"in-place"`,
	} {
		if !strings.Contains(state, says) {
			t.Errorf("the state does not say %s\n%s", says, state)
		}
	}
	for i, domain := range h.Domains() {
		if domain.ID != before[i].ID || domain.UUID != before[i].UUID || domain.File != before[i].File {
			t.Errorf("domain %s has the number %d and the file %s now, not %d and %s", domain.Name, domain.ID, domain.File, before[i].ID, before[i].File)
		}
	}
	h.PowerOff("win")
	w.must(t, "apply", "-auto-approve")
	var again simhost.Domain
	for _, domain := range h.Domains() {
		if domain.UUID == before[0].UUID {
			again = domain
		}
	}
	again.Serial, before[0].NICs[0].IP = "", ""
	for _, disks := range [][]xl.Disk{again.Disks, before[0].Disks} { // the slot says which disk is which, not the order
		slices.SortFunc(disks, func(a, b xl.Disk) int { return strings.Compare(a.VDev, b.VDev) })
	}
	if got, want := fmt.Sprintf("%+v %+v", again.Config, *again.VNC), fmt.Sprintf("%+v %+v", before[0].Config, *before[0].VNC); stripPointer(got) != stripPointer(want) {
		t.Errorf("started by the provider the domain is\n%s\nnot\n%s", got, want)
	}
	w.must(t, "destroy", "-auto-approve")
	if err := clean(h); err != nil {
		t.Error(err)
	}
	for _, disk := range append(disks, kernel) {
		if _, err := os.Stat(disk); err != nil {
			t.Errorf("a disk of somebody else is gone: %v", err)
		}
	}
}

// stripPointer takes the address of the VNC settings out of a printed configuration.
func stripPointer(text string) string {
	before, rest, found := strings.Cut(text, "VNC:0x")
	if !found {
		return text
	}
	_, after, _ := strings.Cut(rest, " ")
	return before + after
}

// TestAdoptedGuestThatReboots has no name for a while, and must not be started a second time.
func TestAdoptedGuestThatReboots(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	disk := filepath.Join(old(t, h), "a.img")
	foreign(t, h, "web", fmt.Sprintf("name = \"web\"\ntype = \"hvm\"\nmemory = 64\nvnc = 0\ndisk = [ \"vdev=xvda,target=%s\" ]\n", disk), disk)
	w := newWorkspace(t, on(h, imports(map[string]string{"xen_virtual_machine.web": "web"})+fmt.Sprintf(`
resource "xen_virtual_machine" "web" {
  name   = "web"
  type   = "hvm"
  memory = 64
  disks  = { xvda = { path = %q } }
}
`, disk)))
	w.must(t, "apply", "-auto-approve")
	h.Reboot("web")
	if output, status := w.terraform(t, "plan", "-detailed-exitcode"); status != 0 {
		t.Errorf("the plan while the guest reboots is not empty\n%s", output)
	}
	h.Reboot("web")
	w.must(t, "destroy", "-auto-approve")
	if err := clean(h); err != nil {
		t.Error(err)
	}
}

func TestAdoptRefusals(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	for name, test := range map[string]struct{ config, says string }{
		"named card": {"vif = ['bridge=br0,vifname=web0']", "nics = "},
	} {
		name = strings.ReplaceAll(name, " ", "-")
		foreign(t, h, name, fmt.Sprintf("name = '%s'\ntype = 'hvm'\nmemory = 64\nvnc = 0\n%s\n", name, test.config))
		output, status := newWorkspace(t, on(h, imports(map[string]string{"xen_virtual_machine.test": name}))).terraform(t, "plan", "-generate-config-out=generated.tf")
		if status == 0 || !words(test.says).MatchString(output) || !words("cannot be adopted").MatchString(output) {
			t.Errorf("%s: %s", name, output)
		}
	}
	output, status := newWorkspace(t, on(h, imports(map[string]string{"xen_virtual_machine.test": "Domain-0"}))).terraform(t, "plan", "-generate-config-out=generated.tf")
	if status == 0 || !words("it is dom0").MatchString(output) {
		t.Error(output)
	}
	run(t, simhost.Start(t), resource.TestStep{
		Config:       on(h, "resource \"xen_virtual_machine\" \"test\" { memory = 64 }"),
		ResourceName: "xen_virtual_machine.test", ImportState: true, ImportStateId: "absent",
		ExpectError: words(`virtual machine "absent" on host xen01: does not exist, and xl knows no running domain of that name`),
	})
}

// TestDisksOfTheHost gives a virtual machine of ours a disk that is not, and takes nothing of it away.
func TestDisksOfTheHost(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	p := startPlugin(t, h)
	disk, iso := filepath.Join(old(t, h), "a.img"), filepath.Join(old(t, h), "cd.iso")
	for _, file := range []string{disk, iso} {
		if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := map[string]any{"name": "web", "type": "hvm", "memory": 64, "disks": map[string]any{
		"xvda": map[string]any{"path": disk}, "hdc": map[string]any{"path": iso, "cdrom": true}, "hdd": map[string]any{"cdrom": true},
	}}
	for slot, test := range map[string]struct {
		disk map[string]any
		says string
	}{
		"absent":       {map[string]any{"path": "/nowhere/disk"}, "/nowhere/disk does not exist"},
		"in the store": {map[string]any{"path": filepath.Join(h.Datastore(), "images", "1")}, "does not exist"},
		"relative":     {map[string]any{"path": "disk"}, "is not a path on the host"},
		"a comma":      {map[string]any{"path": "/a,b"}, "is not a path on the host"},
		"two sources":  {map[string]any{"path": disk, "volatile": "swap", "size": 1}, "one of image_id, volatile and path"},
		"two formats":  {map[string]any{"format": "qcow2"}, "format is that of path"},
		"vhd":          {map[string]any{"path": disk, "format": "vhd"}, "not the format of a disk"},
		"a size":       {map[string]any{"path": disk, "size": 2}, "has the size that it has"},
		"a clone":      {map[string]any{"path": disk, "clone": "copy"}, "nothing to clone"},
	} {
		resp := p.plan(t, "xen_virtual_machine", p.nothing(t, "xen_virtual_machine"), dynamic(t, p.schemas["xen_virtual_machine"], with(t, config, "disks.xvda", test.disk)))
		if text := diagnosed(resp.Diagnostics); !strings.Contains(text, test.says) {
			t.Errorf("%s: %q", slot, text)
		}
	}
	machine := p.create(t, "xen_virtual_machine", config)
	if effect, text := p.effect(t, "xen_virtual_machine", machine, config); effect != "none" {
		t.Errorf("the same configuration again: %s\n%s", effect, text)
	}
	second := p.plan(t, "xen_virtual_machine", p.nothing(t, "xen_virtual_machine"), dynamic(t, p.schemas["xen_virtual_machine"], with(t, config, "name", "other")))
	schema := p.schemas["xen_virtual_machine"]
	resp, err := p.ApplyResourceChange(t.Context(), applyOf("xen_virtual_machine", p.nothing(t, "xen_virtual_machine"), second, dynamic(t, schema, with(t, config, "name", "other"))))
	if err != nil || !strings.Contains(diagnosed(resp.Diagnostics), "only one virtual machine may write to it") {
		t.Errorf("a second virtual machine with the disk: %v %s", err, diagnosed(resp.Diagnostics))
	}
	p.apply(t, "xen_virtual_machine", machine, p.nothing(t, "xen_virtual_machine").state)
	for _, file := range []string{disk, iso} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}
