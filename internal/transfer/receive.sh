# receive.sh DST NEED_KIB: writes the extents on standard input to DST.part, proves them, and renames it to DST.
# The text runs under the host package's preamble. Exit statuses: 28 no space left, 65 cut or wrong data, 1 the rest.
unit=65536 dst=$1 need=$2 dir=${1%/*}
dir=${dir:-/} part=$dst.part map=$dst.part.map

say() { printf '%s\n' "$*" >&2; }
free() { df -Pk "$dir" | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9-]*%.*/\1/p'; }
no_space() {
	free=$(free)
	say "not enough space in $dir: at least $(((need + 1023) / 1024)) MiB needed, $((free / 1024)) MiB free"
	exit 28
}
trap 'rm -f "$part" "$map"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

if [ ! -d "$dir" ]; then say "directory $dir does not exist"; exit 1; fi
if [ -d "$dst" ]; then say "$dst is a directory"; exit 1; fi
if [ "$need" -gt "$(free)" ] 2>/dev/null; then no_space; fi
# `>` under noclobber creates the file anew and follows no link.
rm -f "$part" "$map" && set -C && : >"$part" && exec 3>"$map" && set +C || exit 1

# The map gathers adjacent extents.
end='' at=0 len=0 sent=0
while read -r first second third; do
	if [ "$first" = end ]; then
		end=$second want=$third
		break
	fi
	error=$(dd of="$part" bs=$unit seek="$first" count="$second" iflag=fullblock conv=notrunc 2>&1) || {
		say "$error"
		case $error in *[Nn]o\ space*) need=$((need > sent ? need : sent)); no_space ;; esac
		exit 1
	}
	sent=$((sent + second * 64))
	if [ "$first" -eq $((at + len)) ]; then
		len=$((len + second))
	else
		echo "$at $len" >&3
		at=$first len=$second
	fi
done
if [ -z "$end" ]; then say "the stream ended too early"; exit 65; fi
echo "$at $len" >&3 && exec 3>&- || exit 1
truncate -s "$end" "$part" && dd if=/dev/null of="$part" conv=notrunc,fsync 2>/dev/null || exit 1

# openssl uses the processor's SHA instructions, where many a sha256sum does not.
if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then
	digest() { openssl dgst -sha256 -r; }
else
	digest() { sha256sum; }
fi
got=$(while read -r at len; do
	dd if="$part" bs=$unit skip="$at" count="$len" 2>/dev/null || exit 1
done <"$map" | digest)
if [ "${got%% *}" != "$want" ]; then
	say "the data read back from $part is not what was sent: SHA-256 $want expected, ${got%% *} found"
	exit 65
fi
mv -f "$part" "$dst"
