#!/bin/sh
# Makes what guests boot from: the ramdisk, the root disk and an installer's CD-ROM. Runs under fakeroot, needs no mount.
# Usage: build_guests.sh ROOT FILES OUT
#   ROOT   dom0's unpacked root file system: its kernel, drivers, busybox and boot loaders are the guests', too
#   FILES  folder with guest/, the guests' own files, and installer/, those of the CD-ROM
#   OUT    folder that gets guests/: vmlinuz, ramdisk.img, root.img, install.iso
set -eu
root=$1 files=$2 out=$3/guests tree=$2/tree cdrom=$2/cdrom
version=$(basename "$root"/lib/modules/*)

mkdir -p "$out" "$tree"/bin "$tree"/dev "$tree"/proc "$tree"/sys "$tree"/tmp "$tree"/mnt "$tree"/root "$tree"/var
cp -R "$files/guest/." "$tree/"
chmod 755 "$tree/init" "$tree"/etc/init.d/*
: >"$tree/etc/fstab"
cp "$root/bin/busybox" "$tree/bin/"
for applet in $("$root/bin/busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
done
ln -s bin "$tree/sbin"

# The disk has the userland only: its drivers were loaded by the ramdisk.
truncate -s 64M "$out/root.img"
mke2fs -q -t ext4 -L guest-root -m 0 -d "$tree" "$out/root.img"

# The CD-ROM is the same userland with another init, and with a boot loader for the disk.
cp -R "$tree" "$cdrom"
rm "$cdrom/bin/init"
cp -R "$files/installer/." "$cdrom/"
chmod 755 "$cdrom/bin/init"
mkdir "$cdrom/lib" "$cdrom/lib64"
cp "$root/usr/bin/extlinux" "$cdrom/boot/"
cp "$root/lib/x86_64-linux-gnu/libc.so.6" "$cdrom/lib/"
cp "$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$cdrom/lib64/"

# order lists the drivers, each after those it needs; modules.dep has them the other way round.
mkdir -p "$tree/lib/modules"
for driver in crc32c_generic xen-blkfront xen-netfront ext4 isofs cdrom ata_piix ata_generic sr_mod sd_mod; do
	sed -n "s|^\(.*/$driver\.ko\): *\(.*\)|\2 \1|p" "$root/lib/modules/$version/modules.dep" |
		awk '{ for (i = NF - 1; i > 0; i--) print $i; print $NF }'
done | awk '!seen[$0]++' >"$tree/order"
while read -r module; do
	cp "$root/lib/modules/$version/$module" "$tree/lib/modules/"
	basename "$module"
done <"$tree/order" >"$tree/lib/modules/order"
rm "$tree/order"

cp "$root/boot/vmlinuz-$version" "$out/vmlinuz"
(cd "$tree" && find . | cpio --quiet -o -H newc | gzip -9) >"$out/ramdisk.img"

# What the CD-ROM boots by, it puts on the disk as well.
cp "$out/vmlinuz" "$out/ramdisk.img" "$cdrom/boot/"
cp "$root/usr/lib/ISOLINUX/isolinux.bin" "$root/usr/lib/syslinux/modules/bios/ldlinux.c32" "$cdrom/isolinux/"
genisoimage -quiet -R -V INSTALLER -o "$out/install.iso" \
	-b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$cdrom"
