# Functions for files that are put together from parts; scripts that need them follow this text.

# take BYTES: passes on exactly so many of standard input, which others read after it.
take() {
	[ "$1" -lt 1048576 ] || dd bs=1048576 count=$(($1 / 1048576)) iflag=fullblock 2>/dev/null || return 1
	[ $(($1 % 1048576)) = 0 ] || dd bs=$(($1 % 1048576)) count=1 iflag=fullblock 2>/dev/null
}

# join_parts FILE COUNT, then for each part its file on the host (empty: it comes on standard input), bytes and SHA-256: makes the file, and
# reads it back part by part.
join_parts() {
	joined=$1 count=$2
	shift 2
	: >"$joined"
	at=0
	while [ "$count" -gt 0 ]; do
		if [ -n "$1" ]; then cat -- "$1" >>"$joined"; else take "$2" >>"$joined"; fi
		digest=$(tail -c +$((at + 1)) -- "$joined" | sha256sum | cut -d' ' -f1)
		at=$((at + $2))
		if [ "$(stat -c %s -- "$joined")" != "$at" ] || [ "$digest" != "$3" ]; then
			rm -f -- "$joined"
			if [ -n "$1" ]; then
				printf '%s\n' "The file $1 of the context was changed on the host. Make the context anew (terraform apply -replace)." >&2
			else
				printf '%s\n' "What came for $joined is not what was sent, or was not stored as it came." >&2
			fi
			return 72
		fi
		count=$((count - 1))
		shift 3
	done
}
