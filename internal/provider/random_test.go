package provider_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

var (
	randomStacks = flag.Int("random", 2, "how many random stacks are led through applies and edits")
	randomEdits  = flag.Int("edits", 4, "how often each of them is edited")
	randomSeed   = flag.Uint64("seed", 1, "seed of the first one; the next has the next")
)

// TestRandomStacks makes random configurations and edits them at random. Each plan must do what the table of edits says, and after each
// apply there must be nothing to do. A whole run takes `-args -random 100`; a failure names the seed that repeats it with `-random 1`.
func TestRandomStacks(t *testing.T) {
	t.Parallel()
	for number := range *randomStacks {
		seed := *randomSeed + uint64(number)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			h := simhost.Start(t, simhost.Bridges("br0", "br1"))
			g := newGenerator(t, h, seed)
			g.makeStack()
			g.lead(t, g.expect("create", slices.Collect(maps.Keys(g.configs))...))
			for range *randomEdits {
				what, expected := g.edit()
				t.Log(what)
				g.lead(t, expected)
			}
			clear(g.configs)
			g.applyAll(t, g.planAll(t))
			if err := clean(h); err != nil {
				t.Error(err)
			}
		})
	}
}

// lead plans, compares the plan with what is expected, applies it, and demands that nothing is left to do.
func (g *generator) lead(t *testing.T, expected map[string]string) {
	t.Helper()
	g.refresh(t)
	changes := g.planAll(t)
	for address, change := range changes {
		if want, named := expected[address]; change.action != want && (named || change.action != "none") {
			t.Fatalf("%s: the plan is to %s, not to %s it\n%v", address, change.action, want, g.configs[address])
		}
	}
	g.applyAll(t, changes)
	for address, change := range g.planAll(t) {
		if change.action != "none" {
			before, now := g.value(t, address, g.states[address].state), g.value(t, address, change.planned.PlannedState)
			t.Fatalf("%s: the plan after the apply is to %s it\n%v\n%v", address, change.action, agrees(now, before), g.configs[address])
		}
	}
}

// generator makes configurations that are valid, and edits that are.
type generator struct {
	stack
	*rand.Rand
	disks   []string // local files of different content
	overlay bool     // the host can make overlays
	made    int      // resources and devices so far, for names and addresses
}

func newGenerator(t *testing.T, h *simhost.Host, seed uint64) *generator {
	t.Helper()
	_, err := exec.LookPath("qemu-img")
	return &generator{
		stack: stack{plugin: startPlugin(t, h), configs: map[string]map[string]any{}, states: map[string]existing{}},
		Rand:  rand.New(rand.NewPCG(seed, 0)), disks: []string{disk(t, "one"), disk(t, "two"), disk(t, "three")}, overlay: err == nil,
	}
}

func (g *generator) expect(action string, addresses ...string) map[string]string {
	expected := map[string]string{}
	for _, address := range addresses {
		expected[address] = action
	}
	return expected
}

// next is a number that was not used yet.
func (g *generator) next() int {
	g.made++
	return g.made
}

func (g *generator) name(prefix string) string { return fmt.Sprintf("%s-%d", prefix, g.next()) }

// maybe tells yes as often as not.
func (g *generator) maybe() bool { return g.IntN(2) == 0 }

// one is any of the values.
func one[T any](g *generator, values ...T) T { return values[g.IntN(len(values))] }

// text is what a careless program would stumble over.
func (g *generator) text() string {
	return one(g, "plain", "", "it's", `a "quoted" \ one`, "two\nlines\n", "$HOME `x` ${y}", "ünïcode ☃", " spaces ", "a=b,c")
}

func (g *generator) labels() map[string]any {
	labels := map[string]any{}
	for range g.IntN(3) {
		labels[g.name("label")] = g.text()
	}
	return labels
}

func (g *generator) makeStack() {
	// The addresses put them before those that are made from them.
	g.configs["xen_image.b"] = map[string]any{"name": "kernel", "type": "KERNEL", "path": g.disks[0]}
	g.configs["xen_image.a"] = map[string]any{"name": "root", "type": "OS", "path": g.disks[1]}
	for range 1 + g.IntN(3) {
		g.configs[g.name("xen_image.i")] = g.image()
	}
	for range g.IntN(3) {
		g.configs[g.name("xen_context.c")] = g.context()
	}
	if g.maybe() {
		g.configs[g.name("xen_template.t")] = g.template()
	}
	for range 1 + g.IntN(2) {
		g.configs[g.name("xen_virtual_machine.m")] = g.machine()
	}
}

func (g *generator) image() map[string]any {
	image := map[string]any{"name": g.name("image"), "labels": g.labels()}
	switch g.IntN(4) {
	case 0:
		maps.Copy(image, map[string]any{"type": "DATABLOCK", "size": 1 + g.IntN(2), "persistent": g.maybe(), "fstype": one(g, "", "raw", "swap")})
	case 1:
		maps.Copy(image, map[string]any{"type": "CDROM", "path": one(g, g.disks...)})
	case 2:
		maps.Copy(image, map[string]any{"type": "OS", "source_image_id": ref("xen_image.a")})
	default:
		maps.Copy(image, map[string]any{"type": one(g, "OS", "DATABLOCK"), "path": one(g, g.disks...), "format": one[any](g, nil, "raw"), "size": one[any](g, nil, 1, 2)})
	}
	return image
}

