# Verifies the content of an image. $1 file  $2 bytes, 0: any  $3 SHA-256, empty: not known  $4 format
[ -f "$1" ] || { say "$1 is missing"; exit 71; }
length=$(stat -c %s -- "$1")
[ "$2" = 0 ] || [ "$2" = "$length" ] || { say "$1 has $length bytes, not $2"; exit 71; }
if [ -n "$3" ]; then
	got=$(digest <"$1")
	[ "${got%% *}" = "$3" ] || { say "$1 has other content than was stored: SHA-256 ${got%% *}, not $3"; exit 71; }
elif [ "$4" = qcow2 ]; then
	need_qemu
	status=0
	said=$(qemu-img check -f qcow2 -- "$1" 2>&1) || status=$?
	# 3: space is lost, but no data
	[ "$status" = 0 ] || [ "$status" = 3 ] || { say "$said"; exit 71; }
fi
facts "$1"
