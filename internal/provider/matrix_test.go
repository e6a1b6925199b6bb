package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// change is a new value for one argument, and what the plan makes of it.
type change struct {
	value  any
	effect string
}

// missing takes the argument out of the configuration.
type missing struct{}

// prove walks every argument of a resource: each must have a change in the table that has the effect it says.
func prove(t *testing.T, p plugin, name string, before existing, config map[string]any, table map[string][]change) {
	t.Helper()
	if effect, text := p.effect(t, name, before, config); effect != "none" {
		t.Fatalf("the same configuration again: %s\n%s", effect, text)
	}
	for argument, changes := range table {
		for _, c := range changes {
			effect, text := p.effect(t, name, before, with(t, config, argument, c.value))
			if effect != c.effect {
				t.Errorf("%s = %v: %s, not %s\n%s", argument, c.value, effect, c.effect, text)
			}
		}
	}
	for _, argument := range arguments("", p.schemas[name].Block.Attributes) {
		if _, proven := table[argument]; !proven {
			t.Errorf("nothing proves what a change of %s does", argument)
		}
	}
}

// arguments are what a user may set, with the keys of devices as in the configurations here.
func arguments(prefix string, attributes []*tfprotov6.SchemaAttribute) []string {
	keys := map[string]string{"disks": "disks.xvda", "nics": "nics.eth0", "files": "files.motd"}
	var all []string
	for _, attribute := range attributes {
		if !attribute.Required && !attribute.Optional {
			continue
		}
		name := prefix + attribute.Name
		if attribute.NestedType == nil {
			all = append(all, name)
			continue
		}
		if key, devices := keys[name]; devices {
			name = key
		}
		all = append(all, arguments(name+".", attribute.NestedType.Attributes)...)
	}
	return all
}

// with is the configuration with one argument changed.
func with(t *testing.T, config map[string]any, argument string, value any) map[string]any {
	t.Helper()
	head, rest, nested := strings.Cut(argument, ".")
	config = maps.Clone(config)
	if config == nil {
		config = map[string]any{}
	}
	switch _, remove := value.(missing); {
	case nested:
		inner, _ := config[head].(map[string]any)
		config[head] = with(t, inner, rest, value)
	case remove:
		delete(config, head)
	default:
		config[head] = value
	}
	return config
}

var timeoutChanges = map[string][]change{
	"timeouts.create": {{"2h", "update"}},
	"timeouts.read":   {{"2m", "update"}},
	"timeouts.update": {{"2m", "update"}, {"soon", "refuse"}},
	"timeouts.delete": {{"2m", "update"}},
}

func table(changes map[string][]change) map[string][]change {
	maps.Copy(changes, timeoutChanges)
	return changes
}

