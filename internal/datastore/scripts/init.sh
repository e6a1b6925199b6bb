# Makes the datastore if there is none yet, and refuses a folder or a layout that is not ours.
# $1 root  $2 layout version
set -eu
root=$1 version=$2
mkdir -p -- "$root"
cd -- "$root"
if [ ! -e layout ]; then
	# Another client may be doing the same.
	foreign=$(ls -A | grep -vxE 'layout|images|templates|contexts|vms|locks|tmp|lost\+found' || true)
	[ -z "$foreign" ] || { printf '%s\n' "$foreign"; exit 41; }
	chmod 0700 .
	mkdir -p images templates contexts vms locks tmp
	printf '%s\n' "$version" >"tmp/layout.$$"
	[ -e layout ] || mv -f -- "tmp/layout.$$" layout
	rm -f -- "tmp/layout.$$"
fi
read -r found <layout
[ "$found" = "$version" ] || { printf '%s\n' "$found"; exit 40; }
