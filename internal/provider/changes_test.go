package provider_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// rowOf is a row of the table in the documentation.
var rowOf = regexp.MustCompile("(?m)^\\| `([a-z0-9_.*]+)` \\| (live|at next boot|disk re-created|replace|refused at plan|in the record) \\|")

// documentedChanges reads what the documentation says of a change of each argument.
func documentedChanges(p plugin) map[string]string {
	rows := map[string]string{}
	for _, row := range rowOf.FindAllStringSubmatch(p.schemas["xen_virtual_machine"].Block.Description, -1) {
		rows[row[1]] = row[2]
	}
	return rows
}

// rowName is the name of the row that an argument belongs to.
func rowName(rows map[string]string, argument string) string {
	words := strings.Split(argument, ".")
	if len(words) == 3 {
		words[1] = "*"
	}
	for _, name := range []string{strings.Join(words, "."), words[0] + ".*"} {
		if _, there := rows[name]; there {
			return name
		}
	}
	return ""
}

// proof is a change of an argument, what the documentation calls it, and what the domain is like after it; names of attributes that wait
// for the next boot are other than the argument's where they say so.
type proof struct {
	argument string
	value    any
	change   string
	domain   string // part of it as Go prints it; a leading ! means that it must not be there
	waits    string
}

// TestChangesAreAsDocumented proves each row of the table in the documentation, one change after the other on one running guest.
func TestChangesAreAsDocumented(t *testing.T) {
	t.Parallel()
	b := startBench(t, simhost.Bridges("br0", "br1"))
	const typ = "xen_virtual_machine"
	config := b.machine()
	config["memory_max"], config["vcpu_max"] = 256, 2
	config["disks"] = map[string]any{
		"xvda": map[string]any{"image_id": b.root}, "xvdb": map[string]any{"volatile": "fs", "size": 2}, "xvde": map[string]any{"image_id": b.root},
	}
	ramdisk, kernel := b.ramdisk(t), b.otherKernel(t)
	volumes := []string{file(t, "lv1", strings.Repeat("a", 1<<20)), file(t, "lv2", strings.Repeat("b", 1<<20))}
	now := b.create(t, typ, config)
	before := b.host.Domains()[0]
	proven := map[string]bool{}
	for _, p := range []proof{
		{argument: "host", value: "xen02", change: "refused at plan"}, // there is no such host here
		{argument: "name", value: "web-9", change: "live", domain: "Name:web-9"},
		{argument: "labels", value: map[string]any{"a": "b"}, change: "in the record"},
		{argument: "template_id", value: b.template, change: "in the record"},
		{argument: "follow_template", value: true, change: "in the record"},
		{argument: "shutdown_timeout", value: "5s", change: "in the record"},
		{argument: "force_stop", value: false, change: "in the record"},
		{argument: "autostart", value: true, change: "in the record"},
		{argument: "wait_for", value: map[string]any{"ping": true}, change: "in the record"},
		{argument: "wait_for", value: missing{}, change: "in the record"},
		{argument: "timeouts.update", value: "30m", change: "in the record"},
		{argument: "cpu", value: 0.5, change: "live", domain: "CPUWeight:128"},
		{argument: "cpu_cap", value: 50, change: "live", domain: "CPUCap:50"},
		{argument: "vcpu", value: 2, change: "live", domain: "VCPUs:2 MaxVCPUs:2"},
		{argument: "memory", value: 128, change: "live", domain: "Memory:128 MaxMemory:256"},
		{argument: "disks.xvdd", value: map[string]any{"volatile": "swap", "size": 1}, change: "live", domain: "VDev:xvdd"},
		{argument: "disks.xvdd", value: missing{}, change: "live", domain: "!VDev:xvdd"},
		{argument: "disks.xvda.image_id", value: b.other, change: "replace"},
		{argument: "disks.xvde.image_id", value: b.other, change: "disk re-created", domain: "VDev:xvde"},
		{argument: "disks.xvda.volatile", value: "fs", change: "refused at plan"}, // beside image_id
		{argument: "disks.xvdb.volatile", value: "swap", change: "disk re-created", domain: "VDev:xvdb"},
		{argument: "disks.xvdb", value: map[string]any{"volatile": "fs", "size": 2, "fstype": "raw"}, change: "disk re-created", domain: "VDev:xvdb"},
		{argument: "disks.xvdb.fstype", value: "ext4", change: "disk re-created", domain: "VDev:xvdb"},
		{argument: "disks.xvdb.size", value: 3, change: "live"},
		{argument: "disks.xvdb.size", value: 2, change: "refused at plan"},
		{argument: "disks.xvde.read_only", value: true, change: "live", domain: "Format:raw ReadOnly:true CDROM:false"},
		{argument: "disks.xvda.clone", value: "overlay", change: "refused at plan"},
		{argument: "disks.xvdf", value: map[string]any{"path": volumes[0]}, change: "live", domain: "VDev:xvdf"},
		{argument: "disks.xvdf.path", value: volumes[1], change: "live", domain: volumes[1]},
		{argument: "disks.xvdf.format", value: "qcow2", change: "live", domain: "Format:qcow2"},
		{argument: "disks.xvdf.cdrom", value: true, change: "refused at plan"}, // of a pv guest
		{argument: "disks.xvdf", value: missing{}, change: "live", domain: "!VDev:xvdf"},
		{argument: "nics.eth1", value: map[string]any{"bridge": "br0", "ip": "192.168.70.200"}, change: "live", domain: "MAC:02:00:c0:a8:46:c8"},
		{argument: "nics.eth0.bridge", value: "br1", change: "live", domain: "Bridge:br1"},
		{argument: "nics.eth0.script", value: "vif-openvswitch", change: "live", domain: "Script:vif-openvswitch"},
		{argument: "nics.eth0.vlan", value: 12, change: "live", domain: "Bridge:br1.12"},
		{argument: "nics.eth0.vlan", value: 5000, change: "refused at plan"},
		{argument: "nics.eth0.vlan", value: missing{}, change: "live", domain: "!Bridge:br1.12"},
		{argument: "nics.eth0.script", value: missing{}, change: "live", domain: "!Script:vif-openvswitch"},
		{argument: "nics.eth0.rate", value: "10Mb/s", change: "live", domain: "Rate:10Mb/s"},
		{argument: "nics.eth0.mtu", value: 1400, change: "live", domain: "MTU:1400"},
		{argument: "nics.eth0.ip", value: "192.168.70.151", change: "live", domain: "MAC:02:00:c0:a8:46:97"},
		{argument: "nics.eth0.mac", value: "02:00:00:00:00:05", change: "live", domain: "MAC:02:00:00:00:00:05"},
		{argument: "context", value: map[string]any{"ROLE": "db"}, change: "live", waits: "context"}, // a pv guest
		{argument: "context_id", value: b.context, change: "live", waits: "context"},
		{argument: "nics.eth0.netmask", value: "255.255.0.0", change: "live", waits: "context"},
		{argument: "nics.eth0.gateway", value: "192.168.70.1", change: "live", waits: "context"},
		{argument: "nics.eth0.dns", value: []string{"192.168.70.1"}, change: "live", waits: "context"},
		{argument: "nics.eth0.search_domain", value: "example.org", change: "live", waits: "context"},
		{argument: "nics.eth0.method", value: "static", change: "live", waits: "context"},
		{argument: "nics.eth0.ip6", value: "2001:db8::2", change: "live", waits: "context"},
		{argument: "nics.eth0.ip6_prefix_length", value: 56, change: "live", waits: "context"},
		{argument: "nics.eth0.ip6_gateway", value: "2001:db8::1", change: "live", waits: "context"},
		{argument: "nics.eth0.ip6_method", value: "static", change: "live", waits: "context"},
		{argument: "nics.eth0.metric", value: 5, change: "live", waits: "context"},
		{argument: "nics.eth0.routes", value: map[string]any{"10.0.0.0/8": "192.168.70.2"}, change: "live", waits: "context"},
		{argument: "vcpu_max", value: 4, change: "at next boot", domain: "MaxVCPUs:2"},
		{argument: "memory_max", value: 512, change: "at next boot", domain: "MaxMemory:256"},
		{argument: "os.ramdisk_id", value: ramdisk, change: "at next boot", domain: "Ramdisk: "},
		{argument: "os.cmdline", value: "debug", change: "at next boot", domain: "Cmdline:quiet"},
		{argument: "os.kernel_id", value: kernel, change: "at next boot", domain: "Cmdline:quiet"},
		{argument: "os.boot", value: []string{"floppy"}, change: "refused at plan"},
		{argument: "os.firmware", value: "coreboot", change: "refused at plan"},
		{argument: "os.bootloader", value: "pygrub", change: "refused at plan"},
		{argument: "on_poweroff", value: "coredump-destroy", change: "at next boot"},
		{argument: "on_reboot", value: "destroy", change: "at next boot"},
		{argument: "on_crash", value: "preserve", change: "at next boot"},
		{argument: "graphics.keymap", value: "en-us", change: "at next boot"},
		{argument: "graphics.listen", value: "0.0.0.0", change: "at next boot"},
		{argument: "graphics.port", value: 5977, change: "at next boot"},
		{argument: "graphics.password_wo", value: "Planted1", change: "at next boot"},
		{argument: "graphics.type", value: "spice", change: "refused at plan"},
		{argument: "type", value: "hvm", change: "at next boot"},
		{argument: "nics.eth0.model", value: "e1000", change: "live", waits: "nics.eth0"}, // waits for the type
		{argument: "restart_policy", value: "never", change: "none"},
		{argument: "power_state", value: "running", change: "none"},
	} {
		changed := with(t, config, p.argument, p.value)
		effect, text := b.effect(t, typ, now, changed)
		proven[p.argument] = true
		wanted := map[string]string{"replace": "replace", "refused at plan": "refuse", "none": "none"}[p.change]
		if wanted == "" {
			wanted = "update"
		}
		if effect != wanted {
			t.Errorf("%s = %v: %s, not %s\n%s", p.argument, p.value, effect, wanted, text)
			continue
		}
		if (p.change == "disk re-created") != strings.Contains(text, "is lost") {
			t.Errorf("%s = %v: the plan says of lost data: %s", p.argument, p.value, text)
		}
		if effect != "update" {
			continue
		}
		config = changed
		now = b.apply(t, typ, now, dynamic(t, b.schemas[typ], config))
		if effect, text := b.effect(t, typ, now, config); effect != "none" {
			t.Errorf("%s = %v: the next plan is %s\n%s", p.argument, p.value, effect, text)
		}
		d := b.host.Domains()[0]
		part, absent := strings.CutPrefix(p.domain, "!")
		if strings.Contains(fmt.Sprintf("%+v", d.Config), part) == absent && part != "" || d.ID != before.ID {
			t.Errorf("%s = %v: the domain %d (not %d) is %+v, and not: %s", p.argument, p.value, before.ID, d.ID, d.Config, p.domain)
		}
		waits := p.waits
		if waits == "" && p.change == "at next boot" {
			waits = p.argument
		}
		if pending := b.pending(t, now); waits != "" && !slices.Contains(pending, waits) || waits == "" && slices.Contains(pending, p.argument) {
			t.Errorf("%s = %v: pending_restart is %q", p.argument, p.value, pending)
		}
	}
	config["restart_policy"] = "on_change"
	config["memory_max"] = 300
	now = b.apply(t, typ, now, dynamic(t, b.schemas[typ], config))
	proven["restart_policy"] = true
	d := b.host.Domains()[0]
	text := fmt.Sprintf("%+v", d.Config)
	for _, part := range []string{"Type:hvm", "Name:web-9", "Memory:128 MaxMemory:300 VCPUs:2 MaxVCPUs:4 CPUWeight:128 CPUCap:50", "Cmdline:debug", "Model:e1000", "CDROM:true", "MAC:02:00:00:00:00:05"} {
		if !strings.Contains(text, part) {
			t.Errorf("after the reboot the domain is not %s: %s", part, text)
		}
	}
	if d.VNC == nil || d.VNC.Display != 77 || d.VNC.Password != "Planted1" || len(b.pending(t, now)) > 0 {
		t.Errorf("after the reboot the screen is %+v and there waits %q", d.VNC, b.pending(t, now))
	}
	config["restart_trigger"] = "again"
	now = b.apply(t, typ, now, dynamic(t, b.schemas[typ], config))
	proven["restart_trigger"] = true
	if again := b.host.Domains()[0]; again.ID == d.ID {
		t.Error("another restart_trigger did not reboot the guest")
	}
	config["power_state"] = "poweroff"
	b.apply(t, typ, now, dynamic(t, b.schemas[typ], config))
	if len(b.host.Domains()) > 0 || len(b.host.Loops()) > 0 {
		t.Errorf("after the end there are %v and %v", b.host.Domains(), b.host.Loops())
	}
	checkRows(t, b.plugin, proven)
}

