package simhost

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// ipMain answers `ip -o link show type bridge` with the host's bridges and `ip neigh show` with its neighbours; anything else goes to
// the machine's own ip.
func ipMain(c *call) int {
	switch {
	case slices.Equal(c.args, []string{"neigh", "show"}):
		return c.printFile("neighbours")
	case !slices.Equal(c.args, []string{"-o", "link", "show", "type", "bridge"}):
		return c.real("ip")
	}
	set, err := c.settings()
	if err != nil {
		return c.fail(1, "ip: %v", err)
	}
	for i, name := range set.Bridges {
		c.printf("%d: %s: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\\"+
			"    link/ether 52:54:00:12:34:%02x brd ff:ff:ff:ff:ff:ff\n", i+3, name, 0x56+i)
	}
	return 0
}

// printFile prints a file of the state, which a test wrote or not.
func (c *call) printFile(name string) int {
	text, err := os.ReadFile(c.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.fail(1, "simhost: %v", err)
	}
	c.printf("%s", text)
	return 0
}
