# Gives the content of an image its last name and size, and prints how many bytes it has.
# $1 file as it was stored  $2 file as it is to be  $3 MiB, 0: as it is  $4 format
[ "$1" = "$2" ] || mv -f -- "$1" "$2"
[ "$3" = 0 ] || grow_disk "$2" "$3" "$4"
sync -- "$2" 2>/dev/null || sync
stat -c %s -- "$2"
