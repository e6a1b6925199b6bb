package engine

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// neighbours are the addresses that a host has seen of guests.
type neighbours struct {
	byMAC    map[string][]string         // MAC addresses in lower case
	byDomain map[int]map[string][]string // what agents in guests say: by domid and name of the network card
}

// agentNode is where agents in guests write their addresses: attr/eth0/ip the older ones, attr/vif/0/ipv4/0 those since 2016.
var agentNode = regexp.MustCompile(`^/local/domain/(\d+)/attr/(?:eth(\d+)/ip|vif/(\d+)/ipv[46]/\d+) = "([^"]*)"$`)

// parseNeighbours reads the lines that look.sh prints: those of ip neigh, "lease ADDRESS MAC", "free ADDRESS MAC", and nodes of xenstore.
func parseNeighbours(text []byte) neighbours {
	n := neighbours{byMAC: map[string][]string{}, byDomain: map[int]map[string][]string{}}
	leased := map[string]string{} // a file of leases goes on with each renewal: the last word counts
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		node := agentNode.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case node != nil:
			n.addAgent(node[1], "eth"+node[2]+node[3], node[4])
		case len(words) == 3 && words[0] == "lease":
			leased[words[1]] = words[2]
		case len(words) == 3 && words[0] == "free":
			delete(leased, words[1])
		case len(words) > 4 && words[0] == "neigh" && !slices.Contains([]string{"FAILED", "INCOMPLETE"}, words[len(words)-1]):
			if at := slices.Index(words, "lladdr"); at > 0 && at+1 < len(words) {
				n.add(words[at+1], words[1])
			}
		}
	}
	for address, mac := range leased {
		n.add(mac, address)
	}
	return n
}

func (n neighbours) add(mac, address string) {
	if mac = strings.ToLower(mac); usable(address) {
		n.byMAC[mac] = append(n.byMAC[mac], address)
	}
}

func (n neighbours) addAgent(domain, nic, address string) {
	id, err := strconv.Atoi(domain)
	if err != nil || !usable(address) {
		return
	}
	if n.byDomain[id] == nil {
		n.byDomain[id] = map[string][]string{}
	}
	n.byDomain[id][nic] = append(n.byDomain[id][nic], address)
}

// usable leaves out addresses that mean something on one link only.
func usable(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && !ip.IsLinkLocalUnicast() && !ip.IsLoopback() && !ip.IsUnspecified() && !ip.IsMulticast()
}

// of are the addresses of a virtual machine's network cards, IPv4 first.
func (n neighbours) of(vm model.VirtualMachine) map[string][]string {
	learned := map[string][]string{}
	for name, nic := range vm.Effective.NICs {
		all := slices.Concat(n.byDomain[vm.DomID][name], n.byMAC[strings.ToLower(nic.MAC)])
		slices.SortFunc(all, func(a, b string) int { return netip.MustParseAddr(a).Compare(netip.MustParseAddr(b)) })
		if all = slices.Compact(all); len(all) > 0 {
			learned[name] = all
		}
	}
	return learned
}
