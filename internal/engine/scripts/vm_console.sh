# Prints the log of a guest's console from its start on.
# $1 folder  $2 name that the domain was made with
log=${SIMHOST_ROOT:-}/var/log/xen/console/guest-$2.log
[ -e "$log" ] || { [ -d "${log%/*}" ] && exit 0; echo "the host keeps no logs of consoles: xenconsoled makes them in /var/log/xen/console when it runs with --log=guest (on Debian: XENCONSOLED_ARGS=--log=guest in /etc/default/xen)" >&2; exit 64; }
read -r before <"$1/console" 2>/dev/null || before=0
size=$(wc -c <"$log")
[ "$before" -le "$size" ] || before=0
tail -c "+$((before + 1))" -- "$log" | tail -c 1048576
