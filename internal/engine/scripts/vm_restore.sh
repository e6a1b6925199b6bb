# Wakes a guest from the file checkpoint in the folder of the virtual machine. The file goes just before the guest runs: while it is
# there, the guest has not run since it was saved, however often a restore was cut off.
# $1 folder  $2 UUID  $3 name  $4 VNC port or 0  then the files of disks that no other domain may have and that must be as they were
set -eu
dir=$1 uuid=$2 name=$3 port=$4
shift 4
await_save
[ -s "$dir/checkpoint" ] || fail 59 VMM "There is no checkpoint in $dir."
ids=$(domids)
for domid in $ids; do
	case $(flags "$domid") in
	??p-*) xl destroy "$domid" ;;
	*) fail 59 VMM "The domain $domid runs already, although its guest is suspended." ;;
	esac
done
need_free_disks "$@"
for disk; do
	if [ "$disk" -nt "$dir/checkpoint" ]; then
		fail 59 TM "The disk $disk was written to after the memory of the guest was saved: the guest would go on from what it remembers of it, and ruin its content."
	fi
done
need_free_port "$port"

mark_console "$name"
log LCM I 'New state is BOOT_SUSPENDED'
status=0
xl restore -p "$dir/checkpoint" >"$dir/restore.log" 2>&1 </dev/null || status=$?
log VMM I "ExitCode: $status"
ids=$(domids)
if [ "$status" = 0 ] && [ "$(xl domname "$ids")" != "$name" ]; then
	xl rename "$ids" "$name" >>"$dir/restore.log" 2>&1 || status=$?
fi
if [ "$status" != 0 ]; then
	for domid in $ids; do xl destroy "$domid" >>"$dir/vm.log" 2>&1 || true; done
	while IFS= read -r line; do log VMM I "$line"; done <"$dir/restore.log"
	log VMM E 'Error restoring VM'
	cat -- "$dir/restore.log" >&2
	exit 59
fi
rm -f -- "$dir/checkpoint"
xl unpause "$ids"
log LCM I 'New VM state is RUNNING'
