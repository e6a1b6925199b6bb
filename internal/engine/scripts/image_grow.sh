# Makes the disk of an image larger, unless a domain has it. $1 file  $2 MiB  $3 format
devices=$(losetup -j "$1")
[ -z "$devices" ] || { say "$1 is in use: $devices"; exit 72; }
own_inode "$1"
[ "$3" != qcow2 ] || need_qemu
grow_disk "$1" "$2" "$3"
sync -- "$1" 2>/dev/null || sync
facts "$1"
