package model

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// NIC is one network card of a virtual machine. Bridge, MAC, VLAN, Rate, Script, Model and MTU are xl's business, all but Bridge, Rate,
// Script and Model also the guest's, which learns them from its context.
type NIC struct {
	Bridge          string            `json:"bridge,omitempty"`
	MAC             string            `json:"mac,omitempty"` // from IP when not said
	IP              string            `json:"ip,omitempty"`
	Netmask         string            `json:"netmask,omitempty"`
	Gateway         string            `json:"gateway,omitempty"`
	Method          string            `json:"method,omitempty"` // static, dhcp, skip
	IP6             string            `json:"ip6,omitempty"`
	IP6PrefixLength int64             `json:"ip6_prefix_length,omitempty"`
	IP6Gateway      string            `json:"ip6_gateway,omitempty"`
	IP6Method       string            `json:"ip6_method,omitempty"` // static, auto, dhcp, disable, skip
	DNS             []string          `json:"dns,omitempty"`
	SearchDomain    string            `json:"search_domain,omitempty"`
	Metric          int64             `json:"metric,omitempty"` // of its routes
	Routes          map[string]string `json:"routes,omitempty"` // router by network: 10.0.0.0/8
	MTU             int64             `json:"mtu,omitempty"`    // bytes
	Model           string            `json:"model,omitempty"`  // e1000, rtl8139; HVM only
	VLAN            int64             `json:"vlan,omitempty"`   // 802.1Q; with ScriptOpenVSwitch
	Rate            string            `json:"rate,omitempty"`   // most that the guest may send, xl-network-configuration(5)
	Script          string            `json:"script,omitempty"` // of the host, that plugs the card in: a name in /etc/xen/scripts or an absolute path
}

// ScriptOpenVSwitch is the script of Xen that plugs cards into bridges of Open vSwitch. It alone knows VLANs: for Linux bridges of a VLAN,
// another bridge stands on the host.
const ScriptOpenVSwitch = "vif-openvswitch"

var (
	ip4Methods    = []string{"static", "dhcp", "skip"}
	ip6Methods    = []string{"static", "auto", "dhcp", "disable", "skip"}
	scriptPattern = regexp.MustCompile(`^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`)
)

func (n NIC) check(name string) *FieldError {
	path := "nics." + name
	if !nicNamePattern.MatchString(name) {
		return fieldError(path, "%q is not a nic: use eth0, eth1, ... eth99", name)
	}
	if n.Bridge != "" {
		if err := CheckBridge(n.Bridge); err != nil {
			return fieldError(path+".bridge", "%s", err)
		}
	}
	if n.MAC != "" {
		if err := CheckMAC(n.MAC); err != nil {
			return fieldError(path+".mac", "%s", err)
		}
	}
	switch {
	case n.Netmask != "" && !isNetmask(n.Netmask):
		return fieldError(path+".netmask", "%q is not a netmask such as 255.255.255.0", n.Netmask)
	case n.MTU != 0 && (n.MTU < 68 || n.MTU > 65535):
		return fieldError(path+".mtu", "an MTU is a number of bytes from 68 to 65535, not %d", n.MTU)
	case n.Model != "" && n.Model != "e1000" && n.Model != "rtl8139" && n.Model != "virtio-net":
		return fieldError(path+".model", "%q is not a model of network card: use e1000, rtl8139 or virtio-net", n.Model)
	case hasControl(n.SearchDomain) || strings.Contains(n.SearchDomain, ","):
		return fieldError(path+".search_domain", "%q is not a list of domains separated by spaces", n.SearchDomain)
	case n.Metric < 0:
		return fieldError(path+".metric", "a metric is a number from 1 on, not %d", n.Metric)
	case n.VLAN < 0 || n.VLAN > 4094:
		return fieldError(path+".vlan", "a VLAN is a number from 1 to 4094, not %d", n.VLAN)
	case n.Script != "" && !scriptPattern.MatchString(n.Script):
		return fieldError(path+".script", "%q is not a script of the host: use a name in /etc/xen/scripts such as %s, or an absolute path", n.Script, ScriptOpenVSwitch)
	}
	return cmp.Or(n.checkAddresses(path), n.checkMethods(path), n.checkRoutes(path))
}

func (n NIC) checkAddresses(path string) *FieldError {
	is4 := func(ip netip.Addr) bool { return ip.Is4() }
	is6 := func(ip netip.Addr) bool { return ip.Is6() && !ip.Is4In6() && ip.Zone() == "" }
	for _, of := range []struct {
		attribute, what string
		fits            func(netip.Addr) bool
		addresses       []string
	}{
		{"ip", "an IPv4 address", is4, []string{n.IP}}, {"gateway", "an IPv4 address", is4, []string{n.Gateway}}, {"netmask", "an IPv4 address", is4, []string{n.Netmask}},
		{"ip6", "an IPv6 address", is6, []string{n.IP6}}, {"ip6_gateway", "an IPv6 address", is6, []string{n.IP6Gateway}},
		{"dns", "an IP address", netip.Addr.IsValid, n.DNS},
	} {
		for _, address := range of.addresses {
			if ip, err := netip.ParseAddr(address); address != "" && (err != nil || !of.fits(ip)) {
				return fieldError(path+"."+of.attribute, "%q is not %s", address, of.what)
			}
		}
	}
	if n.IP6PrefixLength < 0 || n.IP6PrefixLength > 128 {
		return fieldError(path+".ip6_prefix_length", "the length of a prefix is a number from 1 to 128, not %d", n.IP6PrefixLength)
	}
	return nil
}

