package provider_test

import (
	"fmt"
	"maps"
	"strings"
)

// randomEdit is a change of one resource. It tells whether it could be made.
type randomEdit struct {
	what   string // the attribute, for the log
	effect string // what the plan must make of it
	make   func(g *generator, address string, config map[string]any) bool
}

// put sets an attribute to what a function gives.
func put(name string, value func(g *generator) any) func(*generator, string, map[string]any) bool {
	return func(g *generator, _ string, config map[string]any) bool {
		now := value(g)
		if fmt.Sprint(config[name]) == fmt.Sprint(now) {
			return false
		}
		config[name] = now
		return true
	}
}

// into changes the map under a name, where there is one.
func into(name string, change func(g *generator, inner map[string]any) bool) func(*generator, string, map[string]any) bool {
	return func(g *generator, _ string, config map[string]any) bool {
		inner, there := config[name].(map[string]any)
		if !there {
			return false
		}
		inner = maps.Clone(inner)
		config[name] = inner
		return change(g, inner)
	}
}

// unused makes an edit only of a resource that no other refers to.
func unused(edit func(*generator, string, map[string]any) bool) func(*generator, string, map[string]any) bool {
	return func(g *generator, address string, config map[string]any) bool {
		return !g.used(address) && edit(g, address, config)
	}
}

// onlyWhere makes an edit only where the attribute has the value.
func onlyWhere(name string, value any, edit func(*generator, string, map[string]any) bool) func(*generator, string, map[string]any) bool {
	return func(g *generator, address string, config map[string]any) bool {
		return config[name] == value && edit(g, address, config)
	}
}

func newName(g *generator) any  { return g.name("renamed") }
func newLabel(g *generator) any { return map[string]any{g.name("label"): g.text()} }

// randomTable says what each edit of each kind of resource does. Where the behaviour of an attribute changes, its line here does.
var randomTable = map[string][]randomEdit{
	"xen_image": {
		{"name", "update", put("name", newName)},
		{"labels", "update", put("labels", newLabel)},
		{"enabled", "update", unused(put("enabled", func(*generator) any { return false }))},
		{"size", "update", unused(onlyWhere("type", "DATABLOCK", put("size", func(*generator) any { return 4 })))},
		{"path", "replace", unused(onlyWhere("type", "CDROM", func(g *generator, _ string, config map[string]any) bool {
			other := one(g, g.disks...)
			changed := config["path"] != other
			config["path"] = other
			return changed
		}))},
	},
	"xen_context": {
		{"name", "update", put("name", newName)},
		{"labels", "update", put("labels", newLabel)},
		{"variables", "replace", unused(into("variables", func(g *generator, v map[string]any) bool {
			v[strings.ToUpper(strings.ReplaceAll(g.name("V"), "-", "_"))] = g.text()
			return true
		}))},
		{"network", "replace", unused(func(_ *generator, _ string, config map[string]any) bool {
			config["network"] = config["network"] != true
			return true
		})},
	},
	"xen_template": {
		{"name", "update", put("name", newName)},
		{"labels", "update", put("labels", newLabel)},
		{"memory", "update", put("memory", func(g *generator) any { return 20 + g.IntN(40) })},
		{"cpu", "update", put("cpu", func(*generator) any { return 0.7 })},
		{"nics", "update", into("nics", func(_ *generator, nics map[string]any) bool {
			_, had := nics["eth1"]
			nics["eth1"] = map[string]any{"bridge": "br1"}
			return !had
		})},
	},
	"xen_virtual_machine": {
		{"name", "update", put("name", newName)},
		{"labels", "update", put("labels", newLabel)},
		{"shutdown_timeout", "update", put("shutdown_timeout", func(g *generator) any { return fmt.Sprintf("%ds", 61+g.next()) })},
		{"shutdown_timeout in other words", "none", onlyWhere("shutdown_timeout", nil, put("shutdown_timeout", func(*generator) any { return "1m" }))},
		{"power_state", "update", func(_ *generator, _ string, config map[string]any) bool {
			config["power_state"] = map[bool]string{true: "running", false: "poweroff"}[config["power_state"] == "poweroff"]
			return true
		}},
		{"memory", "update", put("memory", func(g *generator) any { return 16 + g.IntN(40) })},
		{"vcpu", "update", put("vcpu", func(*generator) any { return 3 })},
		{"cpu", "update", put("cpu", func(*generator) any { return 0.9 })},
		{"context", "update", put("context", func(g *generator) any { return map[string]any{"STAGE": g.text() + "!"} })},
		{"a new disk", "update", into("disks", func(_ *generator, disks map[string]any) bool {
			_, had := disks["xvdg"]
			disks["xvdg"] = map[string]any{"volatile": "fs", "size": 1}
			return !had
		})},
		{"a disk less", "update", into("disks", func(_ *generator, disks map[string]any) bool {
			_, had := disks["xvdb"]
			delete(disks, "xvdb")
			return had
		})},
		{"a new nic", "update", into("nics", func(g *generator, nics map[string]any) bool {
			_, had := nics["eth7"]
			nics["eth7"] = map[string]any{"bridge": "br1", "ip": fmt.Sprintf("192.0.2.%d", g.next())}
			return !had
		})},
		{"a nic less", "update", into("nics", func(_ *generator, nics map[string]any) bool {
			_, had := nics["eth7"]
			delete(nics, "eth7")
			return had
		})},
		{"graphics", "update", func(_ *generator, _ string, config map[string]any) bool {
			before, _ := config["graphics"].(map[string]any)
			config["graphics"] = map[string]any{"keymap": "fr"}
			if before["keymap"] == "fr" {
				config["graphics"] = nil
			}
			return config["type"] == "pv" || config["type"] == "hvm"
		}},
	},
}

// edit changes one resource at random, and tells what the plan must do.
func (g *generator) edit() (what string, expected map[string]string) {
	for {
		address := one(g, order(g.configs)...)
		edit := one(g, randomTable[kindOf(address)]...)
		config := maps.Clone(g.configs[address])
		if !edit.make(g, address, config) {
			continue
		}
		g.configs[address] = config
		return fmt.Sprintf("%s: %s is to %s it", address, edit.what, edit.effect), g.expect(edit.effect, address)
	}
}
