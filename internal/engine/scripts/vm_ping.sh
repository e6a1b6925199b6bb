# Prints those of the addresses that answer a ping.
# $1... addresses
command -v ping >/dev/null || { echo 'there is no ping on the host: install it (on Debian: iputils-ping), or wait for something else' >&2; exit 65; }
for address; do
	if ping -c 1 -W 2 "$address" >/dev/null 2>&1; then printf '%s\n' "$address"; fi
done
