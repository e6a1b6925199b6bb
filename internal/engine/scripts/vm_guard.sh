# Functions around the start and the end of a domain; scripts that need them follow this text and that of vmlog.sh.
# Here and in other scripts SIMHOST_ROOT is set on the simulated host only, where files of the system lie below it.

# disks_of_domains prints xl list -l with plain slashes, to look for paths of disks in it.
disks_of_domains() {
	listed=$(xl list -l) || { echo "xl list -l failed" >&2; exit 50; }
	case $listed in
	\[*\"domid\"*\]) ;;
	*)
		echo "xl list -l printed something else than the configurations of all domains (output_format in /etc/xen/xl.conf must be json): nobody knows which disks are in use" >&2
		exit 50
		;;
	esac
	printf '%s\n' "$listed" | sed 's,\\/,/,g'
}

# is_disk FILE tells whether a domain has the file; $domains is what disks_of_domains printed.
is_disk() { printf '%s\n' "$domains" | grep -qF "\"pdev_path\": \"$1\""; }

# need_free_disks DISK...: Xen would let two domains write to one disk (seen on 4.17), whoever made the other one.
need_free_disks() {
	[ $# != 0 ] || return 0
	domains=$(disks_of_domains)
	for disk; do
		[ -e "$disk" ] || fail 51 TM "The disk $disk is missing."
		is_plain "$disk"
		loop=$(losetup -j "$disk")
		[ -z "$loop" ] || fail 51 TM "The disk $disk is in use already: $loop"
		! is_disk "$disk" || fail 51 TM "The disk $disk is in use already by another domain of this host."
	done
}

# is_plain DISK: behind a link in the datastore, or a second name of a disk of the virtual machine's own, another one's disk could lie, which
# neither a record nor xl would show. Disks of the host have links in their names as a matter of course, such as those of LVM.
is_plain() {
	case $1 in "${dir%/vms/*}"/*) ;; *) return 0 ;; esac
	[ ! -L "$1" ] || fail 51 TM "The disk $1 is a symbolic link (to $(readlink -- "$1")), but disks in the datastore are files: put the file itself there."
	if [ "${1%/*}" = "$dir" ] && [ "$(stat -c %h -- "$1")" -gt 1 ]; then
		fail 51 TM "The disk $1 has a second name somewhere (a hard link), and two virtual machines could write to it: copy it to a file of its own."
	fi
}

# need_free_port PORT: nobody listens on it; 0 is none.
need_free_port() {
	if [ "$1" != 0 ] && grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$1") 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
		fail 52 VMM "Something on the host listens on the VNC port $1 already."
	fi
}

# release_disks DISK...: a disk must not be touched while a loop device still writes to it. One that another domain has is none of our
# business.
release_disks() {
	domains=$(disks_of_domains)
	for disk; do
		rounds=0
		[ -e "$disk" ] || continue
		while said=$(losetup -j "$disk") || fail 55 TM "Nobody knows whether the disk $disk is still attached: losetup failed."; do
			loops=$(printf '%s\n' "$said" | cut -d: -f1)
			[ -n "$loops" ] || break
			! is_disk "$disk" || break
			rounds=$((rounds + 1))
			if [ "$rounds" -ge 10 ]; then for loop in $loops; do losetup -d "$loop" || true; done; fi
			[ "$rounds" -lt 20 ] || fail 55 TM "The disk $disk is still attached as $loops although its domain has let go of it."
			sleep 1
		done
	done
}

# await_save waits for a save that goes on although whoever began it was cut off.
await_save() {
	while printf '%s/checkpoint.new' "$dir" | grep -asqF -f - /proc/[0-9]*/cmdline; do sleep 1; done
}

# forget_checkpoint DOMID...: a checkpoint holds while its guest has not run since it was taken. One beside a guest that runs, because
# somebody else restored or started it, would ruin the disks and is put aside.
forget_checkpoint() {
	[ -e "$dir/checkpoint" ] || return 0
	for domid; do
		case $(flags "$domid") in ??p-*) continue ;; esac
		log VMM W "The guest ran after its memory was saved, so the checkpoint is of no use any more: it is now $dir/stale"
		mv -f -- "$dir/checkpoint" "$dir/stale"
		return 0
	done
}

# all_down DOMID... tells whether the guests of all these domains have ended. Where nobody watches over such a domain, it stays.
all_down() {
	[ $# -gt 0 ] || return 1
	for domid; do
		case $(flags "$domid") in ???s*) ;; *) return 1 ;; esac
	done
}

# no_autostart takes away the link by which xendomains would start the virtual machine.
no_autostart() { rm -f -- "${SIMHOST_ROOT:-}/etc/xen/auto/one-${dir##*/}.$uuid"; }

# mark_console NAME notes how long the log of the console is before a start: it goes on after those of earlier guests of the name.
mark_console() {
	console=${SIMHOST_ROOT:-}/var/log/xen/console/guest-$1.log size=0
	[ ! -s "$console" ] || size=$(wc -c <"$console")
	printf '%s\n' "$((size))" >"$dir/console"
}
