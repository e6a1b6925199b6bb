package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// hostileNames would do harm in a shell, a path, a deployment file or a terminal, if they got there.
var hostileNames = []string{
	"$(reboot)", "`reboot`", "'; rm -rf / #", `"; reboot; "`, "--help", "-rf", "a\nb", "a\r", "a\tb", "a\x00b"[:1] + "\x7f", "../../etc/shadow", "/etc/shadow", ".", "..", "",
	"a b", "a,b", "a=b", "a;b", "a|b", "a&b", "a>b", "*", "?", "~root", "%s%n", `a\b`, "a'b", `a"b`, "ünïcode", "名前", "\u202eevil", "a\u200fb", "a\u2028b", "\ufeffa", "é" + "\u0301",
	strings.Repeat("x", 5000),
}

// TestHostileNames refuses each of them at plan wherever a name is a word for xl, a file or a key: nothing reaches the host.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	p := startPlugin(t, h)
	machine := func(more map[string]any) map[string]any {
		config := map[string]any{"memory": 64, "type": "hvm"}
		for key, value := range more {
			config[key] = value
		}
		return config
	}
	nic := func(key string, value any) map[string]any {
		return machine(map[string]any{"nics": map[string]any{"eth0": map[string]any{"bridge": "br0", key: value}}})
	}
	for place, config := range map[string]func(name string) (string, map[string]any){
		"image.name": func(name string) (string, map[string]any) {
			return "xen_image", map[string]any{"name": name, "type": "DATABLOCK", "size": 1}
		},
		"template.name": func(name string) (string, map[string]any) {
			return "xen_template", map[string]any{"name": name, "memory": 64}
		},
		"vm.name": func(name string) (string, map[string]any) {
			return "xen_virtual_machine", machine(map[string]any{"name": name})
		},
		"disk slot": func(name string) (string, map[string]any) {
			return "xen_virtual_machine", machine(map[string]any{"disks": map[string]any{name: map[string]any{"volatile": "swap", "size": 1}}})
		},
		"nic": func(name string) (string, map[string]any) {
			return "xen_virtual_machine", machine(map[string]any{"nics": map[string]any{name: map[string]any{"bridge": "br0"}}})
		},
		"bridge": func(name string) (string, map[string]any) { return "xen_virtual_machine", nic("bridge", name) },
		"model":  func(name string) (string, map[string]any) { return "xen_virtual_machine", nic("model", name) },
		"mac":    func(name string) (string, map[string]any) { return "xen_virtual_machine", nic("mac", name) },
		"ip":     func(name string) (string, map[string]any) { return "xen_virtual_machine", nic("ip", name) },
		"keymap": func(name string) (string, map[string]any) {
			return "xen_virtual_machine", machine(map[string]any{"graphics": map[string]any{"keymap": name}})
		},
		"bootloader": func(name string) (string, map[string]any) {
			return "xen_virtual_machine", map[string]any{"memory": 64, "type": "pv", "os": map[string]any{"bootloader": name}}
		},
		"fstype": func(name string) (string, map[string]any) {
			return "xen_image", map[string]any{"name": "a", "type": "DATABLOCK", "size": 1, "fstype": name}
		},
		"host_path": func(name string) (string, map[string]any) {
			return "xen_image", map[string]any{"name": "a", "type": "OS", "host_path": name}
		},
		"variable": func(name string) (string, map[string]any) {
			return "xen_context", map[string]any{"variables": map[string]any{name: "x"}}
		},
		"host": func(name string) (string, map[string]any) {
			return "xen_image", map[string]any{"name": "a", "type": "DATABLOCK", "size": 1, "host": name}
		},
	} {
		for _, name := range hostileNames {
			// An empty word is none said, and those are a plain file that is not there and paths that a boot loader may have.
			if name == "" && !strings.Contains(place, "name") && place != "disk slot" && place != "nic" || place == "bootloader" && name == "/etc/shadow" || place == "bootloader" && len(name) == 5000 || place == "host_path" && name == "/etc/shadow" {
				continue
			}
			if name == "" && place == "vm.name" {
				continue
			}
			kind, wanted := config(name)
			resp := p.plan(t, kind, p.nothing(t, kind), dynamic(t, p.schemas[kind], wanted))
			if len(errorsOf(resp.Diagnostics)) == 0 {
				t.Errorf("%s = %.40q was planned", place, name)
			}
		}
	}
	if ran := h.Ran("reboot") + len(h.Domains()); ran != 0 {
		t.Error(fmt.Sprint(ran) + " things happened on the host")
	}
}
