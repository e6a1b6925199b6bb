package engine

import (
	"slices"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// TestLearnedAddresses reads what look.sh prints of a host with a guest that has two network cards.
func TestLearnedAddresses(t *testing.T) {
	t.Parallel()
	n := parseNeighbours([]byte(`neigh 192.168.70.9 dev br0 lladdr 02:00:00:00:00:01 STALE
neigh 192.168.70.10 dev br0 lladdr 02:00:00:00:00:01 FAILED
neigh 192.168.70.11 dev br0 INCOMPLETE
neigh 169.254.3.4 dev br0 lladdr 02:00:00:00:00:01 REACHABLE
neigh fe80::1 dev br0 lladdr 02:00:00:00:00:01 router REACHABLE
neigh 2001:db8::7 dev br0 lladdr 02:00:00:00:00:01 router STALE
lease 192.168.70.20 02:00:00:00:00:02
lease 192.168.70.21 02:00:00:00:00:02
free 192.168.70.21 02:00:00:00:00:02
lease 192.168.70.22 02:00:00:00:00:09
lease 192.168.70.22 02:00:00:00:00:02
/local/domain/5/attr/eth1/ip = "192.168.70.30"
/local/domain/5/attr/vif/0/ipv4/0 = "192.168.70.9"
/local/domain/5/attr/vif/1/ipv6/0 = "fe80::2"
/local/domain/6/attr/eth1/ip = "192.168.70.31"
nonsense
`))
	vm := model.VirtualMachine{DomID: 5, Effective: model.VirtualMachineBody{NICs: map[string]model.NIC{
		"eth0": {MAC: "02:00:00:00:00:01"}, "eth1": {MAC: "02:00:00:00:00:02", IP: "192.168.70.40"}, "eth2": {MAC: "02:00:00:00:00:03"},
	}}}
	vm.Learned = n.of(vm)
	want := []string{"192.168.70.9", "2001:db8::7", "192.168.70.40", "192.168.70.20", "192.168.70.22", "192.168.70.30"}
	if got := vm.Addresses(); !slices.Equal(got, want) {
		t.Errorf("the addresses are %q, not %q", got, want)
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"plain text\n\twith tabs\n":       "plain text\n\twith tabs\n",
		"\x1b[1;31mred\x1b[0m\r\n":        "red\n",
		"\x1b]0;title\x07shell\x1b[?25l$": "shell$",
		"\x1b]52;c;cm0=\x1b\\paste":       "paste",
		"\x1bcreset \x1b(B":               "reset ",
		"bell\x07 null\x00 del\x7f":       "bell\ufffd null\ufffd del\ufffd",
		"c1 \u009b31m, bidi \u202e":       "c1 \ufffd31m, bidi \ufffd",
		"latin \xe9 ü":                    "latin \ufffd ü",
		"cut off \x1b[3":                  "cut off 3",
	} {
		if got := harmless(given); got != want {
			t.Errorf("%q becomes %q, not %q", given, got, want)
		}
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		count int
		want  string
	}{{"", 5, ""}, {"a\nb\n", 1, "b\n"}, {"a\nb", 1, "b"}, {"a\nb\n", 9, "a\nb\n"}} {
		if got := lastLines(c.text, c.count); got != c.want {
			t.Errorf("the last %d lines of %q are %q", c.count, c.text, got)
		}
	}
}
