package simhost

import "os"

// xlSave is `xl save [-c] DOMAIN FILE`: the file holds the domain and its configuration, and the domain goes.
func xlSave(c *call) int {
	set, ok := c.options("cp")
	if !ok {
		return 2
	}
	if len(c.args) < 2 {
		return c.usage("save")
	}
	return c.on("save", c.nobody, func(w *world, d Domain) error {
		c.fail(0, "Saving to %s new xl format (info 0x3/0x0/%d)", c.args[1], 1000+len(d.Disks)*100)
		if d.Paused {
			c.fail(0, "libxl: error: libxl_dom_suspend.c:294:domain_suspend_common_wait_guest_timeout: "+
				"Domain %d:guest did not suspend, timed out\nFailed to save domain, resuming domain", d.ID)
			return errRefused
		}
		if err := writeJSON(c.args[1], d); err != nil {
			c.fail(0, "Failed to save domain, resuming domain")
			// In 4.17 the xl process that watched over the domain has ended when its guest was suspended.
			w.unwatch(d)
			d.Monitor = 0
			if err := w.put(d); err != nil {
				return err
			}
			return errRefused
		}
		if set['c'] {
			return nil
		}
		return w.destroy(d)
	})
}

// xlRestore is `xl restore [-p] [CONFIG] FILE`; with a deployment file, that one counts.
func xlRestore(c *call) int {
	set, ok := c.options("peV")
	if !ok {
		return 2
	}
	if len(c.args) == 0 {
		return c.usage("restore")
	}
	file := c.args[len(c.args)-1]
	if _, err := os.Stat(file); err != nil {
		return c.fail(1, "Can't open restore file: No such file or directory")
	}
	var saved Domain
	if err := readJSON(file, &saved); err != nil {
		return c.fail(1, "File has wrong magic number - corrupt or for a different tool?")
	}
	c.fail(0, "Loading new save file %s (new xl fmt info 0x3/0x0/%d)", file, 1000+len(saved.Disks)*100)
	if len(c.args) > 1 {
		text, err := os.ReadFile(c.args[0])
		if err != nil {
			return c.fail(1, "Failed to read config file: %s: No such file or directory", c.args[0])
		}
		var status int
		if saved.Config, status = c.parse(c.args[0], text); status != 0 {
			return status
		}
	}
	d, status := c.build(saved.Config)
	if status != 0 {
		return 1
	}
	d.File, d.Restored = saved.File, file
	return c.finish(d, set['p'], !set['e'])
}
