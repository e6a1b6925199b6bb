# Tells whether an image can be made of a file of the host. $1 file  $2 the datastore, which may not exist yet
say() { printf '%s\n' "$*" >&2; exit 70; }
[ -e "$1" ] || say "$1 does not exist"
[ -f "$1" ] || [ -b "$1" ] || say "$1 is neither a regular file nor a block device"
case $(readlink -f -- "$1") in "$(readlink -f -- "$2" || printf %s "$2")"/*) say "$1 lies in the datastore: name the image by its id, with source_image_id or image_id" ;; esac
