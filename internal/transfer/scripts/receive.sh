# receive.sh DST MAP WORK NEED_KIB BASE TOOL DISK_PY: stores the frames on standard input (stream.go) in WORK/part, proves the whole, and renames
# it to DST. WORK/journal says which units are stored, so that another transfer can go on after an interruption.
dst=$1 map=$2 work=$3 need=$4 base=$5 tool=$6 disk=$7
part=$work/part journal=$work/journal sent=0

failed() { # failed MESSAGE: dd could not write
	say "$1"
	rm -rf -- "$work"
	case $1 in *[Nn]o\ space*) no_space "${work%/*}" $((need > sent ? need : sent)) ;; esac
	exit 1
}
# What was stored whole stays for the next transfer.
trap '[ -s "$journal" ] || rm -rf -- "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

mkdir -p -- "$work" || exit 1
exec 9>>"$work/lock" || exit 1
if command -v flock >/dev/null 2>&1; then
	flock -n 9 || flock -w 10 9 || { trap - EXIT; say "another transfer is at work in $work"; exit 75; }
fi
# `>` under noclobber creates the file anew and follows no link.
if [ ! -s "$journal" ]; then
	rm -f -- "$part" "$journal"
	if [ -n "$base" ]; then
		[ -f "$base" ] || exit 66 # it went in the meantime
		cp --reflink=auto --sparse=always -- "$base" "$part" 2>/dev/null || error=$(cp -- "$base" "$part" 2>&1) || failed "$error"
		printf '%s' "$base" >"$work/base" && chmod u+w "$part" || exit 1
	else
		rm -f -- "$work/base"
		set -C && : >"$part" && set +C || exit 1
	fi
	: >"$journal"
fi
cut() {
	say "the stream ended too early"
	exit 65
}

# frames stores the frames, and sets lines and bytes to what the last one says of the map.
frames() {
	exec 3>>"$journal" || exit 1
	while read -r kind first count length; do
		case $kind in
		c) continue ;;
		d) said=$(dd of="$part" bs=$unit seek="$first" count="$count" iflag=fullblock conv=notrunc 2>&1) || failed "$said" ;;
		z)
			said=$(dd bs="$length" count=1 iflag=fullblock 2>/dev/null | "$tool" -dc |
				dd of="$part" bs=$unit seek="$first" count="$count" iflag=fullblock conv=notrunc 2>&1) || failed "$said"
			;;
		h)
			fallocate -p -o $((first * unit)) -l $((count * unit)) "$part" 2>/dev/null ||
				said=$(dd if=/dev/zero of="$part" bs=$unit seek="$first" count="$count" conv=notrunc 2>&1) || failed "$said"
			said="$count+0 records in"
			;;
		end)
			lines=$first bytes=$count
			return
			;;
		*) cut ;;
		esac
		# A stream that was cut ends in the middle of a frame.
		case $said in "$count+0 records in"*) ;; *) cut ;; esac
		echo "$first $count" >&3
		sent=$((sent + count * 64))
	done
	cut
}

# with_sh stores everything, and sets want and got to the digest that it should have and the one that it has.
with_sh() {
	frames
	while [ "$lines" -gt 0 ] && read -r name value; do
		case $name in
		size) size=$value ;;
		sha256) want=$value ;;
		esac
		echo "$name $value"
		lines=$((lines - 1))
	done >"$work/map"
	cat >>"$work/map"
	if [ "$lines" != 0 ] || [ "$(sed '1,/^index /d' "$work/map" | wc -c)" -ne "$bytes" ]; then cut; fi
	truncate -s "$size" "$part" || exit 1
	# The disk writes while the processor digests what it was given to write.
	dd if=/dev/null of="$part" conv=notrunc,fsync 2>/dev/null &
	got=$(data_digest "$part" "$work/map")
	wait $! || exit 1
}

# A python3 that does not work says nothing and has read nothing.
said=$(python3 -I -c "$disk" receive "$part" "$journal" "$work/map" "$tool" 2>/dev/null)
case $said in
'') with_sh ;;
ready) cut ;;
ready?"stored "*)
	said=${said#*stored }
	want=${said#* } want=${want%% *} got=${said#* * }
	;;
*) failed "${said#ready?}" ;;
esac
if [ "$got" != "$want" ]; then
	say "the data read back from $part is not what was sent: SHA-256 $want expected, $got found"
	rm -rf -- "$work"
	exit 66
fi
mv -f -- "$work/map" "$map" && mv -f -- "$part" "$dst" && rm -rf -- "$work"
