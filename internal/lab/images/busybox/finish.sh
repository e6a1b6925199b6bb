#!/bin/sh
# Finishes the root file system of the guest that has little more than busybox: finish.sh ROOT
set -eu
root=$1

chmod 755 "$root/etc/rc.local" "$root/etc/init.d/rcS" "$root/etc/init.d/rcK"
# What the packages bring beside programs and libraries.
rm -rf "$root"/usr/share "$root"/usr/lib/python* "$root"/var "$root"/etc/apt "$root"/etc/dpkg "$root"/lib/systemd "$root"/etc/rc?.d
cp "${0%/*}/busybox" "$root/bin/"
# Without fakeroot's library, which is glibc's.
applets=$(env -u LD_PRELOAD "$root/lib/ld-musl-x86_64.so.1" "$root/bin/busybox" --list-full)
for applet in $applets; do
	[ -e "$root/$applet" ] || { mkdir -p "$root/${applet%/*}" && ln -s /bin/busybox "$root/$applet"; }
done
for folder in dev proc sys tmp mnt run root var/log etc/dropbear; do mkdir -p "$root/$folder"; done
chmod 700 "$root/root"
echo 'root:*:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo /bin/sh >"$root/etc/shells"
: >"$root/etc/fstab"
