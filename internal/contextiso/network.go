package contextiso

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// NIC is what a guest is told of one of its network interfaces.
type NIC struct {
	Index        int    // n in ETHn_IP
	MAC          string // by it the guest finds the interface
	IP           string // IPv4
	Mask         string // 255.255.255.0
	Network      string // 192.168.70.0; empty: computed from IP and Mask
	Gateway      string
	DNS          []string
	SearchDomain string
	MTU          int

	IP6             string
	IP6PrefixLength int
	Gateway6        string
}

// NetworkVariables are the ETHn_* variables by which the guest's packages configure its network.
// Empty ones are left out. MAC addresses are lower case, because the guest compares them with
// what `ip link` prints.
func NetworkVariables(nics []NIC) map[string]string {
	vars := map[string]string{}
	for _, n := range nics {
		for name, value := range map[string]string{
			"MAC": strings.ToLower(n.MAC), "IP": n.IP, "MASK": n.Mask, "NETWORK": n.network(), "GATEWAY": n.Gateway,
			"DNS": strings.Join(n.DNS, " "), "SEARCH_DOMAIN": n.SearchDomain, "MTU": number(n.MTU),
			// The older name of the gateway is the one that old guests know.
			"IP6": n.IP6, "IP6_PREFIX_LENGTH": number(n.IP6PrefixLength), "IP6_GATEWAY": n.Gateway6, "GATEWAY6": n.Gateway6,
		} {
			if value != "" {
				vars[fmt.Sprintf("ETH%d_%s", n.Index, name)] = value
			}
		}
	}
	return vars
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
