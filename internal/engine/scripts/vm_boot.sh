# Starts the domain of a virtual machine, once: a domain that has its UUID is kept when it runs, and cleared away when it never did. Prints
# its number, or an empty line when it is gone again.
# $1 folder  $2 number of the deployment  $3 its file  $4 UUID  $5 name  $6 VNC port or 0
# $7 new: no domain can have the UUID yet; or again  then the files of disks that no other domain may have
set -eu
dir=$1 deployment=$1/deployment.$2 uuid=$4 name=$5 port=$6 ids=
new_deployment "$deployment" "$3"
mv -f -- "$deployment.new" "$deployment"

# Assignments of their own: what xl fails to answer must end the script, and not look like nothing.
attempt=$7
[ "$attempt" = new ] || ids=$(domids)
shift 7
for domid in $ids; do
	state=$(flags "$domid")
	case $state in
	??p*) xl destroy "$domid" ;;
	*)
		log LCM I 'New VM state is RUNNING'
		echo "$domid"
		exit 0
		;;
	esac
done

need_free_disks "$@"
need_free_port "$port"

mark_console "$name"
log LCM I 'New VM state is BOOT' VMM I "Generating deployment file: $deployment"
status=0
xl create "$deployment" >"$dir/create.log" 2>&1 </dev/null || status=$?
if [ "$status" != 0 ]; then
	log VMM I "ExitCode: $status"
	while IFS= read -r line; do log VMM I "$line"; done <"$dir/create.log"
	log VMM I 'Failed to execute virtualization driver operation: deploy.'
	log VMM E 'Error deploying virtual machine'
	cat -- "$dir/create.log" >&2
	# Logs are shared with earlier domains of the name, and the last one with all others.
	for file in "/var/log/xen/qemu-dm-$name.log" "/var/log/xen/xl-$name.log"; do
		if [ -s "$file" ] && [ "$file" -nt "$deployment" ]; then
			printf '%s:\n' "$file" >&2
			tail -n 20 -- "$file" >&2
		fi
	done
	domid=$(sed -n 's/.*: Domain \([0-9]*\):.*/\1/p' "$dir/create.log" | head -n 1)
	grep -s "/v[bi][df]/${domid:-none}/" /var/log/xen/xen-hotplug.log | tail -n 5 >&2 || true
	exit 53
fi
log VMM I 'ExitCode: 0' VMM I 'Successfully execute virtualization driver operation: deploy.' LCM I 'New VM state is RUNNING'

# libxl names a file for the domain (libxl__userdata_path, libxl_dom.c), and finding it takes no process. Those of earlier domains of the
# UUID may have stayed when the host's power failed.
set -- "${SIMHOST_ROOT:-}/var/lib/xen/userdata-d."*".$uuid.libxl-json"
if [ "$attempt" = new ] && [ -e "$1" ]; then
	domid=${1##*/userdata-d.} domid=${domid%%.*}
else
	domid=$(domids)
fi
echo "$domid"
