# Writes a record, which arrives on standard input: to a temporary file, synced, then renamed.
# $1 root  $2 kind  $3 id  $4 record file  $5 create|update|idle (an update while no virtual machine uses the record)
# $6 number of claims, then the claims, then pairs of a record that it needs and a line that must stand in it
set -eu
cd -- "$1"
kind=$2 id=$3 record=$2/$3/$4 mode=$5 claims=$6 file=$4
shift 6
temporary=tmp/record.$kind.$id.$$
trap 'rm -f -- "$temporary"' EXIT
cat >"$temporary"
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
broken=$(damaged "$kind"/*/"$file")
while [ "$claims" -gt 0 ]; do
	holder=$(grep -lxF -e "    \"$1\"," -e "    \"$1\"" -- "$kind"/*/"$file" 2>/dev/null | grep -vxF -e "$record" | head -n 1 || true)
	[ -z "$holder" ] || { printf '%s\n%s\n' "$1" "$holder"; exit 42; }
	[ -z "$broken" ] || grep -qxF -e "    \"$1\"," -e "    \"$1\"" -- "$record" 2>/dev/null || { printf '%s\n' "$broken"; exit 47; }
	claims=$((claims - 1))
	shift
done
while [ $# -gt 0 ]; do
	grep -qxF -e "$2" -- "$1"/*.json 2>/dev/null || { printf '%s\n' "$1"; exit 43; }
	shift 2
done
mv -f -- "$temporary" "$record"
