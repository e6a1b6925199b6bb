# Prints every record and deployment file, each line led by its path, then a NUL, then the facts of all files.
# $1 root  $2 layout version
if [ -e "$1/layout" ]; then
	read -r found <"$1/layout"
	[ "$found" = "$2" ] || { printf '%s\n' "$found"; exit 40; }
	(
		cd -- "$1" || exit 1
		find images templates contexts vms -mindepth 2 -maxdepth 2 -type f \( -name '*.json' -o -name 'deployment.[0-9]*' \) -exec grep -aH '' {} +
		printf '\0'
		find images vms -mindepth 2 -maxdepth 2 -type f -exec stat -c '%s %b %Y %n' {} +
	)
else
	printf '\0'
fi
printf '\0'
