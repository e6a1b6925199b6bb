# Stores the files of a context, whose contents follow each other on standard input.
# $1 folder, then three words for each: name, length in bytes, SHA-256
set -eu
mkdir -p -- "$1/files"
cd -- "$1/files"
shift
while [ $# -gt 0 ]; do
	if ! join_parts "./$1" 1 '' "$2" "$3" 2>/dev/null; then
		printf '%s\n' "$1 is not what it was when it was read first; did it change meanwhile? Apply again." >&2
		exit 72
	fi
	shift 3
done
