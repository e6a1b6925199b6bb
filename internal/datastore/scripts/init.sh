# Makes the datastore if there is none yet, and refuses a folder or a layout that is not ours.
# $1 root  $2 layout version
set -eu
root=$1 version=$2
mkdir -p -- "$root"
cd -- "$root"
if [ -e layout ]; then
	read -r found <layout
	[ "$found" = "$version" ] || { printf '%s\n' "$found"; exit 40; }
else
	foreign=$(ls -A | grep -vxE 'images|templates|contexts|vms|locks|tmp|lost\+found' || true)
	[ -z "$foreign" ] || { printf '%s\n' "$foreign"; exit 41; }
	chmod 0700 .
	mkdir -p images templates contexts vms locks tmp
	printf '%s\n' "$version" >"tmp/layout.$$"
	mv -f -- "tmp/layout.$$" layout
fi
# What an interrupted removal left: records are gone from sight already.
rm -rf -- tmp/deleted.*
# Uploads that nobody came back to.
find tmp -mindepth 1 -maxdepth 1 -name 'upload.*' -mtime +7 -exec rm -rf -- {} +
