#!/bin/sh
# Finishes the root file system of the Debian guest: finish.sh ROOT
set -eu
root=$1
units=$root/etc/systemd/system

chmod 755 "$root/usr/local/sbin/context-changed" "$root/var/lib/cloud/scripts/per-instance/context"
ln -s ../context-changed.service "$units/sysinit.target.wants/"
ln -s /lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/"

# Every guest is somebody else: its keys and its id are made at the first boot.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"

echo debian >"$root/etc/hostname"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*

# A first login costs an emulated processor seconds, and so does each of these.
printf 'UsePAM no\nUseDNS no\n' >"$root/etc/ssh/sshd_config.d/lab.conf"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	getty.target getty-static.service serial-getty@hvc0.service console-getty.service cloud-config.service cloud-init-hotplugd.socket \
	systemd-networkd-wait-online.service systemd-logind.service systemd-user-sessions.service systemd-pcrphase.service \
	systemd-pcrphase-sysinit.service systemd-update-utmp.service systemd-update-utmp-runlevel.service radvd.service \
	systemd-random-seed.service modprobe@.service systemd-journal-flush.service systemd-timesyncd.service; do
	ln -sf /dev/null "$units/$unit"
done
