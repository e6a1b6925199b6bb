# log MODULE LEVEL MESSAGE appends to the log of the virtual machine in $dir, in the form of OpenNebula's:
# Thu Aug  7 22:17:06 2014 [DiM][I]: New VM state is ACTIVE.
log() {
	printf '%s [%s][%s]: %s\n' "$(date '+%a %b %e %H:%M:%S %Y')" "$1" "$2" "$3" >>"$dir/vm.log"
}

# fail STATUS MODULE MESSAGE logs the message, says it, and ends the script.
fail() {
	log "$2" E "$3"
	printf '%s\n' "$3" >&2
	exit "$1"
}

# domids prints the ids of the domains that have the UUID in $uuid.
domids() {
	listed=$(xl vm-list) || { echo "xl vm-list failed" >&2; exit 50; }
	printf '%s\n' "$listed" | awk -v uuid="$uuid" '$1 == uuid { print $2 }'
}

# watchers prints the /proc folders of the xl processes that create or watch over the domain.
watchers() {
	printf '%s/deployment.' "$dir" | grep -asl -F -f - /proc/[0-9]*/cmdline | sed 's,/cmdline$,,'
}

# guard FILE fails unless the file is there and no domain has it as a disk. $domains is what xl list -l says, without escaped slashes.
guard() {
	[ -e "$1" ] || fail 51 TM "The disk $1 is missing."
	loop=$(losetup -j "$1")
	[ -z "$loop" ] || fail 51 TM "The disk $1 is in use already: $loop"
	if printf '%s\n' "$domains" | grep -qF "\"pdev_path\": \"$1\""; then
		fail 51 TM "The disk $1 is in use already by another domain of this host."
	fi
}
