# Functions for files that are put together from parts; scripts that need them follow this text.

# take BYTES: passes on exactly so many of standard input, which others read after it.
take() {
	[ "$1" -lt 1048576 ] || dd bs=1048576 count=$(($1 / 1048576)) iflag=fullblock || return 1
	[ $(($1 % 1048576)) = 0 ] || dd bs=$(($1 % 1048576)) count=1 iflag=fullblock
}

# join_parts FILE COUNT, then for each part its file on the host (empty: it comes on standard input), bytes and SHA-256: makes the file, and
# reads it back part by part.
join_parts() {
	joined=$1 count=$2
	shift 2
	: >"$joined"
	at=0
	while [ "$count" -gt 0 ]; do
		said=$({ if [ -n "$1" ]; then cat -- "$1"; else take "$2"; fi; } 2>&1 >>"$joined") || {
			rm -f -- "$joined"
			printf 'Unable to store %s: %s\n' "$joined" "$said" >&2
			return 73
		}
		digest=$(tail -c +$((at + 1)) -- "$joined" | sha256sum)
		at=$((at + $2))
		if [ "$(stat -c %s -- "$joined")" != "$at" ] || [ "${digest%% *}" != "$3" ]; then
			rm -f -- "$joined"
			if [ -n "$1" ]; then
				printf '%s\n' "The file $1 of the context was changed on the host. Make the context anew (terraform apply -replace)." >&2
			else
				printf '%s\n' "$joined is not what it was to be: a file changed after it was read first, or was not stored as it came. Apply again." >&2
			fi
			return 72
		fi
		count=$((count - 1))
		shift 3
	done
}