func TestEveryArgumentOfImage(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	p := startPlugin(t, h)
	content, packed := disk(t, "one"), file(t, "two.img", strings.Repeat("two", 1<<20))
	other := p.create(t, "xen_image", map[string]any{"name": "other", "type": "OS", "path": packed})
	config := map[string]any{"name": "root", "type": "OS", "path": content, "size": 2}
	before := p.create(t, "xen_image", config)
	prove(t, p, "xen_image", before, config, table(map[string][]change{
		"host":       {{"xen01", "none"}, {"xen02", "refuse"}},
		"name":       {{"other", "update"}, {"4", "refuse"}},
		"type":       {{"DATABLOCK", "update"}, {"KERNEL", "refuse"}},
		"persistent": {{true, "update"}, {false, "none"}},
		"enabled":    {{false, "update"}, {true, "none"}},
		"path":       {{disk(t, "one"), "none"}, {disk(t, "two"), "replace"}, {"http://192.0.2.1/a", "replace"}, {"/absent", "refuse"}, {missing{}, "refuse"}},
		"host_path":  {{content, "refuse"}},
		"fetch_from": {{"client", "update"}, {"host", "refuse"}, {"server", "refuse"}},
		"checksum": {
			{sum(t, content), "update"}, {sum(t, disk(t, "two")), "refuse"}, {"md5:" + strings.Repeat("0", 32), "update"},
			{"http://127.0.0.1:1/SHA256SUMS", "update"},
		},
		"format":                         {{"raw", "none"}, {"qcow2", "replace"}},
		"size":                           {{2, "none"}, {1, "refuse"}, {3, "update"}, {missing{}, "none"}},
		"fstype":                         {{"ext4", "refuse"}},
		"labels":                         {{map[string]any{"a": "b"}, "update"}, {map[string]any{}, "update"}},
		"source_image_id":                {{p.id(t, "xen_image", other), "refuse"}},
		"source_disk.virtual_machine_id": {{"xen01/1", "refuse"}},
		"source_disk.slot":               {{"xvda", "refuse"}},
	}))
	for source, effects := range map[string][]change{
		"host_path":       {{content, "replace"}, {"/absent", "refuse"}, {"relative", "refuse"}, {t.TempDir(), "refuse"}},
		"source_image_id": {{p.id(t, "xen_image", other), "replace"}, {"xen01/99", "refuse"}, {"xen02/1", "refuse"}, {"other", "refuse"}},
		"source_disk":     {{map[string]any{"virtual_machine_id": "xen01/99", "slot": "xvda"}, "refuse"}, {map[string]any{"virtual_machine_id": "xen01/1", "slot": "disk0"}, "refuse"}},
	} {
		for _, c := range effects {
			changed := with(t, with(t, config, "path", missing{}), source, c.value)
			if effect, text := p.effect(t, "xen_image", before, changed); effect != c.effect {
				t.Errorf("%s = %v in place of path: %s, not %s\n%s", source, c.value, effect, c.effect, text)
			}
		}
	}
}

func TestEveryArgumentOfPersistentDatablock(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	p := startPlugin(t, h)
	content := disk(t, "one")
	other := p.create(t, "xen_image", map[string]any{"name": "other", "type": "OS", "path": content})
	config := map[string]any{"name": "data", "type": "DATABLOCK", "size": 2, "persistent": true, "fstype": "raw"}
	before := p.create(t, "xen_image", config)
	prove(t, p, "xen_image", before, config, table(map[string][]change{
		"host":                           {{"xen01", "none"}},
		"name":                           {{"other", "update"}},
		"type":                           {{"OS", "update"}, {"CDROM", "refuse"}, {"KERNEL", "refuse"}},
		"persistent":                     {{false, "update"}},
		"enabled":                        {{false, "update"}},
		"path":                           {{content, "refuse"}},
		"host_path":                      {{content, "refuse"}},
		"source_image_id":                {{p.id(t, "xen_image", other), "refuse"}},
		"source_disk":                    {{map[string]any{"virtual_machine_id": "xen01/99", "slot": "xvda"}, "refuse"}},
		"source_disk.virtual_machine_id": {{"xen01/99", "refuse"}},
		"source_disk.slot":               {{"xvda", "refuse"}},
		"fetch_from":                     {{"client", "update"}, {"host", "refuse"}},
		"checksum":                       {{"md5:" + strings.Repeat("0", 32), "refuse"}},
		"format":                         {{"raw", "none"}, {"qcow2", "refuse"}},
		"size":                           {{3, "update"}, {1, "refuse"}, {missing{}, "none"}},
		"fstype":                         {{"ext4", "refuse"}, {missing{}, "refuse"}},
		"labels":                         {{map[string]any{"a": "b"}, "update"}},
	}))
	// What gives the data another source is refused when fstype does not refuse it before.
	delete(config, "fstype")
	for argument, value := range map[string]any{"path": content, "host_path": content, "source_image_id": p.id(t, "xen_image", other)} {
		effect, text := p.effect(t, "xen_image", before, with(t, config, argument, value))
		if effect != "refuse" || !strings.Contains(text, "Unable to replace the persistent image") {
			t.Errorf("%s = %v: %s\n%s", argument, value, effect, text)
		}
	}
}

