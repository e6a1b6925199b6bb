# Functions of the scripts that store a file; they run under the host package's preamble.
# Exit statuses: 28 no space left, 65 the stream was cut, 66 the data is not what was sent, 75 somebody else works in the folder.
unit=65536

say() { printf '%s\n' "$*" >&2; }

# free FOLDER: KiB that are free there.
free() { df -Pk -- "$1" | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9-]*%.*/\1/p'; }

# no_space FOLDER NEED_KIB
no_space() {
	free=$(free "$1")
	say "not enough space in $1: at least $((($2 + 1023) / 1024)) MiB needed, $((free / 1024)) MiB free"
	exit 28
}

# openssl uses the processor's SHA instructions, where many a sha256sum does not.
if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then
	digest() { openssl dgst -sha256 -r; }
else
	digest() { sha256sum; }
fi

# data_digest FILE MAP: the SHA-256 of the data in the extents of the map; $disk is the text of disk.py.
data_digest() {
	python3 -I -c "$disk" digest "$1" "$2" 2>/dev/null && return
	units=$((($(stat -c %s -- "$1") + unit - 1) / unit))
	if [ "$(sed -n '/^[0-9]/p; /^index /q' "$2")" = "0 $units" ]; then
		digest <"$1" | sed 's/ .*//'
		return
	fi
	while read -r at len; do
		case $at in
		size | sha256) ;;
		index) break ;;
		*) dd if="$1" bs=$unit skip="$at" count="$len" 2>/dev/null || exit 1 ;;
		esac
	done <"$2" | digest | sed 's/ .*//'
}
