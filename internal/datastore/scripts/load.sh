# Prints "bare" for a folder that holds no datastore, then a NUL, every record and deployment file, each line led by its path, then a NUL, then
# the facts of all files. Of a record that cannot be read there is a line that says why: it must look damaged, and neither absent nor like
# something that hides the others.
# $1 root  $2 layout version  $3 KiB that no record reaches

# records FIND_TEST... finds the records that pass the tests.
records() {
	find -H images templates contexts vms -mindepth 2 -maxdepth 2 \
		\( -name image.json -o -name template.json -o -name context.json -o -name vm.json \) "$@"
}

# texts KIB prints the records and deployment files.
texts() {
	find -H images templates contexts vms -mindepth 2 -maxdepth 2 -type f -size +0 -size "-$1k" \
		\( -name image.json -o -name template.json -o -name context.json -o -name vm.json -o -name 'deployment.[0-9]*' \) \
		-exec grep -aH '' {} +
}

# broken KIB says of records that texts passes over why it does.
broken() {
	records -type f -size 0 | sed 's/$/:(the file is empty)/'
	records -type f ! -size "-$1k" | sed 's/$/:(the file is far too long)/'
	records ! -type f | sed 's/$/:(it is not a regular file)/'
	for kind in images/image templates/template contexts/context vms/vm; do
		find -H "${kind%/*}" -mindepth 1 -maxdepth 1 ! -type d -name '[0-9]*' | sed "s,\$,/${kind#*/}.json:(what holds it is not a folder),"
		# What went in the meantime is not broken.
		printf '%s\n' "$said" | sed -n "/: No such file or directory\$/d
			s|^grep: \(${kind%/*}/[0-9]*/${kind#*/}\.json\): \(.*\)|\1:(\2)|p
			s|^find: '\{0,1\}\(${kind%/*}/[0-9]*\)'\{0,1\}: \(.*\)|\1/${kind#*/}.json:(\2)|p"
	done
}

# anything_odd KIB tells whether there is something for broken to say; there hardly ever is, and asking it takes many processes.
anything_odd() {
	[ -n "$said" ] || [ -n "$(find -H images templates contexts vms -mindepth 1 -maxdepth 2 \
		\( -name '*.json' \( -size 0 -o ! -size "-$1k" -o ! -type f \) -o -name '[0-9]*' ! -name '*.*' ! -type d \))" ]
}

if [ -e "$1/layout" ]; then
	read -r found <"$1/layout"
	[ "$found" = "$2" ] || { printf '%s\n' "$found"; exit 40; }
	printf '\0'
	(
		cd -- "$1" && ls images templates contexts vms >/dev/null || exit 1
		# NULs are what a file system may leave of a file when the power fails.
		{ said=$({ { texts "$3" || echo failed >&2; } | tr '\000' '\001' >&4; } 2>&1); } 4>&1
		case $said in
		'' | *:*) ;;
		*) echo "the records in $1 could not be read" >&2; exit 1 ;;
		esac
		! anything_odd "$3" || broken "$3"
		printf '\0'
		find -H images vms -mindepth 2 -maxdepth 2 -type f -exec stat -c '%s %b %Y %n' {} +
		:
	) || exit 1
else
	[ ! -d "$1" ] || printf 'bare'
	printf '\0\0'
fi
printf '\0'
