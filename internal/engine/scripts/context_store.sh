# Stores the files of a context, whose contents follow each other on standard input.
# $1 folder, then pairs of name and length in bytes
set -eu
mkdir -p -- "$1/files"
cd -- "$1/files"
shift
while [ $# -gt 0 ]; do
	if [ "$2" = 0 ]; then
		: >"./$1"
	else
		dd bs="$2" count=1 iflag=fullblock 2>/dev/null >"./$1"
	fi
	[ "$(stat -c %s -- "./$1")" = "$2" ] || { echo "the stream ended before $1 was whole" >&2; exit 1; }
	shift 2
done
