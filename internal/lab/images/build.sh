#!/bin/sh
# Makes the disk of a guest out of the tar that mmdebstrap wrote. Runs under fakeroot, needs no mount.
# Usage: build.sh TAR FILES LABEL MIB OUT
#   TAR    root file system of the guest
#   FILES  folder with root/, what is laid over it, and finish.sh, which is called with the root file system
#   LABEL  of the file system, which fills the disk: there are no partitions
#   MIB    size of the disk
#   OUT    the qcow2 file to write
set -eu
tar=$1 files=$2 label=$3 mib=$4 out=$5
root=$files/unpacked

umask 022
chmod -R u=rwX,go=rX "$files/root"
mkdir "$root"
tar -xf "$tar" -C "$root" --exclude='./dev/*'
cp -R "$files/root/." "$root/"
sh "$files/finish.sh" "$root"

truncate -s "${mib}M" "$files/disk.raw"
mke2fs -q -t ext4 -L "$label" -m 0 -d "$root" "$files/disk.raw"
qemu-img convert -c -O qcow2 "$files/disk.raw" "$out"
