# Clears away what belongs to nobody any more, where there is a datastore. $1 root
set -eu
cd -- "$1" 2>/dev/null && [ -e layout ] || exit 0
# What an interrupted removal left: records are gone from sight already.
rm -rf -- tmp/deleted.*
# Uploads that nobody came back to.
find tmp -mindepth 1 -maxdepth 1 -name 'upload.*' -mtime +7 -exec rm -rf -- {} +
# What was tried by a process that is no more.
for tried in images/.reflink.*[0-9] vms/.reflink.*[0-9]; do
	[ ! -e "$tried" ] || kill -0 "${tried##*.}" 2>/dev/null || rm -f -- "$tried"
done
# Folders whose record never came, and records that were not finished; what is about to come is under the lock.
empty=$(find images templates contexts vms -mindepth 1 -maxdepth 1 -type d -empty)
torn=$(find tmp images templates contexts vms -maxdepth 2 \( -name 'record.*' -o -name '*.json.new' \) -type f)
[ -z "$empty$torn" ] || (flock -w 60 9 && { rm -f -- $torn; rmdir -- $empty 2>/dev/null; }) 9>>locks/records || true
# Locks of records that are gone, which nobody holds.
for lock in locks/*-*; do
	name=${lock#locks/}
	[ ! -e "$lock" ] || [ -e "${name%-*}/${name##*-}" ] || (flock -n 9 && [ /proc/self/fd/9 -ef "$lock" ] && rm -f -- "$lock") 9>>"$lock" || true
done
