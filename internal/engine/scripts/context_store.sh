# Stores the files of a context, whose contents follow each other on standard input.
# $1 folder, then three words for each: name, length in bytes, SHA-256
set -eu
mkdir -p -- "$1/files"
cd -- "$1/files"
shift
while [ $# -gt 0 ]; do
	join_parts "./$1" 1 '' "$2" "$3"
	shift 3
done
