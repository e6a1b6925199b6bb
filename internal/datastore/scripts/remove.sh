# Takes a record and its files away, unless another record uses it. It leaves sight in one rename; its files follow.
# $1 root  $2 kind  $3 id
set -eu
cd -- "$1"
kind=$2 id=$3
exec 9>>locks/records
flock -w 60 9
[ -e "$kind/$id" ] || exit 0
users=$(grep -lxF -e "    \"$kind/$id\"," -e "    \"$kind/$id\"" -- vms/*/vm.json 2>/dev/null || true)
[ -z "$users" ] || { printf '%s\n' "$users"; exit 46; }
# A record that was cut off may use anything but what is only being made.
if [ "$kind" != vms ] && ! grep -qxE '  "(state": "LOCKED"|ready": false),?' -- "$kind/$id"/*.json 2>/dev/null; then
	broken=$(grep -L '^}$' -- vms/*/vm.json 2>/dev/null || true)
	[ -z "$broken" ] || { printf '%s\n' "$broken"; exit 47; }
fi
deleted=tmp/deleted.$kind.$id.$$
mv -- "$kind/$id" "$deleted"
exec 9>&-
rm -rf -- "$deleted"
rm -f -- "locks/$kind-$id"
