package contextiso

import (
	"maps"
	"net/netip"
	"testing"
)

func TestNetworkVariables(t *testing.T) {
	got := NetworkVariables([]NIC{
		{
			Index: 0, MAC: "02:00:C0:A8:46:96", IP: "192.168.70.150", Mask: "255.255.255.0", Gateway: "192.168.70.1",
			DNS: []string{"192.168.70.1", "9.9.9.9"}, SearchDomain: "example.com", MTU: 1400,
		},
		{Index: 2, MAC: "02:00:0a:00:00:01", IP6: "2001:db8::2", IP6PrefixLength: 64, IP6Gateway: "2001:db8::1", IP6Method: "static"},
		{Index: 3, IP: "10.0.0.5", Network: "10.0.0.0"},
		{
			Index: 10, MAC: "02:00:0a:00:00:02", Method: "static", IP: "10.1.0.5", Metric: 50, VLAN: 12,
			Routes: []Route{{"10.0.0.0/8", "10.1.0.1"}, {"172.16.0.0/12", "10.1.0.2"}},
		},
	})
	want := map[string]string{
		"ETH0_MAC": "02:00:c0:a8:46:96", "ETH0_IP": "192.168.70.150", "ETH0_MASK": "255.255.255.0", "ETH0_NETWORK": "192.168.70.0",
		"ETH0_GATEWAY": "192.168.70.1", "ETH0_DNS": "192.168.70.1 9.9.9.9", "ETH0_SEARCH_DOMAIN": "example.com", "ETH0_MTU": "1400",
		"ETH2_MAC": "02:00:0a:00:00:01", "ETH2_IP6": "2001:db8::2", "ETH2_IP6_PREFIX_LENGTH": "64", "ETH2_IP6_GATEWAY": "2001:db8::1", "ETH2_GATEWAY6": "2001:db8::1",
		"ETH2_IP6_METHOD": "static",
		"ETH10_MAC":       "02:00:0a:00:00:02", "ETH10_METHOD": "static", "ETH10_IP": "10.1.0.5", "ETH10_METRIC": "50", "ETH10_VLAN_ID": "12",
		"ETH10_ROUTES": "10.0.0.0/8 via 10.1.0.1, 172.16.0.0/12 via 10.1.0.2",
		"ETH3_IP":      "10.0.0.5", "ETH3_NETWORK": "10.0.0.0",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestMACFromIP(t *testing.T) {
	for ip, mac := range map[string]string{"192.168.70.150": "02:00:c0:a8:46:96", "0.0.0.0": "02:00:00:00:00:00", "255.255.255.255": "02:00:ff:ff:ff:ff", "::ffff:10.0.0.1": "02:00:0a:00:00:01"} {
		got, err := MACFromIP(netip.MustParseAddr(ip))
		if err != nil || got != mac {
			t.Errorf("MACFromIP(%s) = %s, %v", ip, got, err)
		}
		back, err := IPFromMAC(got)
		if err != nil || back != netip.MustParseAddr(ip).Unmap() {
			t.Errorf("IPFromMAC(%s) = %s, %v", got, back, err)
		}
	}
	if mac, err := MACFromIP(netip.MustParseAddr("2001:db8::1")); err == nil {
		t.Errorf("IPv6: %s", mac)
	}
	if mac, err := MACFromIP(netip.Addr{}); err == nil {
		t.Errorf("no address: %s", mac)
	}
	for _, mac := range []string{"", "00:16:3e:00:00:01", "02:01:c0:a8:46:96", "02:00:c0:a8:46", "02:00:c0:a8:46:96:00:00", "x"} {
		if ip, err := IPFromMAC(mac); err == nil {
			t.Errorf("IPFromMAC(%q) = %s", mac, ip)
		}
	}
	if ip, err := IPFromMAC("02-00-C0-A8-46-96"); err != nil || ip.String() != "192.168.70.150" {
		t.Errorf("capitals and dashes: %s, %v", ip, err)
	}
}

func TestLinkLocalFromMAC(t *testing.T) {
	for mac, want := range map[string]string{"02:00:c0:a8:46:96": "fe80::c0ff:fea8:4696", "00:16:3E:12:34:56": "fe80::216:3eff:fe12:3456"} {
		if got, err := LinkLocalFromMAC(mac); err != nil || got.String() != want {
			t.Errorf("LinkLocalFromMAC(%s) = %s, %v", mac, got, err)
		}
	}
	for _, mac := range []string{"", "02:00:c0:a8:46", "02:00:c0:a8:46:96:00:00", "x"} {
		if ip, err := LinkLocalFromMAC(mac); err == nil {
			t.Errorf("LinkLocalFromMAC(%q) = %s", mac, ip)
		}
	}
}