// TestEveryArgumentOfInstalledSystem is about an OS that was a DATABLOCK when it was made, and cannot be made again from nothing.
func TestEveryArgumentOfInstalledSystem(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	p := startPlugin(t, h)
	before := p.create(t, "xen_image", map[string]any{"name": "system", "type": "DATABLOCK", "size": 1, "persistent": true})
	config := map[string]any{"name": "system", "type": "OS", "size": 1}
	before = p.apply(t, "xen_image", before, dynamic(t, p.schemas["xen_image"], config))
	prove(t, p, "xen_image", before, config, table(map[string][]change{
		"host":                           {{"xen01", "none"}},
		"name":                           {{"other", "update"}},
		"type":                           {{"DATABLOCK", "update"}, {"CDROM", "refuse"}, {"KERNEL", "refuse"}},
		"persistent":                     {{true, "update"}, {false, "none"}},
		"enabled":                        {{false, "update"}},
		"path":                           {{disk(t, "one"), "replace"}},
		"host_path":                      {{disk(t, "one"), "replace"}},
		"source_image_id":                {{"xen01/99", "refuse"}},
		"source_disk":                    {{map[string]any{"virtual_machine_id": "xen01/99", "slot": "xvda"}, "refuse"}},
		"source_disk.virtual_machine_id": {{"xen01/99", "refuse"}},
		"source_disk.slot":               {{"xvda", "refuse"}},
		"fetch_from":                     {{"host", "refuse"}},
		"checksum":                       {{"md5:" + strings.Repeat("0", 32), "refuse"}},
		"format":                         {{"raw", "none"}, {"qcow2", "refuse"}},
		"size":                           {{2, "update"}, {missing{}, "none"}},
		"fstype":                         {{"ext4", "refuse"}},
		"labels":                         {{map[string]any{"a": "b"}, "update"}},
	}))
}

func TestEveryArgumentOfContext(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	p := startPlugin(t, h)
	text, longer := file(t, "a", "hello"), file(t, "b", "hello there")
	config := map[string]any{
		"variables": map[string]any{"A": "1"}, "variables_wo": map[string]any{"B": "planted"},
		"files": map[string]any{"motd": map[string]any{"content": "hello"}},
	}
	before := p.create(t, "xen_context", config)
	if strings.Contains(string(before.state.MsgPack), "planted") || strings.Contains(string(before.private), "planted") {
		t.Error("the state holds a write-only variable")
	}
	prove(t, p, "xen_context", before, config, table(map[string][]change{
		"host":                  {{"xen01", "none"}, {"xen02", "refuse"}},
		"name":                  {{"other", "update"}},
		"labels":                {{map[string]any{"a": "b"}, "update"}},
		"variables":             {{map[string]any{"A": "2"}, "replace"}, {missing{}, "replace"}},
		"variables_wo":          {{map[string]any{"B": "other"}, "replace"}, {missing{}, "replace"}},
		"ssh_public_keys":       {{[]string{"ssh-ed25519 AAAA me"}, "replace"}, {[]string{}, "update"}},
		"start_script":          {{"#!/bin/sh\n", "replace"}, {"", "update"}},
		"network":               {{true, "replace"}, {false, "none"}},
		"format":                {{"nocloud", "replace"}, {"opennebula", "none"}, {"vmware", "refuse"}},
		"hostname":              {{"web1", "replace"}, {"web 1", "refuse"}, {"", "update"}},
		"hostname_from_name":    {{true, "replace"}, {false, "none"}},
		"user":                  {{"joe", "replace"}, {"Joe Doe", "refuse"}},
		"password_wo":           {{"planted", "replace"}, {"plan\nted", "refuse"}},
		"crypted_password_wo":   {{"$6$salt$planted", "replace"}, {"planted", "refuse"}},
		"dns":                   {{[]string{"192.168.70.1", "2001:db8::1"}, "replace"}, {[]string{"ns1"}, "refuse"}},
		"search_domain":         {{"example.org example.com", "replace"}},
		"time_zone":             {{"Europe/Berlin", "replace"}, {"Europe Berlin", "refuse"}},
		"grow_rootfs":           {{true, "replace"}, {false, "replace"}},
		"swap":                  {{true, "replace"}, {false, "replace"}},
		"user_data":             {{"#cloud-config\n", "replace"}},
		"files.motd.content":    {{"hello there", "replace"}},
		"files.motd.source":     {{text, "refuse"}},
		"files.motd.executable": {{true, "replace"}, {false, "none"}},
	}))
	if effect, text := p.effect(t, "xen_context", before, with(t, config, "files", map[string]any{"motd": map[string]any{"source": text}})); effect != "none" {
		t.Errorf("the same content from a file: %s\n%s", effect, text)
	}
	if effect, text := p.effect(t, "xen_context", before, with(t, config, "files", map[string]any{"motd": map[string]any{"source": longer}})); effect != "replace" {
		t.Errorf("other content from a file: %s\n%s", effect, text)
	}
}

