# describe.sh FILE MAP: makes the map of a file, all of which counts as data, and prints its digest.
file=$1 map=$2
size=$(stat -c %s -- "$file") || exit 1
sum=$(digest <"$file") || exit 1
{
	printf 'size %s\nsha256 %s\n' "$size" "${sum%% *}"
	[ "$size" = 0 ] || printf '0 %s\n' $(((size + unit - 1) / unit))
	echo 'index 0'
} >"$map.new" && mv -f -- "$map.new" "$map" || exit 1
printf '%s\n' "${sum%% *}"
