# Ends the domain of a virtual machine: asks the guest, then pulls the plug, and returns only when the domain is gone, nobody is about
# to bring it back, and no loop device holds its disks.
# $1 folder  $2 UUID  $3 seconds that the guest may take, 0: pull the plug  then the disks
set -eu
dir=$1 uuid=$2 patience=$3
shift 3
[ -d "$dir" ] || exit 0

# Assignments of their own: what xl fails to answer must end the script, and not look like nothing.
ids=$(domids)
if [ "$patience" != 0 ] && [ -n "$ids" ]; then
	log LCM I 'New VM state is SHUTDOWN'
	asked=0 end=$(($(date +%s) + patience))
	while [ "$(date +%s)" -lt "$end" ]; do
		ids=$(domids)
		[ -n "$ids" ] || [ -n "$(watchers)" ] || break
		# A guest whose init is not up yet forgets the request (seen on 4.17), so it is repeated.
		if [ $((asked % 5)) = 0 ]; then
			for domid in $ids; do xl shutdown -F "$domid" >>"$dir/vm.log" 2>&1 || true; done
		fi
		asked=$((asked + 1))
		sleep 2
	done
fi

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

# A disk must not be touched while a loop device still writes to it. One that another domain has is none of our business.
domains=$(xl list -l)
domains=$(printf '%s\n' "$domains" | sed 's,\\/,/,g')
for disk; do
	rounds=0
	while loops=$(losetup -j "$disk" 2>/dev/null | cut -d: -f1) && [ -n "$loops" ]; do
		if printf '%s\n' "$domains" | grep -qF "\"pdev_path\": \"$disk\""; then break; fi
		rounds=$((rounds + 1))
		if [ "$rounds" -ge 10 ]; then for loop in $loops; do losetup -d "$loop" || true; done; fi
		[ "$rounds" -lt 20 ] || fail 55 TM "The disk $disk is still attached as $loops although its domain is gone."
		sleep 1
	done
done
log LCM I 'New VM state is POWEROFF'