// bench is a host with what virtual machines use.
type bench struct {
	plugin
	host                                   *simhost.Host
	kernel, root, other, context, template string
}

func startBench(t *testing.T, options ...simhost.Option) bench {
	t.Helper()
	h := simhost.Start(t, options...)
	b := bench{plugin: startPlugin(t, h), host: h}
	id := func(name string, config map[string]any) string { return b.id(t, name, b.create(t, name, config)) }
	b.kernel = id("xen_image", map[string]any{"name": "kernel", "type": "KERNEL", "path": file(t, "k", "kernel")})
	b.root = id("xen_image", map[string]any{"name": "root", "type": "OS", "path": disk(t, "root")})
	b.other = id("xen_image", map[string]any{"name": "other", "type": "OS", "path": disk(t, "other")})
	b.context = id("xen_context", map[string]any{"network": true})
	b.template = id("xen_template", map[string]any{"name": "t", "memory": 64})
	return b
}

// machine is a configuration that says something of everything.
func (b bench) machine() map[string]any {
	return map[string]any{
		"name": "web-1", "type": "pv", "cpu": 0.1, "vcpu": 1, "memory": 64,
		"os":       map[string]any{"kernel_id": b.kernel, "cmdline": "quiet"},
		"disks":    map[string]any{"xvda": map[string]any{"image_id": b.root}, "xvdb": map[string]any{"volatile": "swap", "size": 1}},
		"nics":     map[string]any{"eth0": map[string]any{"bridge": "br0", "ip": "192.168.70.150"}},
		"graphics": map[string]any{"keymap": "de"},
		"context":  map[string]any{"ROLE": "web"},
	}
}

