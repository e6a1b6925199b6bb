package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// release is dom0's Debian: the one with Xen 4.17.
const release = "bookworm"

// dom0Packages are what dom0 needs for xl with PV, PVH and HVM guests, raw and qcow2 disks and CD-ROMs, and what guests are made of:
// busybox, and boot loaders for a CD-ROM and a disk.
var dom0Packages = []string{
	"xen-hypervisor-4.17-amd64", "xen-utils-4.17", "xenstore-utils", "qemu-system-xen", "qemu-utils",
	"linux-image-amd64", "initramfs-tools", "kmod", "udev", "systemd-sysv", "procps",
	"iproute2", "bridge-utils", "openssh-server", "e2fsprogs", "zstd", "busybox-static",
	"isolinux", "extlinux", "syslinux-common",
}

// neverUsed are large parts of packages that no one looks at in the lab.
var neverUsed = []string{
	"/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*",
	"/lib/modules/*/kernel/drivers/gpu/*", "/lib/modules/*/kernel/drivers/media/*",
	"/lib/modules/*/kernel/drivers/net/wireless/*", "/lib/modules/*/kernel/sound/*",
}

// mmdebstrap are the arguments that install dom0's packages into a tar file.
func mmdebstrap(tar string, mirrors []string) []string {
	args := []string{
		"--variant=apt",
		"--architectures=amd64",
		`--aptopt=APT::Install-Recommends "false"`,
		"--include=" + strings.Join(dom0Packages, ","),
		// A ramdisk with the drivers of QEMU's disk alone is a fifth of the usual one.
		`--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"`,
		`--essential-hook=echo MODULES=list >"$1/etc/initramfs-tools/conf.d/lab"`,
		`--essential-hook=printf '%s\n' virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/lab"`,
	}
	for _, path := range neverUsed {
		args = append(args, "--dpkgopt=path-exclude="+path)
	}
	return append(append(args, release, tar), mirrors...)
}

// buildIn builds a lab in a new folder: dom0's disk, its boot files, the guests' files, the keys, and for an emulated host the
// snapshot of its first boot.
func (l *Lab) buildIn(ctx context.Context, folder string, how accel) error {
	parts := filepath.Join(folder, "parts")
	defer os.RemoveAll(parts)
	if err := os.CopyFS(parts, files); err != nil {
		return err
	}
	if err := makeKeys(folder, parts); err != nil {
		return err
	}

	l.Steps.Say("installing Debian's packages for dom0 (1 to 2 minutes) ...")
	tar := filepath.Join(parts, "dom0.tar")
	if err := l.run(ctx, "mmdebstrap", mmdebstrap(tar, mirrors(ctx))...); err != nil {
		return err
	}
	l.Steps.Say("making the disks of dom0 and of the guests ...")
	if err := l.run(ctx, "fakeroot", "sh", filepath.Join(parts, "build_dom0.sh"), tar, parts, folder); err != nil {
		return err
	}
	if err := l.run(ctx, "fakeroot", "sh", filepath.Join(parts, "build_guests.sh"), filepath.Join(parts, "root"), parts, folder); err != nil {
		return err
	}
	if how.snapshots {
		return l.bootOnce(ctx, folder, how)
	}
	return nil
}

// bootOnce boots the new host, and saves it into its disk in the moment it answers.
func (l *Lab) bootOnce(ctx context.Context, folder string, how accel) error {
	l.Steps.Say("booting the host for the first time (1 to 5 minutes) ...")
	machine := machine{folder: folder, accel: how, keep: true}
	process, env, err := l.boot(ctx, machine, folder)
	if err != nil {
		return err
	}
	defer os.Remove(filepath.Join(folder, pidFile))
	defer process.end()
	// Late services would otherwise run again after every resume.
	if _, err := env.remote(ctx, "systemctl is-system-running --wait || true", ""); err != nil {
		return fmt.Errorf("waiting for the end of the boot: %w", err)
	}
	l.Steps.Say("taking a snapshot of the booted host ...")
	return process.takeSnapshot(ctx)
}
