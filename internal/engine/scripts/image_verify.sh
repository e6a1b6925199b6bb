# Verifies the file of an image as far as that goes without its digest. $1 file  $2 bytes, 0: any  $3 format, empty: not to be looked into
[ -f "$1" ] || { say "$1 is missing"; exit 71; }
length=$(stat -c %s -- "$1")
[ "$2" = 0 ] || [ "$2" = "$length" ] || { say "$1 has $length bytes, not $2"; exit 71; }
if [ "$3" = qcow2 ]; then
	need_qemu
	status=0
	said=$(qemu-img check -f qcow2 -- "$1" 2>&1) || status=$?
	# 3: space is lost, but no data
	[ "$status" = 0 ] || [ "$status" = 3 ] || { say "$said"; exit 71; }
fi
facts "$1"
