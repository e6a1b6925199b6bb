# Makes the datastore if there is none yet, and refuses a folder or a layout that is not ours.
# $1 root  $2 layout version  then lines: records that have one of them are named
set -eu
root=$1 version=$2
mkdir -p -- "$root"
cd -- "$root"
if [ ! -e layout ]; then
	# Another client may be doing the same.
	foreign=$(ls -A | grep -vxE 'layout|images|templates|contexts|vms|locks|tmp|lost\+found' || true)
	[ -z "$foreign" ] || { printf '%s\n' "$foreign"; exit 41; }
	chmod 0700 .
	mkdir -p images templates contexts vms locks tmp
	printf '%s\n' "$version" >"tmp/layout.$$"
	[ -e layout ] || mv -f -- "tmp/layout.$$" layout
	rm -f -- "tmp/layout.$$"
fi
read -r found <layout
[ "$found" = "$version" ] || { printf '%s\n' "$found"; exit 40; }
# What an interrupted removal left: records are gone from sight already.
rm -rf -- tmp/deleted.*
# Uploads that nobody came back to, and what was being written when the host went down.
find tmp -mindepth 1 -maxdepth 1 \( -name 'upload.*' -mtime +7 -o -name 'record.*' -mtime +1 \) -exec rm -rf -- {} +
# Locks that were held then, of records that are gone.
for lock in $(find locks -name '*-*' -mtime +1); do
	name=${lock#locks/}
	[ -e "${name%-*}/${name##*-}" ] || rm -f -- "$lock"
done
shift 2
for line; do
	grep -lxF -e "$line" -e "$line," -- */[0-9]*/*.json 2>/dev/null || true
done
