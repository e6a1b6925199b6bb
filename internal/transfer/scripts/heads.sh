# heads FILE: prints its length and its first and, where it is longer, its last bytes, which tell its format.
heads() {
	length=$(stat -c %s -- "$1")
	printf '%s\n' "$length"
	dd if="$1" bs=36864 count=1 iflag=fullblock status=none
	[ "$length" -le 36864 ] || tail -c 512 -- "$1"
}
heads "$1"
