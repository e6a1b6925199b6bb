package simhost

import (
	"os"
	"strconv"
)

// xlConfigUpdate is `xl config-update DOMAIN FILE`: xl keeps the text, and makes the guest from it, and from nothing else, when it
// reboots; no listing shows it before (main_config_update in xl_misc.c, reload_domain_config in xl_vmcontrol.c).
func xlConfigUpdate(c *call) int {
	if len(c.args) < 2 {
		return c.usage("config-update")
	}
	c.fail(0, "WARNING: xl now has better capability to manage domain configuration, avoid using this command when possible")
	text, err := os.ReadFile(c.args[1])
	if err != nil {
		return c.fail(1, "Failed to read config file: %s: No such file or directory", c.args[1])
	}
	config, status := c.parse(c.args[1], text)
	if status != 0 {
		return status
	}
	return c.on("config-update", c.nobody, func(w *world, d Domain) error {
		c.fail(0, "setting dom%d configuration", d.ID)
		d.Updated = &config
		return w.put(d)
	})
}

// xlSchedCredit2 is `xl sched-credit2 -d DOMAIN [-w WEIGHT] [-c CAP]`.
func xlSchedCredit2(c *call) int {
	numbers := map[string]int{"-w": 0, "-c": -1}
	var name string
	for ; len(c.args) > 1; c.args = c.args[2:] {
		if c.args[0] == "-d" {
			name = c.args[1]
			continue
		}
		n, err := strconv.Atoi(c.args[1])
		if _, known := numbers[c.args[0]]; !known || err != nil {
			return c.fail(1, "xl: invalid option -- '%s'", c.args[0])
		}
		numbers[c.args[0]] = n
	}
	c.args = []string{name}
	return c.on("sched-credit2", c.nobody, func(w *world, d Domain) error {
		if weight := numbers["-w"]; weight != 0 {
			if weight < 1 || weight > 65535 {
				c.fail(0, "libxl: error: libxl_sched.c:428:sched_credit2_domain_set: Domain %d:Cpu weight out of range, valid values are within range from 1 to 65535\n"+
					"libxl_domain_sched_params_set failed.", d.ID)
				return errRefused
			}
			d.CPUWeight = weight
		}
		if limit := numbers["-c"]; limit >= 0 {
			d.CPUCap = limit
		}
		return w.put(d)
	})
}