// machineChanges are those of the arguments that a template has, too; effect is what a change of a value has.
func (b bench) machineChanges(effect string) map[string][]change {
	return map[string][]change{
		"type":       {{"hvm", effect}, {"xen", "refuse"}},
		"cpu":        {{0.1, "none"}, {0.5, effect}},
		"cpu_cap":    {{50, effect}, {0, "update"}, {-1, "refuse"}},
		"vcpu":       {{2, effect}},
		"vcpu_max":   {{2, effect}, {0, "refuse"}},
		"memory":     {{128, effect}},
		"memory_max": {{128, effect}, {32, "refuse"}},

		"os.kernel_id":    {{b.other, effect}, {"xen01/99", "refuse"}},
		"os.ramdisk_id":   {{b.kernel, effect}},
		"os.kernel_path":  {{"/boot/vmlinuz", "refuse"}},
		"os.ramdisk_path": {{"/boot/initrd", effect}, {"boot/initrd", "refuse"}},
		"os.cmdline":      {{"debug", effect}},
		"os.bootloader":   {{"pygrub", "refuse"}},
		"os.boot":         {{[]string{}, "update"}, {[]string{"floppy"}, "refuse"}},
		"os.firmware":     {{"coreboot", "refuse"}, {"", "update"}},

		"disks.xvda.image_id":  {{b.other, effect}, {"xen02/1", "refuse"}},
		"disks.xvda.volatile":  {{"fs", "refuse"}},
		"disks.xvda.fstype":    {{"ext4", "refuse"}},
		"disks.xvda.path":      {{"/dev/vg/root", "refuse"}, {"", "update"}},
		"disks.xvda.format":    {{"raw", "refuse"}},
		"disks.xvda.cdrom":     {{true, "refuse"}, {false, "update"}},
		"disks.xvda.read_only": {{true, effect}, {false, "update"}},

		"nics.eth0.bridge":            {{"br1", effect}},
		"nics.eth0.ip":                {{"192.168.70.151", effect}},
		"nics.eth0.netmask":           {{"255.255.255.0", effect}},
		"nics.eth0.gateway":           {{"192.168.70.1", effect}},
		"nics.eth0.dns":               {{[]string{"192.168.70.1"}, effect}},
		"nics.eth0.search_domain":     {{"example.org", effect}},
		"nics.eth0.method":            {{"dhcp", effect}, {"bootp", "refuse"}},
		"nics.eth0.ip6":               {{"2001:db8::2", effect}, {"192.168.70.151", "refuse"}},
		"nics.eth0.ip6_prefix_length": {{56, effect}, {129, "refuse"}},
		"nics.eth0.ip6_gateway":       {{"2001:db8::1", effect}, {"router", "refuse"}},
		"nics.eth0.ip6_method":        {{"auto", effect}, {"manual", "refuse"}},
		"nics.eth0.metric":            {{5, effect}, {-1, "refuse"}},
		"nics.eth0.routes":            {{map[string]any{"10.0.0.0/8": "192.168.70.2"}, effect}, {map[string]any{"10.0.0.1/8": "192.168.70.2"}, "refuse"}, {map[string]any{"10.0.0.0/8": "2001:db8::1"}, "refuse"}},
		"nics.eth0.rate":              {{"10Mb/s", effect}, {"fast", "refuse"}},
		"nics.eth0.script":            {{"vif-openvswitch", effect}, {"a,b", "refuse"}},
		"nics.eth0.mtu":               {{1400, effect}, {0, "update"}},
		"nics.eth0.model":             {{"e1000", effect}},

		"graphics.type":   {{"vnc", effect}, {"spice", "refuse"}},
		"graphics.listen": {{"0.0.0.0", effect}},
		"graphics.port":   {{5999, effect}},
		"graphics.keymap": {{"en-us", effect}},
		"on_poweroff":     {{"preserve", "update"}, {"explode", "refuse"}},
		"on_reboot":       {{"destroy", "update"}},
		"on_crash":        {{"coredump-restart", "update"}},
		"context_id":      {{b.context, effect}, {"xen01/99", "refuse"}},
		"context":         {{map[string]any{"ROLE": "db"}, effect}, {missing{}, effect}, {map[string]any{"a": "b"}, "refuse"}},
		"labels":          {{map[string]any{"a": "b"}, "update"}},
		"host":            {{"xen01", "none"}, {"xen02", "refuse"}},
		"name":            {{"other", "update"}, {"7", "refuse"}},
	}
}

func TestEveryArgumentOfTemplate(t *testing.T) {
	t.Parallel()
	b := startBench(t)
	config := b.machine()
	before := b.create(t, "xen_template", config)
	changes := table(b.machineChanges("update"))
	changes["cpu"] = []change{{0.5, "update"}}
	changes["disks.xvda.size"] = []change{{2, "update"}}
	changes["disks.xvda.clone"] = []change{{"auto", "update"}, {"overlay", "update"}, {"reflink", "refuse"}}
	changes["nics.eth0.mac"] = []change{{"02:00:00:00:00:01", "update"}}
	changes["nics.eth0.vlan"] = []change{{12, "update"}, {4095, "refuse"}}
	prove(t, b.plugin, "xen_template", before, config, changes)
}

