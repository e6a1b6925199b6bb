# make_map.sh FILE MAP DISK_PY: makes the map of a file and prints its digest. Where python3 can tell, holes are no data; elsewhere all of the file is.
file=$1 map=$2 disk=$3
size=$(stat -c %s -- "$file") || exit 1
{
	printf 'size %s\n' "$size"
	python3 -I -c "$disk" extents "$file" 2>/dev/null || [ "$size" = 0 ] || printf '0 %s\n' $(((size + unit - 1) / unit))
	echo 'index 0'
} >"$map.new" || exit 1
sum=$(data_digest "$file" "$map.new")
[ -n "$sum" ] || exit 1
sed -i "1a sha256 $sum" "$map.new" && mv -f -- "$map.new" "$map" || exit 1
printf '%s\n' "$sum"