func (n NIC) checkMethods(path string) *FieldError {
	switch {
	case n.Method != "" && !slices.Contains(ip4Methods, n.Method):
		return fieldError(path+".method", "%q is not a way to an IPv4 address: use one of %v", n.Method, ip4Methods)
	case n.IP6Method != "" && !slices.Contains(ip6Methods, n.IP6Method):
		return fieldError(path+".ip6_method", "%q is not a way to an IPv6 address: use one of %v", n.IP6Method, ip6Methods)
	}
	return nil
}

func (n NIC) checkRoutes(path string) *FieldError {
	for _, network := range sortedKeys(n.Routes) {
		to, err := netip.ParsePrefix(network)
		if err != nil || to.Masked() != to {
			return fieldError(path+".routes", "%q is not a network such as 10.0.0.0/8", network)
		}
		via, err := netip.ParseAddr(n.Routes[network])
		if n.Routes[network] != "" && (err != nil || via.Is4() != to.Addr().Is4()) { // empty: not known yet
			return fieldError(path+".routes", "%q is not the address of a router to %s", n.Routes[network], network)
		}
	}
	return nil
}

// checkComplete demands what a card cannot do without when no template gives it.
func (n NIC) checkComplete(path string, typ DomainType) *FieldError {
	switch {
	case n.Bridge == "":
		return fieldError(path+".bridge", "the nic needs a bridge")
	case n.Model != "" && typ != TypeHVM:
		return fieldError(path+".model", "only a guest of type \"hvm\" has emulated network cards, this one is %q", typ)
	case n.VLAN != 0 && n.Script != ScriptOpenVSwitch:
		return fieldError(path+".vlan", "only the script %s puts a card into a VLAN of its bridge; for a Linux bridge make a bridge of the VLAN on the host, and name that", ScriptOpenVSwitch)
	case n.Method == "static" && n.IP == "":
		return fieldError(path+".method", "a static address is said in ip")
	case n.IP6Method == "static" && n.IP6 == "":
		return fieldError(path+".ip6_method", "a static address is said in ip6")
	}
	return nil
}

func (b VirtualMachineBody) checkDuplicateNICs() *FieldError {
	taken := map[string]string{}
	for _, name := range sortedKeys(b.NICs) {
		nic := b.NICs[name]
		for _, of := range []struct{ attribute, address string }{{"ip", nic.IP}, {"ip6", sameIP6(nic.IP6)}, {"mac", strings.ToLower(nic.MAC)}} {
			if other, twice := taken[of.address]; twice && of.address != "" {
				return fieldError("nics."+name+"."+of.attribute, "%s has the address %s already", other, of.address)
			}
			taken[of.address] = name
		}
	}
	return nil
}

// sameIP6 is the address in the form of RFC 5952.
func sameIP6(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	return ip.String()
}

// IPs are the addresses that the card was given, in their usual forms.
func (n NIC) IPs() []string {
	return slices.DeleteFunc([]string{n.IP, sameIP6(n.IP6)}, func(ip string) bool { return ip == "" })
}

func (n NIC) over(t NIC) NIC {
	return NIC{
		Bridge:          firstSet(n.Bridge, t.Bridge),
		MAC:             firstSet(n.MAC, t.MAC),
		IP:              firstSet(n.IP, t.IP),
		Netmask:         firstSet(n.Netmask, t.Netmask),
		Gateway:         firstSet(n.Gateway, t.Gateway),
		Method:          firstSet(n.Method, t.Method),
		IP6:             firstSet(n.IP6, t.IP6),
		IP6PrefixLength: firstSet(n.IP6PrefixLength, t.IP6PrefixLength),
		IP6Gateway:      firstSet(n.IP6Gateway, t.IP6Gateway),
		IP6Method:       firstSet(n.IP6Method, t.IP6Method),
		DNS:             firstFilled(n.DNS, t.DNS),
		SearchDomain:    firstSet(n.SearchDomain, t.SearchDomain),
		Metric:          firstSet(n.Metric, t.Metric),
		Routes:          mergeMap(n.Routes, t.Routes, func(mine, _ string) string { return mine }),
		MTU:             firstSet(n.MTU, t.MTU),
		Model:           firstSet(n.Model, t.Model),
		VLAN:            firstSet(n.VLAN, t.VLAN),
		Rate:            firstSet(n.Rate, t.Rate),
		Script:          firstSet(n.Script, t.Script),
	}
}
