# Saves the memory of a guest as the file checkpoint in the folder of the virtual machine; its domain goes with that.
# $1 folder  $2 UUID  then the disks
set -eu
dir=$1 uuid=$2
shift 2
await_save
ids=$(domids)
if [ -z "$ids" ] && [ -e "$dir/checkpoint" ]; then exit 0; fi
domid=$(printf '%s\n' "$ids" | head -n 1)
[ -n "$domid" ] || fail 58 VMM 'The guest ended before its memory was saved.'

# Besides the memory there are tables of its pages and, of an HVM guest, the device model and the screen.
needed=$(xl list "$domid" | awk 'END { print int($(NF - 3) * 1.02) + 64 }')
free=$(df -Pk -- "$dir" | awk 'END { print int($4 / 1024) }')
[ "$free" -ge "$needed" ] || fail 56 VMM "The memory of the guest takes about $needed MiB, but there are only $free MiB free in $dir."

# A paused guest cannot prepare itself.
case $(flags "$domid") in ??p-*) xl unpause "$domid" ;; esac
log LCM I 'New VM state is SAVE_SUSPEND'
# A save that is cut off leaves a guest that nobody can wake. So it goes on when this script is ended, and ends with the name checkpoint.
setsid sh -c 'xl save "$1" "$2" && touch -- "$2" && { sync -- "$2" 2>/dev/null || sync; } && mv -f -- "$2" "$3"' \
	sh "$domid" "$dir/checkpoint.new" "$dir/checkpoint" >"$dir/save.log" 2>&1 </dev/null &
status=0
wait $! || status=$?
log VMM I "ExitCode: $status"
if [ "$status" != 0 ]; then
	rm -f -- "$dir/checkpoint.new"
	while IFS= read -r line; do log VMM I "$line"; done <"$dir/save.log"
	log VMM E 'Error saving VM state'
	cat -- "$dir/save.log" >&2
	exit 58
fi
rounds=0
ids=$(domids)
while [ -n "$ids" ]; do
	rounds=$((rounds + 1))
	[ "$rounds" -lt 60 ] || fail 54 VMM "The domain $domid does not go away although its memory is saved."
	sleep 1
	ids=$(domids)
done
release_disks "$@"
no_autostart
log DiM I 'New VM state is SUSPENDED'
