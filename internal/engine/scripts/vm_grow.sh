# Makes disks larger that no domain has. $1 folder  then for each disk: file, MiB, format
dir=$1
shift
while [ $# -gt 0 ]; do
	loop=$(losetup -j "$1")
	[ -z "$loop" ] || fail 51 TM "The disk $1 is in use: $loop"
	[ "$3" != qcow2 ] || need_qemu_img "makes the disk $1 larger" 'leave its size as it was'
	grow_disk "$1" "$2" "$3"
	log TM I "resize: Grew $1 to $2 MiB"
	shift 3
done
