# Writes a record: to a temporary file, synced, then renamed.
# $1 root  $2 kind  $3 id  $4 record file  $5 create|update|idle (an update while no virtual machine uses the record)
# $6 the record  $7 lines that no other record of the kind may have, then pairs of a record that it needs and a line that must stand in it
set -eu
cd -- "$1"
kind=$2 id=$3 record=$2/$3/$4 mode=$5 content=$6 claims=$7 file=$4
shift 7
# Beside a record that stands it is seen, should nothing come after it, not even its removal.
temporary=tmp/record.$kind.$id.$$
[ ! -e "$record" ] || temporary=$record.new.$$
trap '[ ! -e "$temporary" ] || rm -f -- "$temporary"' EXIT
trap 'exit 143' TERM # dash runs the other trap only so
printf '%s' "$content" >"$temporary"
sync -- "$temporary" 2>/dev/null || sync

exec 9>>locks/records
flock -w 60 9
if [ "$mode" != create ] && [ ! -e "$record" ]; then exit 44; fi
if [ "$mode" = create ] && [ -e "$record" ]; then exit 45; fi
# damaged FILE...: records that were cut off. What they use and claim is not known, so it must not be given away.
damaged() { grep -L '^}$' -- "$@" 2>/dev/null | grep -vxF -e "$record" || true; }

if [ "$mode" = idle ]; then
	users=$(grep -lxF -e "    \"$kind/$id\"," -e "    \"$kind/$id\"" -- vms/*/vm.json 2>/dev/null || true)
	[ -z "$users" ] || { printf '%s\n' "$users"; exit 46; }
	broken=$(damaged vms/*/vm.json)
	[ -z "$broken" ] || { printf '%s\n' "$broken"; exit 47; }
fi
if [ -n "$claims" ]; then
	taken=$(printf '%s' "$claims" | grep -HxF -f - -- "$kind"/*/"$file" 2>/dev/null | grep -v -m 1 "^$record:" || true)
	[ -z "$taken" ] || { printf '%s\n%s\n' "${taken#*:}" "${taken%%:*}"; exit 42; }
	broken=$(damaged "$kind"/*/"$file")
	if [ -n "$broken" ]; then
		# It may have what is claimed anew. Each claim stands twice in the list, with a comma and without.
		mine=$(printf '%s' "$claims" | grep -cxF -f - -- "$record" 2>/dev/null || true)
		[ "${mine:-0}" -ge $(($(printf '%s' "$claims" | wc -l) / 2)) ] || { printf '%s\n' "$broken"; exit 47; }
	fi
fi
while [ $# -gt 0 ]; do
	grep -qxF -e "$2" -- "$1"/*.json 2>/dev/null || { printf '%s\n' "$1"; exit 43; }
	shift 2
done
mkdir -p -- "$kind/$id"
mv -f -- "$temporary" "$record"
for left in "$record".new.*; do [ ! -e "$left" ] || rm -f -- "$left"; done
