package contextiso

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// NIC is what a guest is told of one of its network interfaces. What is empty it is not told.
type NIC struct {
	Index        int    // n in ETHn_IP
	MAC          string // by it the guest finds the interface
	Method       string // static, dhcp, skip; of IPv4
	IP           string // IPv4
	Mask         string // 255.255.255.0
	Network      string // 192.168.70.0; empty: computed from IP and Mask
	Gateway      string
	DNS          []string
	SearchDomain string
	MTU          int // bytes
	Metric       int // of the routes
	Routes       []Route
	VLAN         int // 802.1Q

	IP6             string
	IP6PrefixLength int
	IP6Gateway      string
	IP6Method       string // static, auto, dhcp, disable, skip
}

// Route is a route of a guest beyond its default one.
type Route struct {
	To  string // 10.0.0.0/8
	Via string
}

// NetworkVariables are the ETHn_* variables by which the guest's packages configure its network.
// Empty ones are left out. MAC addresses are lower case, because the guest compares them with
// what `ip link` prints.
func NetworkVariables(nics []NIC) map[string]string {
	vars := map[string]string{}
	for _, n := range nics {
		for name, value := range map[string]string{
			"MAC": strings.ToLower(n.MAC), "METHOD": n.Method, "IP": n.IP, "MASK": n.Mask, "NETWORK": n.network(), "GATEWAY": n.Gateway,
			"DNS": strings.Join(n.DNS, " "), "SEARCH_DOMAIN": n.SearchDomain, "MTU": number(n.MTU), "METRIC": number(n.Metric),
			"ROUTES": n.routes(), "VLAN_ID": number(n.VLAN),
			// The older name of the gateway is the one that old guests know.
			"IP6": n.IP6, "IP6_PREFIX_LENGTH": number(n.IP6PrefixLength), "IP6_GATEWAY": n.IP6Gateway, "GATEWAY6": n.IP6Gateway,
			"IP6_METHOD": n.IP6Method,
		} {
			if value != "" {
				vars[fmt.Sprintf("ETH%d_%s", n.Index, name)] = value
			}
		}
	}
	return vars
}

// routes are in the form of OpenNebula's guests: "10.0.0.0/8 via 192.168.70.1, 10.1.0.0/16 via 192.168.70.2".
func (n NIC) routes() string {
	var texts []string
	for _, route := range n.Routes {
		texts = append(texts, route.To+" via "+route.Via)
	}
	return strings.Join(texts, ", ")
}

func (n NIC) network() string {
	ip, mask := net.ParseIP(n.IP).To4(), net.ParseIP(n.Mask).To4()
	if n.Network != "" || ip == nil || mask == nil {
		return n.Network
	}
	return ip.Mask(net.IPMask(mask)).String()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// macPrefix is OpenNebula's; the four octets of the IPv4 address follow. A guest without any
// context derives its address from them.
const macPrefix = "02:00:"

// MACFromIP is the MAC address that OpenNebula gives an interface with the IPv4 address:
// 192.168.70.150 has 02:00:c0:a8:46:96.
func MACFromIP(ip netip.Addr) (string, error) {
	if ip = ip.Unmap(); !ip.Is4() {
		return "", fmt.Errorf("%s is no IPv4 address; only those have a MAC address of their own", ip)
	}
	octets := ip.As4()
	return macPrefix + net.HardwareAddr(octets[:]).String(), nil
}

// IPFromMAC is the inverse of MACFromIP.
func IPFromMAC(mac string) (netip.Addr, error) {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 || !strings.HasPrefix(hw.String(), macPrefix) {
		return netip.Addr{}, fmt.Errorf("%q is no MAC address that begins with 02:00, so it holds no IPv4 address", mac)
	}
	return netip.AddrFrom4([4]byte(hw[2:])), nil
}

// LinkLocalFromMAC is the IPv6 address that the kernel of a guest gives an interface with the MAC address: fe80::/64 and its modified
// EUI-64, RFC 4291 appendix A. (OpenNebula's IP6_LINK is another one, which no guest has.)
func LinkLocalFromMAC(mac string) (netip.Addr, error) {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return netip.Addr{}, fmt.Errorf("%q is no MAC address such as 02:00:c0:a8:46:96", mac)
	}
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: hw[0] ^ 2, 9: hw[1], 10: hw[2], 11: 0xff, 12: 0xfe, 13: hw[3], 14: hw[4], 15: hw[5]}), nil
}
