# Removes the disk files of a virtual machine that it has no longer, unless a domain still has them.
# $1 folder  then the files to keep
set -eu
dir=$1
shift
domains=$(disks_of_domains)
for file in "$dir"/disk.[0-9]*; do
	[ -e "$file" ] || continue
	for kept; do
		if [ "$kept" = "$file" ]; then continue 2; fi
	done
	loop=$(losetup -j "$file")
	[ -z "$loop" ] || continue
	! is_disk "$file" || continue
	log TM I "delete: Deleting $file"
	rm -f -- "$file"
done