func (g *generator) context() map[string]any {
	return map[string]any{
		"name": one[any](g, nil, g.name("context")), "variables": map[string]any{"A": g.text(), "B": g.text()}, "network": g.maybe(), "labels": g.labels(),
		"start_script": one(g, "", "#!/bin/sh\necho 'hello' $HOME\n"), "ssh_public_keys": one(g, []any{}, []any{"ssh-ed25519 AAAA me@here"}),
	}
}

// body is what a virtual machine of the type and its template may both say.
func (g *generator) body(typ string) map[string]any {
	body := map[string]any{
		"type": typ, "memory": 16 + g.IntN(32), "vcpu": one[any](g, nil, 1, 2), "cpu": one[any](g, nil, 0.1, 0.5, 1.3), "context": one[any](g, nil, map[string]any{"ROLE": g.text()}),
		"disks": map[string]any{"xvda": map[string]any{"image_id": ref("xen_image.a"), "size": one[any](g, nil, 2), "clone": one(g, g.clones()...)}},
		"nics":  map[string]any{"eth0": g.nic(typ)},
	}
	if g.maybe() {
		body["memory_max"] = 64
	}
	if typ == "hvm" {
		body["os"] = one[any](g, nil, map[string]any{"boot": []any{"disk", "network"}}, map[string]any{"firmware": "bios"})
	} else {
		body["os"] = map[string]any{"kernel_id": ref("xen_image.b"), "cmdline": one[any](g, nil, "quiet", `a="b" c='d'`)}
	}
	if typ != "pvh" && g.maybe() {
		body["graphics"] = map[string]any{"keymap": one[any](g, nil, "de"), "listen": one[any](g, nil, "127.0.0.1")}
	}
	if contexts := g.addresses("xen_context"); len(contexts) > 0 && g.maybe() {
		body["context_id"] = ref(one(g, contexts...))
	}
	return body
}

func (g *generator) clones() []any {
	if g.overlay {
		return []any{nil, "auto", "copy", "overlay"}
	}
	return []any{nil, "auto", "copy"}
}

func (g *generator) nic(typ string) map[string]any {
	nic := map[string]any{"bridge": one(g, "br0", "br1"), "mtu": one[any](g, nil, 1400), "netmask": one[any](g, nil, "255.255.255.0"), "dns": one[any](g, nil, []any{"192.0.2.1"})}
	switch g.IntN(3) {
	case 0:
		nic["ip"] = fmt.Sprintf("192.0.2.%d", g.next())
	case 1:
		nic["mac"] = fmt.Sprintf(one(g, "02:00:0a:0b:0c:%02x", "02:00:0A:0B:0C:%02X"), g.next())
	}
	if typ == "hvm" {
		nic["model"] = one[any](g, nil, "e1000")
	}
	return nic
}

func (g *generator) template() map[string]any {
	template := g.body(one(g, "pv", "pvh", "hvm"))
	maps.Copy(template, map[string]any{"name": g.name("template"), "labels": g.labels()})
	// Addresses belong to one guest.
	template["nics"] = map[string]any{"eth0": map[string]any{"bridge": "br0"}}
	return template
}

func (g *generator) machine() map[string]any {
	typ := one(g, "pv", "pvh", "hvm")
	templates := g.addresses("xen_template")
	machine := map[string]any{"name": one[any](g, nil, g.name("machine")), "labels": g.labels(), "power_state": one[any](g, nil, "running", "poweroff"), "shutdown_timeout": one[any](g, nil, "0s", "0s")}
	if len(templates) > 0 && g.maybe() {
		template := one(g, templates...)
		machine["template_id"] = ref(template)
		typ, _ = g.configs[template]["type"].(string)
		if g.maybe() {
			machine["nics"] = map[string]any{"eth0": g.nic(typ)}
		}
		return machine
	}
	maps.Copy(machine, g.body(typ))
	disks, _ := machine["disks"].(map[string]any)
	if g.maybe() {
		disks["xvdb"] = map[string]any{"volatile": "swap", "size": 1}
	}
	for _, address := range g.addresses("xen_image.i") {
		if image := g.configs[address]; !g.used(address) && g.maybe() && (image["persistent"] == true || image["type"] == "CDROM") {
			disks["xvde"] = map[string]any{"image_id": ref(address)}
			if typ == "hvm" && image["type"] == "CDROM" {
				disks["hdd"] = disks["xvde"]
				delete(disks, "xvde")
			}
			break
		}
	}
	return machine
}

// addresses lists those that begin so.
func (g *generator) addresses(prefix string) []string {
	var found []string
	for _, address := range order(g.configs) {
		if strings.HasPrefix(address, prefix) {
			found = append(found, address)
		}
	}
	return found
}

// used tells whether another resource refers to the address.
func (g *generator) used(address string) bool {
	for _, config := range g.configs {
		if refers(config, address) {
			return true
		}
	}
	return false
}

func refers(value any, address string) bool {
	if inner, nested := value.(map[string]any); nested {
		return slices.ContainsFunc(slices.Collect(maps.Values(inner)), func(v any) bool { return refers(v, address) })
	}
	return value == ref(address)
}
