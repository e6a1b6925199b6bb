# Ends the domain of a virtual machine: asks the guest, then pulls the plug, and returns only when the domain is gone, nobody is about
# to bring it back, and no loop device holds its disks.
# $1 folder  $2 UUID  $3 seconds that the guest may take, 0: pull the plug  $4 what then: destroy, or keep the domain and end with 57
# then the disks
set -eu
dir=$1 uuid=$2 patience=$3 late=$4
shift 4
[ -d "$dir" ] || exit 0
await_save

# uptime: the seconds since the host booted; its clock may be set while a guest shuts down.
uptime() { sed 's/\..*//' /proc/uptime; }

# Assignments of their own: what xl fails to answer must end the script, and not look like nothing.
ids=$(domids)
forget_checkpoint $ids
if [ "$patience" != 0 ] && [ -n "$ids" ]; then
	log LCM I 'New VM state is SHUTDOWN'
	for domid in $ids; do
		# A paused guest hears nothing.
		case $(flags "$domid") in ??p-*) xl unpause "$domid" ;; esac
		# Nobody may bring back what is to stay down.
		if xl list -l "$domid" | grep -q '"on_poweroff": "[a-z_]*restart'; then
			for process in $(watchers); do kill "${process#/proc/}" 2>/dev/null || true; done
		fi
	done
	asked=0 end=$(($(uptime) + patience))
	while [ "$(uptime)" -lt "$end" ]; do
		ids=$(domids)
		[ -n "$ids" ] || [ -n "$(watchers)" ] || break
		! all_down $ids || [ -n "$(watchers)" ] || break
		# A guest whose init is not up yet forgets the request (seen on 4.17), so it is repeated.
		if [ $((asked % 5)) = 0 ]; then
			for domid in $ids; do xl shutdown -F "$domid" >>"$dir/vm.log" 2>&1 || true; done
		fi
		asked=$((asked + 1))
		sleep 2
	done
	ids=$(domids)
	if [ "$late" = keep ] && [ -n "$ids" ] && ! all_down $ids; then
		log LCM I 'New VM state is RUNNING'
		exit 57
	fi
fi

no_autostart
rounds=0
while :; do
	ids=$(domids)
	if [ -n "$ids" ]; then
		for domid in $ids; do xl destroy "$domid" >>"$dir/vm.log" 2>&1 || true; done
	else
		# Without a domain these are an xl create that was cut off, or a guest between two boots.
		processes=$(watchers)
		[ -n "$processes" ] || break
		if [ "$rounds" -ge 30 ]; then
			for process in $processes; do kill "${process#/proc/}" 2>/dev/null || true; done
		fi
	fi
	rounds=$((rounds + 1))
	[ "$rounds" -lt 120 ] || fail 54 VMM "The domain with the UUID $uuid does not go away (domain ids: $ids)."
	sleep 1
done

release_disks "$@"
log LCM I 'New VM state is POWEROFF'
