# Names the records in which one of the lines stands. $1 root, then the lines
set -eu
cd -- "$1"
shift
for line; do
	grep -lxF -e "$line" -e "$line," -- */[0-9]*/*.json 2>/dev/null || true
done
