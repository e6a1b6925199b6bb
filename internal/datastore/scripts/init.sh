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
# Uploads that nobody came back to, and records that seem to be written by a process that has but the number of the one that did.
find tmp -mindepth 1 -maxdepth 1 \( -name 'upload.*' -mtime +7 -o -name 'record.*' -mtime +1 \) -exec rm -rf -- {} +
# What was being written, or tried, by a process that is no more.
for written in tmp/record.*[0-9] */[0-9]*/*.json.new.*[0-9] images/.reflink.*[0-9] vms/.reflink.*[0-9]; do
	[ ! -e "$written" ] || kill -0 "${written##*.}" 2>/dev/null || rm -f -- "$written"
done
# Folders whose record never came; one that is about to come is under the lock.
empty=$(find images templates contexts vms -mindepth 1 -maxdepth 1 -type d -empty)
[ -z "$empty" ] || (flock -w 60 9 && rmdir -- $empty 2>/dev/null) 9>>locks/records || true
# Locks of records that are gone, which nobody holds.
for lock in locks/*-*; do
	name=${lock#locks/}
	[ ! -e "$lock" ] || [ -e "${name%-*}/${name##*-}" ] || (flock -n 9 && [ /proc/self/fd/9 -ef "$lock" ] && rm -f -- "$lock") 9>>"$lock" || true
done
shift 2
for line; do
	grep -lxF -e "$line" -e "$line," -- */[0-9]*/*.json 2>/dev/null || true
done
