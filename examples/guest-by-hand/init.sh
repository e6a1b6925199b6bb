# Makes a guest of nothing but busybox what its context says. The guest's boot script reads context.sh and then this file, at each boot,
# with the CD-ROM mounted on /mnt.

hostname "$SET_HOSTNAME"

# The file system of the root grows with its disk.
root=$(awk '$2 == "/" && $1 ~ "^/dev/" { print $1 }' /proc/mounts)
resize2fs "$root" 2>/dev/null

# Swap is the disk that was made as such.
if swap=$(findfs LABEL=swap); then swapon "$swap"; fi

# The address is for the interface with the MAC address that the host gave it.
for interface in /sys/class/net/eth*; do
	[ "$(cat "$interface/address")" = "$ETH0_MAC" ] || continue
	ifconfig "${interface##*/}" "$ETH0_IP" netmask "$ETH0_MASK" up
	if [ -n "$ETH0_GATEWAY" ]; then route add default gw "$ETH0_GATEWAY"; fi
done

mkdir -p -m 700 /root/.ssh
echo "$SSH_PUBLIC_KEY" >/root/.ssh/authorized_keys

# The start script runs once for each context.
now=$(sha256sum </mnt/context.sh)
if [ -n "$START_SCRIPT_BASE64" ] && [ "$now" != "$(cat /var/context-seen 2>/dev/null)" ]; then
	echo "$START_SCRIPT_BASE64" | base64 -d >/var/start-script
	chmod 700 /var/start-script
	/var/start-script
	echo "$now" >/var/context-seen
fi
