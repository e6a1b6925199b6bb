# make_map.sh FILE MAP: makes the map of a file and prints its digest. Where perl can tell, holes are no data; elsewhere all of the file is.
file=$1 map=$2
extents='
	open(my $file, "<", $ARGV[0]) or exit 1;
	my ($unit, $gap, $at, @last) = (65536, 8, 0);
	while (defined(my $data = sysseek($file, $at, 3))) {	# SEEK_DATA of lseek(2)
		$at = sysseek($file, $data, 4) or exit 1;	# SEEK_HOLE
		my ($first, $end) = (int($data / $unit), int(($at + $unit - 1) / $unit));
		if (@last && $first - $last[1] <= $gap) {
			$last[1] = $end;
			next;
		}
		print "$last[0] ", $last[1] - $last[0], "\n" if @last;
		@last = ($first, $end);
	}
	print "$last[0] ", $last[1] - $last[0], "\n" if @last;
'
size=$(stat -c %s -- "$file") || exit 1
{
	printf 'size %s\n' "$size"
	perl -e "$extents" -- "$file" 2>/dev/null || [ "$size" = 0 ] || printf '0 %s\n' $(((size + unit - 1) / unit))
	echo 'index 0'
} >"$map.new" || exit 1
sum=$(data_digest "$file" "$map.new")
[ -n "$sum" ] || exit 1
sed -i "1a sha256 $sum" "$map.new" && mv -f -- "$map.new" "$map" || exit 1
printf '%s\n' "$sum"
