# Holds a lock until standard input ends, so that a client that dies lets go of it, and until the steps under it have ended, which go on
# without their client. The first line on standard output says that it is held.
# $1 root  $2 lock name  $3 seconds to wait  $4 who asks
set -eu
cd -- "$1/locks"
lock=$2
# A holder takes away the lock of a record that is gone: who has opened it before then holds nothing, and opens the next one.
until [ /proc/self/fd/9 -ef "$lock" ]; do
	exec 9>>"$lock"
	flock -w "$3" 9 || { grep -v '^[0-9]*$' -- "$lock" >&2; exit 75; }
done
# Where the record is gone by the end, or never came, its lock is of no use any more: numbers are not used twice.
trap 'if [ -e "../${lock%-*}/${lock##*-}" ]; then : >"$lock"; else rm -f -- "$lock"; fi' EXIT
trap 'exit 143' TERM
trap '' PIPE # who asked may be gone by now
printf '%s since %s\n' "$4" "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" >"$lock"
echo "locked $lock"
while read -r _; do :; done
# Each step has written the number of its shell below the owner.
echo gone >&9
while read -r step _; do
	while [ -e "/proc/$step" ] && grep -qs 'read -r n && eval' "/proc/$step/cmdline"; do sleep 1; done
done </proc/self/fd/9
