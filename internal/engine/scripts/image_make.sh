# Makes the content of an empty DATABLOCK.
# $1 file  $2 MiB  $3 format  $4 file system
[ "$3" != qcow2 ] || need_qemu
make_disk "$1" "$2" "$3" "$4"
sync -- "$1" 2>/dev/null || sync
facts "$1"