func TestEveryArgumentOfVirtualMachine(t *testing.T) {
	t.Parallel()
	b := startBench(t)
	config := b.machine()
	before := b.create(t, "xen_virtual_machine", config)
	changes := table(b.machineChanges("update"))
	maps.Copy(changes, map[string][]change{
		"template_id":            {{b.template, "update"}, {"xen01/99", "refuse"}},
		"follow_template":        {{true, "update"}, {false, "none"}},
		"restart_policy":         {{"on_change", "update"}, {"never", "none"}, {"always", "refuse"}},
		"power_state":            {{"running", "none"}, {"poweroff", "update"}, {"suspended", "update"}, {"paused", "update"}, {"failed", "refuse"}},
		"force_stop":             {{true, "none"}, {false, "update"}},
		"restart_trigger":        {{"again", "update"}},
		"autostart":              {{false, "none"}, {true, "update"}},
		"wait_for.tcp_port":      {{22, "update"}, {65536, "refuse"}},
		"wait_for.ping":          {{true, "update"}, {false, "refuse"}},
		"wait_for.console_regex": {{"login:", "update"}, {"(", "refuse"}},
		"wait_for.address":       {{true, "update"}},
		"wait_for.timeout":       {{"10s", "refuse"}},
		"wait_for.on_timeout":    {{"warn", "refuse"}},
		"wait_for":               {{map[string]any{"ping": true, "timeout": "10s", "on_timeout": "error"}, "update"}, {map[string]any{"ping": true, "timeout": "soon"}, "refuse"}, {map[string]any{"ping": true, "on_timeout": "panic"}, "refuse"}},
		"shutdown_timeout":       {{"60s", "none"}, {"1m", "none"}, {"5s", "update"}},
		"disks.xvda.size":        {{2, "update"}, {1, "update"}},
		"disks.xvda.clone":       {{"auto", "update"}, {"copy", "update"}, {"overlay", "refuse"}, {"reflink", "refuse"}},
		"disks.xvdb.clone":       {{"auto", "refuse"}},
		"disks.xvda": {
			{map[string]any{"image_id": b.root, "clone": "copy", "size": 2}, "update"},
			{map[string]any{"image_id": b.root, "clone": "overlay", "size": 2}, "refuse"},
			{map[string]any{"image_id": b.other, "clone": "overlay"}, "replace"},
		},
		"disks.xvda.image_id":  {{b.other, "replace"}, {"xen02/1", "refuse"}},
		"disks.xvdb.size":      {{2, "update"}},
		"disks.xvdb.volatile":  {{"fs", "update"}, {"tape", "refuse"}},
		"disks.xvdc":           {{map[string]any{"volatile": "swap", "size": 1}, "update"}},
		"disks.xvdb":           {{missing{}, "update"}, {map[string]any{"image_id": b.other}, "update"}},
		"nics.eth0.model":      {{"e1000", "refuse"}, {"", "update"}},
		"nics.eth0.vlan":       {{12, "refuse"}}, // of a Linux bridge
		"nics.eth1":            {{map[string]any{"bridge": "br0"}, "update"}},
		"nics.eth0.mac":        {{"02:00:C0:A8:46:96", "none"}, {"02:00:c0:a8:46:96", "none"}, {"02:00:00:00:00:01", "update"}},
		"graphics.password_wo": {{"Planted1", "update"}},
		"graphics":             {{missing{}, "update"}},
	})
	prove(t, b.plugin, "xen_virtual_machine", before, config, changes)
}

// TestSchemasAreDescribed demands a description of every attribute, with the unit of every size.
func TestSchemasAreDescribed(t *testing.T) {
	t.Parallel()
	p := startPlugin(t, simhost.Start(t))
	for _, name := range slices.Sorted(maps.Keys(p.schemas)) {
		describe(t, name, p.schemas[name].Block.Attributes)
	}
}

func describe(t *testing.T, name string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, attribute := range attributes {
		at := name + "." + attribute.Name
		if attribute.Description == "" {
			t.Errorf("%s has no description", at)
		}
		if slices.Contains([]string{"size", "memory", "memory_max"}, attribute.Name) && !strings.Contains(attribute.Description, "MiB") {
			t.Errorf("the description of %s does not say MiB", at)
		}
		if attribute.NestedType != nil {
			describe(t, at, attribute.NestedType.Attributes)
		}
	}
}
