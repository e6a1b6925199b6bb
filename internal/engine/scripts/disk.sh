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

# copy_disk FROM TO: shares the blocks where the file system can, and keeps holes.
copy_disk() {
	if cp --help 2>&1 | grep -q -e --reflink; then
		cp --reflink=auto --sparse=always -- "$1" "$2"
	else
		cp -- "$1" "$2"
	fi
}

# grow_disk FILE MIB FORMAT: never shrinks.
grow_disk() {
	case $3 in
	qcow2) qemu-img resize -q -f qcow2 -- "$1" "$2M" ;;
	*) [ "$(stat -c %s -- "$1")" -ge $(($2 * 1048576)) ] || truncate -s "$2M" -- "$1" ;;
	esac
}
