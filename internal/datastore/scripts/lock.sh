# Holds a lock until standard input ends, so that a client that dies lets go of it. The first line on standard output says that it is held.
# $1 root  $2 lock name  $3 seconds to wait  $4 who asks
set -eu
cd -- "$1/locks"
# A holder takes away the lock of a record that is gone: who has opened it before then holds nothing, and opens the next one.
until [ /proc/self/fd/9 -ef "$2" ]; do
	exec 9>>"$2"
	flock -w "$3" 9 || { cat -- "$2" >&2; exit 75; }
done
printf '%s since %s\n' "$4" "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" >"$2"
echo "locked $2"
cat >/dev/null
# Where the record is gone by now, or never came, its lock is of no use any more: numbers are not used twice.
if [ -e "../${2%-*}/${2##*-}" ]; then : >"$2"; else rm -f -- "$2"; fi
