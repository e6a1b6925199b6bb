# verify.sh FILE MAP SHA256 DISK_PY: compares a file with its map, which must have that digest.
damaged() {
	say "$*"
	exit 66
}
file=$1 map=$2 want=$3 disk=$4
[ -f "$file" ] || damaged "$file is missing"
[ -f "$map" ] || damaged "$map is missing"
stands=$(sed -n 's/^sha256 //p; /^index /q' "$map")
[ "$stands" = "$want" ] || damaged "$map belongs to another content"
size=$(sed -n 's/^size //p; /^index /q' "$map")
[ "$(stat -c %s -- "$file")" = "$size" ] || damaged "$file has $(stat -c %s -- "$file") bytes instead of $size"
[ "$(data_digest "$file" "$map")" = "$want" ] || damaged "the data in $file has changed"

# zeros FIRST COUNT: whether these units hold nothing but zeros.
zeros() {
	[ "$2" -le 0 ] || [ "$(dd if="$file" bs=$unit skip="$1" count="$2" 2>/dev/null | tr -d '\000' | head -c 1 | wc -c)" -eq 0 ] ||
		damaged "there is data in $file where zeros were"
}
end=0
while read -r at len; do
	case $at in
	size | sha256) ;;
	index) break ;;
	*)
		zeros $end $((at - end))
		end=$((at + len))
		;;
	esac
done <"$map"
zeros $end $(((size + unit - 1) / unit - end))
