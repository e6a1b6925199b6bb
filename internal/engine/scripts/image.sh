# Functions around the file of an image; they come after those that make disk files.

say() { printf '%s\n' "$*" >&2; }

need_qemu() {
	command -v qemu-img >/dev/null 2>&1 || { say 'there is no qemu-img on the host: install the package that has it (on Debian: qemu-utils)'; exit 70; }
}

# own_inode FILE: makes the file one of its own where it is also another image's.
own_inode() {
	[ "$(stat -c %h -- "$1")" -gt 1 ] || return 0
	cp --reflink=auto --sparse=always --preserve=timestamps -- "$1" "$1.own"
	sync -- "$1.own" 2>/dev/null || sync
	mv -f -- "$1.own" "$1"
}

# facts FILE: its length and the time of its last change.
facts() { stat -c '%s %Y' -- "$1"; }
