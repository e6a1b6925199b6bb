# Makes the file of an image from another one, which nobody may change meanwhile.
# $1 file to copy  $2 its format  $3 file to make  $4 format to make  $5 copy|link|move|convert
# $6 map of the content to copy, or empty  $7 where to
before=$(stat -c '%s %y' -- "$1")
if [ "$5" = convert ] || [ "$2" != "$4" ]; then
	need_qemu
	# A small file may hold a compressed disk that would fill the host's.
	taken=$(qemu-img map --output=json -f "$2" -- "$1" 2>/dev/null | awk -F '[:,]' '/"data": true/ { sum += $4 } END { printf "%.0f", sum / 1024 }')
	room=$(df -Pk -- "${3%/*}" | awk 'END { print $4 }')
	if [ "${taken:-0}" -gt "$room" ]; then
		say "the data in $1 takes $((taken / 1024)) MiB when it is unpacked, but only $((room / 1024)) MiB are free in ${3%/*}"
		exit 28
	fi
	qemu-img convert -f "$2" -O "$4" -- "$1" "$3" || {
		[ "$2" != vhdx ] || say 'A VHDX image that rests on a parent cannot be converted: merge it with its parent first.'
		exit 1
	}
elif cp --reflink=always -- "$1" "$3" 2>/dev/null; then
	:
elif [ "$5" = link ] && rm -f -- "$3" && ln -- "$1" "$3" 2>/dev/null; then
	:
else
	cp --sparse=always -- "$1" "$3"
fi
[ "$before" = "$(stat -c '%s %y' -- "$1")" ] || { say "$1 changed while it was copied"; exit 65; }
if [ "$5" = move ]; then rm -f -- "$1"; fi
[ -z "$6" ] || cp -- "$6" "$7"
facts "$3"
