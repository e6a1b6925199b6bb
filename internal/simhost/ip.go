package simhost

import "slices"

// ipMain answers `ip -o link show type bridge` with the host's bridges; anything else goes to the machine's own ip.
func ipMain(c *call) int {
	if !slices.Equal(c.args, []string{"-o", "link", "show", "type", "bridge"}) {
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