// checkRows demands a row of each argument, and a proof of each row.
func checkRows(t *testing.T, p plugin, proven map[string]bool) {
	t.Helper()
	rows := documentedChanges(p)
	for _, argument := range arguments("", p.schemas["xen_virtual_machine"].Block.Attributes) {
		if rowName(rows, argument) == "" {
			t.Errorf("the documentation does not say what a change of %s does", argument)
		}
	}
	for row := range rows {
		found := false
		for argument := range proven {
			found = found || rowName(rows, argument) == row || row == strings.Split(argument, ".")[0]
		}
		if !found {
			t.Errorf("nothing proves the row of %s", row)
		}
	}
}

func (b bench) ramdisk(t *testing.T) string {
	t.Helper()
	return b.id(t, "xen_image", b.create(t, "xen_image", map[string]any{"name": "ramdisk", "type": "RAMDISK", "path": file(t, "r", "ramdisk")}))
}

func (b bench) otherKernel(t *testing.T) string {
	t.Helper()
	return b.id(t, "xen_image", b.create(t, "xen_image", map[string]any{"name": "kernel-2", "type": "KERNEL", "path": file(t, "k2", "kernel 2")}))
}

// pending is pending_restart in the state.
func (b bench) pending(t *testing.T, made existing) []string {
	t.Helper()
	var values []tftypes.Value
	if err := fields(t, unpack(t, b.schemas["xen_virtual_machine"], made.state))["pending_restart"].As(&values); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, value := range values {
		var name string
		if err := value.As(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}
