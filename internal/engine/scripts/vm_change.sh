# Changes a running domain, in steps of four words, and gives it a deployment file for the guest's own next boot.
# $1 folder  $2 number of the deployment, 0: none comes  $3 its file  $4 UUID  then the steps
set -eu
dir=$1 number=$2 uuid=$4
[ "$number" = 0 ] || new_deployment "$dir/deployment.$number" "$3"
shift 4

# try WHAT COMMAND...: its words, when it fails, are the error's.
try() {
	what=$1
	shift
	said=$("$@" 2>&1 </dev/null) || {
		log VMM E "Error: $what"
		printf 'Unable to %s: %s\n' "$what" "$said" >&2
		return 1
	}
	log VMM I "Done: $what"
}

# grow FILE MIB: the guest hears of it from its next request on.
grow() {
	[ "$(stat -c %s -- "$1")" -ge $(($2 * 1048576)) ] || truncate -s "$2M" -- "$1" || return 1
	for loop in $(losetup -j "$1" | cut -d: -f1); do losetup -c "$loop" || return 1; done
}

# plug SPEC: a network card, whose parts are separated by commas.
plug() {
	(
		IFS=,
		set -f
		xl network-attach "$domid" $1
	)
}

ids=$(domids)
domid=$(printf '%s\n' "$ids" | head -n 1)
[ -n "$domid" ] || fail 56 VMM "The domain with the UUID $uuid is not there any more: it ended or is rebooting. Apply again."
# A guest that reboots is made again from this file as a whole, and not from what libxl keeps (reload_domain_config, xl_vmcontrol.c).
if [ "$number" != 0 ]; then
	try 'set the configuration of the next boot' xl config-update "$domid" "$dir/deployment.$number.new" || exit 57
	mv -f -- "$dir/deployment.$number.new" "$dir/deployment.$number"
fi
while [ $# -gt 0 ]; do
	case $1 in
	memory) try "set the memory to $2 MiB" xl mem-set "$domid" "$2m" || exit 57 ;;
	processors) try "set the number of processors to $2" xl vcpu-set "$domid" "$2" || exit 57 ;;
	share) try "set the weight to $3 and the cap to $4" xl "$2" -d "$domid" -w "$3" -c "$4" || exit 57 ;;
	grow) try "grow the disk $2 to $3 MiB" grow "$2" "$3" || exit 57 ;;
	detach)
		try "detach the disk $2" xl block-detach "$domid" "$2" || {
			printf '%s\n' 'A guest keeps a disk that it uses: unmount it there, then apply again.' >&2
			exit 58
		}
		[ -z "$3" ] || release_disks "$3"
		;;
	attach)
		[ -z "$4" ] || need_free_disks "$4"
		try "attach the disk $2" xl block-attach "$domid" "$3" || exit 57
		;;
	insert)
		if [ -n "$3" ]; then
			try "insert $3 in the CD-ROM drive $2" xl cd-insert "$domid" "$2" "$3" || exit 57
		else
			try "empty the CD-ROM drive $2" xl cd-eject "$domid" "$2" || exit 57
		fi
		;;
	unplug) try "unplug the network card $2" xl network-detach "$domid" "$2" || exit 57 ;;
	plug)
		try "plug in the network card $2 on $3" plug "$4" || {
			# libxl keeps a card whose script failed.
			xl network-detach "$domid" "$2" >>"$dir/vm.log" 2>&1 || true
			exit 57
		}
		;;
	esac
	shift 4
done
