# Gives the content of an image its last name and size, whole sectors in raw ones, and prints its facts.
# $1 file as it was stored  $2 file as it is to be  $3 MiB, 0: as it is  $4 format, empty: no disk
[ "$1" = "$2" ] || mv -f -- "$1" "$2"
if [ "$4" = raw ] && [ $(($(stat -c %s -- "$2") % 512)) != 0 ]; then truncate -s %512 -- "$2"; fi
[ "$3" = 0 ] || grow_disk "$2" "$3" "$4"
sync -- "$2" 2>/dev/null || sync
facts "$2"
