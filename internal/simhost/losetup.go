package simhost

import (
	"fmt"
	"slices"
	"syscall"
)

// losetupMain is losetup(8) as far as the simulated host needs it: -a and -j FILE, in util-linux's format, -d DEVICE,
// and -c DEVICE, which only looks at the size again.
func losetupMain(c *call) int {
	var file string
	switch {
	case len(c.args) == 1 && (c.args[0] == "-a" || c.args[0] == "--all"):
	case len(c.args) == 2 && (c.args[0] == "-j" || c.args[0] == "--associated"):
		file = c.args[1]
	case len(c.args) == 2 && (c.args[0] == "-d" || c.args[0] == "--detach"):
		return c.detach(c.args[1])
	case len(c.args) == 2 && (c.args[0] == "-c" || c.args[0] == "--set-capacity"):
		return c.resize(c.args[1])
	default:
		return c.real("losetup")
	}
	err := c.change(func(w *world) error {
		for _, l := range w.Loops {
			if file == "" || l.holds(file) {
				c.printf("%s\n", l)
			}
		}
		return nil
	})
	if err != nil {
		return c.fail(1, "losetup: %v", err)
	}
	return 0
}

// resize is `losetup -c DEVICE`.
func (c *call) resize(device string) int {
	return c.result(c.change(func(w *world) error {
		if slices.ContainsFunc(w.Loops, func(l Loop) bool { return fmt.Sprintf("/dev/loop%d", l.Index) == device }) {
			return nil
		}
		c.fail(0, "losetup: %s: failed to use device: No such device", device)
		return errRefused
	}), 0)
}

// detach is `losetup -d DEVICE`.
func (c *call) detach(device string) int {
	return c.result(c.change(func(w *world) error {
		for i, l := range w.Loops {
			if fmt.Sprintf("/dev/loop%d", l.Index) == device {
				w.Loops = slices.Delete(w.Loops, i, i+1)
				return w.setMachine(w.machine)
			}
		}
		c.fail(0, "losetup: %s: detach failed: No such device or address", device)
		return errRefused
	}), 0)
}

// holds tells whether the device stands on the file: by its inode when the file exists, else by the kernel's name of it,
// which ends in " (deleted)" once it is gone.
func (l Loop) holds(file string) bool {
	var st syscall.Stat_t
	if syscall.Stat(file, &st) == nil {
		return st.Ino == l.Ino && st.Dev == l.Dev
	}
	return file == l.kernelName()
}

func (l Loop) kernelName() string {
	if l.deleted() {
		return l.Path + " (deleted)"
	}
	return l.Path
}

// String is the device as losetup prints it: /dev/loop0: [65025]:12345 (/path/disk).
func (l Loop) String() string {
	return fmt.Sprintf("/dev/loop%d: [%04d]:%d (%s)", l.Index, l.Dev, l.Ino, l.kernelName())
}
