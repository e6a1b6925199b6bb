# Functions that make disk files; scripts that need them follow this text.
set -eu

# make_disk FILE MIB FORMAT FSTYPE: an empty disk with a file system, a swap area, or nothing on it.
make_disk() {
	if [ "$3" = qcow2 ]; then
		qemu-img create -q -f qcow2 -- "$1" "$2M"
		return
	fi
	truncate -s "$2M" -- "$1"
	case $4 in
	'' | raw) ;;
	swap) mkswap -L swap -- "$1" >/dev/null ;;
	*)
		command -v "mkfs.$4" >/dev/null || { echo "there is no mkfs.$4 on the host: install the package that has it, or choose another fstype" >&2; exit 70; }
		case $4 in
		ext*) "mkfs.$4" -q -F -- "$1" ;;
		*) "mkfs.$4" -q -f -- "$1" >/dev/null ;;
		esac
		;;
	esac
}

# clone_disk FROM TO FORMAT MIB METHODS: makes a disk from the file of an image, by the first of the methods that works, as large as the
# image or, unless 0, of so many MiB. Then $method is the one that worked.
clone_disk() {
	for method in $5; do
		case $method in
		reflink) share_blocks "$1" "$2" || continue ;;
		copy) copy_disk "$1" "$2" ;;
		overlay)
			make_overlay "$@"
			return
			;;
		esac
		[ "$4" != 0 ] || return 0
		[ "$3" != qcow2 ] || need_qemu_img "makes the disk $2 larger" 'leave its size away'
		grow_disk "$2" "$4" "$3"
		return
	done
	printf '%s\n' "$said" "The disk $2 was to share the blocks of its image, but here files cannot (any more): plan and apply again, or choose another clone." >&2
	exit 71
}

# share_blocks FROM TO: the copy takes no time and no space, where the file system can do that; else $said is why not.
share_blocks() {
	said=$(cp --reflink=always -- "$1" "$2" 2>&1) || { rm -f -- "$2"; return 1; }
}

# copy_disk FROM TO: leaves holes for zeros.
copy_disk() {
	cp --sparse=always -- "$1" "$2" 2>/dev/null || cp -- "$1" "$2"
}

# make_overlay BASE FILE FORMAT MIB: the format of the base is told, because a guest could make a raw disk look like anything.
make_overlay() {
	need_qemu_img "makes the overlay $2" 'let clone be "copy"'
	size=
	[ "$4" = 0 ] || size=$4M
	qemu-img create -q -f qcow2 -F "$3" -b "$1" -- "$2" $size
}

# need_qemu_img PURPOSE REMEDY
need_qemu_img() {
	command -v qemu-img >/dev/null || { echo "there is no qemu-img on the host, which $1: install it (on Debian: qemu-utils), or $2" >&2; exit 70; }
}

# grow_disk FILE MIB FORMAT: never shrinks.
grow_disk() {
	case $3 in
	qcow2) qemu-img resize -q -f qcow2 -- "$1" "$2M" ;;
	*) [ "$(stat -c %s -- "$1")" -ge $(($2 * 1048576)) ] || truncate -s "$2M" -- "$1" ;;
	esac
}
