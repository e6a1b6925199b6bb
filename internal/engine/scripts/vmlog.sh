# log MODULE LEVEL MESSAGE [MODULE LEVEL MESSAGE]... appends to the log of the virtual machine in $dir, in the form of OpenNebula's:
# Thu Aug  7 22:17:06 2014 [DiM][I]: New VM state is ACTIVE.
log() {
	now=
	also "$@"
}

# also is log for what begins when what was logged last has ended: it takes no process to learn the time.
also() {
	: "${now:=$(date '+%a %b %e %H:%M:%S %Y')}"
	while [ $# -gt 0 ]; do
		printf '%s [%s][%s]: %s\n' "$now" "$1" "$2" "$3"
		shift 3
	done >>"$dir/vm.log"
}

# new_deployment FILE TEXT writes a deployment file to FILE.new. What was cut off while it did so goes.
new_deployment() {
	for left in "$dir"/deployment.*.new; do [ ! -e "$left" ] || rm -f -- "$left"; done
	printf '%s' "$2" >"$1.new"
}

# fail STATUS MODULE MESSAGE logs the message, says it, and ends the script.
fail() {
	log "$2" E "$3"
	printf '%s\n' "$3" >&2
	exit "$1"
}

# domids prints the ids of the domains that have the UUID in $uuid. A list that is not whole, or not understood, ends the script: dom0 is in
# every one, and a domain must not look gone.
domids() {
	listed=$(xl vm-list) || { echo "xl vm-list failed" >&2; exit 50; }
	printf '%s\n' "$listed" | awk -v uuid="$uuid" '
		NR == 1 { known = $1 == "UUID" && $2 == "ID"; next }
		NF == 0 { next }
		length($1) != 36 || $1 !~ /^[0-9A-Fa-f-]*$/ || $2 !~ /^[0-9][0-9]*$/ { known = 0; exit }
		$2 == 0 { dom0 = 1 }
		tolower($1) == uuid { found = found $2 "\n" }
		END { if (!known || !dom0) exit 1; printf "%s", found }' ||
		{ printf 'xl vm-list printed something else than the list of all domains:\n%s\n' "$listed" >&2; exit 50; }
}

# watchers prints the /proc folders of the xl processes that create, save, restore or watch over the domain; one that xendomains
# started has the link of autostart.sh in its command line, and that of an adopted domain the file that somebody gave to xl create.
watchers() {
	printf '%s/deployment.\n%s/checkpoint\n/etc/xen/auto/one-%s.%s' "$dir" "$dir" "${dir##*/}" "$uuid" |
		grep -asl -F -f - /proc/[0-9]*/cmdline | sed 's,/cmdline$,,'
	watcher=$(sed -n 's/^  "watcher": "\(.*\)",\{0,1\}$/\1/p' "$dir/vm.json" 2>/dev/null)
	[ -z "$watcher" ] || for process in $(grep -asl -w create /proc/[0-9]*/cmdline); do
		! tr '\000' '\n' <"$process" 2>/dev/null | grep -qxF -e "$watcher" || printf '%s\n' "${process%/cmdline}"
	done
}

# flags DOMID prints the six letters of xl list: running, blocked, paused, shut down, why, dying.
flags() { xl list "$1" | awk 'NR > 1 && NF > 5 && $(NF - 1) ~ /^[r-][b-][p-][s-].[d-]$/ { last = $(NF - 1) } END { if (last == "") exit 1; print last }'; }
