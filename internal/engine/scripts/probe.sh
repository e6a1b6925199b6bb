# What the host is and has, each part ended by a NUL.
# $1 the datastore, which may not exist yet
if ! command -v xl >/dev/null 2>&1; then
	if command -v xm >/dev/null 2>&1; then echo xm; else echo none; fi
	exit 60
fi
if [ -r /proc/xen/capabilities ] && ! grep -q control_d /proc/xen/capabilities; then exit 61; fi
xl info || exit 62
printf '\0'
ip -o link show type bridge 2>/dev/null
printf '\0'
for tool in flock losetup qemu-img curl wget gzip xz zstd bzip2 stat find grep awk mkswap mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs; do
	command -v "$tool" >/dev/null 2>&1 && printf '%s\n' "$tool"
done
printf '\0'
# Whether files can share blocks is found out by trying, where it matters: between an image and a disk. The file is larger than what
# btrfs stores without blocks.
tried=.reflink.$$
if [ -e "$1/layout" ]; then
	trap 'rm -f -- "$1/images/$tried" "$1/vms/$tried" || exit 1' EXIT
	trap 'exit 143' TERM PIPE # dash runs the other trap only so
	if printf '%4096s' '' >"$1/images/$tried" && cp --reflink=always -- "$1/images/$tried" "$1/vms/$tried"; then echo reflink; else echo none; fi 2>/dev/null
fi
printf '\0'
folder=$1
until [ -d "$folder" ]; do folder=${folder%/*}; [ -n "$folder" ] || folder=/; done
df -Pk -- "$folder" | tail -n 1
