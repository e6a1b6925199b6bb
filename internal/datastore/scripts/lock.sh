# Holds a lock until standard input ends, so that a client that dies lets go of it. The first line on standard output says that it is held.
# $1 root  $2 lock name  $3 seconds to wait  $4 who asks
set -eu
cd -- "$1/locks"
exec 9>>"$2"
if ! flock -n 9; then
	flock -w "$3" 9 || { cat -- "$2" >&2; exit 75; }
fi
printf '%s since %s\n' "$4" "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" >"$2"
echo "locked $2"
cat >/dev/null
# Where the record is gone by now, or never came, its lock is of no use any more: numbers are not used twice.
if [ -e "../${2%-*}/${2##*-}" ]; then : >"$2"; else rm -f -- "$2"; fi
