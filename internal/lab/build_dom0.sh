#!/bin/sh
# Makes dom0's disk and its boot files out of the tar that mmdebstrap wrote. Runs under fakeroot, needs no mount.
# Usage: build_dom0.sh TAR FILES OUT
#   TAR    root file system of dom0; left unpacked in FILES/root for build_guests.sh
#   FILES  what is laid over it: folder dom0, and keys: authorized_keys, ssh_host_ed25519_key, ssh_host_ed25519_key.pub
#   OUT    folder that gets dom0.qcow2 and boot/: xen, vmlinuz, initrd.img
set -eu
tar=$1 files=$2 out=$3 root=$2/root

# Whatever the builder's umask is, dom0's services read their configuration.
umask 022
chmod -R u=rwX,go=rX "$files/dom0" "$files/guest" "$files/installer"
mkdir "$root"
tar -xf "$tar" -C "$root"
cp -R "$files/dom0/." "$root/"

echo xen-lab >"$root/etc/hostname"
printf '127.0.0.1 localhost\n10.0.2.15 xen-lab\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 noatime 0 0' >"$root/etc/fstab"

rm -f "$root"/etc/ssh/ssh_host_*
install -m 600 "$files/ssh_host_ed25519_key" "$root/etc/ssh/"
install -m 644 "$files/ssh_host_ed25519_key.pub" "$root/etc/ssh/"
install -m 700 -d "$root/root/.ssh"
install -m 600 "$files/authorized_keys" "$root/root/.ssh/"

# Guests' consoles are logged, so that a test can read what a guest said.
echo 'XENCONSOLED_ARGS=--log=guest' >>"$root/etc/default/xen"
mkdir -p "$root/var/log/xen/console"

ln -sf /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
# Nothing here needs them, and each costs seconds of an emulated processor.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
	fstrim.timer getty.target getty-static.service serial-getty@hvc0.service systemd-binfmt.service \
	systemd-networkd-wait-online.service xendomains.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

mkdir "$out/boot"
zcat "$root"/boot/xen-4.17-amd64.gz >"$out/boot/xen"
cp "$root"/boot/vmlinuz-* "$out/boot/vmlinuz"
cp "$root"/boot/initrd.img-* "$out/boot/initrd.img"

truncate -s 8G "$files/dom0.raw"
mke2fs -q -t ext4 -L dom0 -E lazy_itable_init=1 -d "$root" "$files/dom0.raw"
qemu-img convert -O qcow2 "$files/dom0.raw" "$out/dom0.qcow2"
