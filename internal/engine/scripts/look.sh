# What runs on the host right now, each part ended by a NUL; appended to the reading of the datastore, whose root is $1.
xl vm-list || exit 50
printf '\0'
xl list || exit 50
printf '\0'
xl info || exit 50
printf '\0'
ip -o link show type bridge 2>/dev/null
printf '\0'
# A guest that reboots is unknown to xl for seconds, but the xl process that watches over it is there all the time. Those that
# xendomains started have other paths in their command lines, and those of adopted domains any.
printf '%s/vms/\ncreate\n/etc/xen/auto/one-\n/var/lib/xen/save/' "$1" | grep -asHF -f - /proc/[0-9]*/cmdline | tr '\000' ' '
printf '\0'
# The addresses of guests: neighbours of the host, then leases of dnsmasq (time MAC address ...) and of ISC's dhcpd, and what agents in
# guests wrote to xenstore.
ip neigh show 2>/dev/null | sed 's/^/neigh /'
cat -- "${SIMHOST_ROOT:-}"/var/lib/misc/dnsmasq*.leases "${SIMHOST_ROOT:-}"/var/lib/dnsmasq/*.leases \
	"${SIMHOST_ROOT:-}"/var/lib/NetworkManager/dnsmasq-*.leases 2>/dev/null | awk 'NF >= 3 { print "lease", $3, $2 }'
cat -- "${SIMHOST_ROOT:-}"/var/lib/dhcp/dhcpd.leases "${SIMHOST_ROOT:-}"/var/lib/dhcpd/dhcpd.leases 2>/dev/null | tr -d ';' |
	awk '$1 == "lease" { ip = $2; state = "active" } $1 == "binding" { state = $3 } $1 == "hardware" { mac = $3 }
		$1 == "}" && ip != "" { print (state == "active" ? "lease" : "free"), ip, mac; ip = "" }'
xenstore-ls -f /local/domain 2>/dev/null | grep -E '^/local/domain/[0-9]+/attr/(eth[0-9]+/ip|vif/[0-9]+/ipv[46]/[0-9]+) = '
printf '\0'
# Whether the host starts virtual machines at its boot, and which: the links with their targets.
for script in /etc/init.d/xendomains /etc/rc.d/init.d/xendomains /lib/systemd/system/xendomains.service /usr/lib/systemd/system/xendomains.service; do
	[ ! -e "${SIMHOST_ROOT:-}$script" ] || printf 'xendomains\n'
done
stat -c %N -- "${SIMHOST_ROOT:-}"/etc/xen/auto/one-* 2>/dev/null
printf '\0'
# What each domain has now, with the devices that came and went since it was created.
xl list -l || exit 50
printf '\0'
