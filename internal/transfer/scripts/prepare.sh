# prepare.sh DST WORK NEED_KIB BASE BASE_MAP: prints what the host can decompress ("tool NAME"), what is free ("free KIB"), what an
# interrupted transfer has stored already ("sent FIRST COUNT"), and the map of the base behind a line "base".
dst=$1 work=$2 need=$3 base=$4 base_map=$5 dir=${1%/*}
dir=${dir:-/}
if [ ! -d "$dir" ]; then say "directory $dir does not exist"; exit 1; fi
if [ -d "$dst" ]; then say "$dst is a directory"; exit 1; fi

tool=none
for candidate in gzip zstd; do
	command -v $candidate >/dev/null 2>&1 && tool=$candidate
done
echo "tool $tool"
room=$(free "$dir")
[ -z "$room" ] || echo "free $room"
[ -f "$base" ] && [ -f "$base_map" ] || base=''

# What was sent for another base is of no use.
if [ -f "$work/journal" ] && [ "$(cat -- "$work/base" 2>/dev/null)" != "$base" ]; then
	rm -rf -- "$work"
fi
if [ -f "$work/journal" ]; then
	sed -n 's/^[0-9]* [0-9]*$/sent &/p' "$work/journal"
	stored=$(du -k "$work/part" | sed 's/[^0-9].*//')
	need=$((need - stored))
fi
# A copy of a base may share its blocks: only writing tells.
if [ -z "$base" ] && [ "$need" -gt "$room" ] 2>/dev/null; then no_space "$dir" "$need"; fi
if [ -n "$base" ]; then
	echo base
	cat -- "$base_map"
fi
