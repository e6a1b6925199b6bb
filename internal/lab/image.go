package lab

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// images is how the disks of guests are made that obey contexts: a script, and for each guest a folder with what is laid over its packages.
// They are built apart from the lab, because most who use the lab have no need of them.
//
//go:embed all:images
var images embed.FS

// guestImage is the recipe of a guest's disk.
type guestImage struct {
	variant  string   // mmdebstrap's: what is installed beside the packages
	packages []string // Debian's
	tools    []tool   // what its prepare.sh needs, where there is one
	mib      int      // size of the disk
}

// guestImages are the guests by name. None has a kernel: they boot the lab's, with its ramdisk.
var guestImages = map[string]guestImage{
	"debian": {
		variant:  "minbase",
		packages: []string{"systemd-sysv", "udev", "dbus", "cloud-init", "sudo", "openssh-server", "iproute2", "e2fsprogs", "procps"},
		mib:      640,
	},
	// Packages are unpacked only: without their scripts there is neither a shell beside busybox, nor perl. Debian's busybox has glibc;
	// prepare.sh makes one with musl.
	"busybox": {
		variant:  "extract",
		packages: []string{"musl", "dropbear-bin", "e2fsprogs", "radvd"},
		tools: []tool{
			{"gcc", "gcc", "builds busybox"},
			{"make", "make", "builds busybox"},
			{"musl-gcc", "musl-tools", "builds it with musl"},
			{"/usr/include/stdio.h", "libc6-dev", "builds what configures it, and brings the names of the kernel"},
			{"dpkg-source", "dpkg-dev", "unpacks the source"},
		},
		mib: 64,
	},
}

// GuestImage returns the qcow2 disk of a guest, "debian" or "busybox", and builds it when there is none. Its root file system fills the
// disk and has the label NAME-root; root logs in over SSH with the key of the context.
func (l *Lab) GuestImage(ctx context.Context, name string) (string, error) {
	recipe, found := guestImages[name]
	if !found {
		return "", fmt.Errorf("there is no recipe for the image of a guest %q: use debian or busybox", name)
	}
	if err := l.installTools(ctx, append(tools(), recipe.tools...)); err != nil {
		return "", err
	}
	cache, err := recipe.cacheName(name)
	if err != nil {
		return "", err
	}
	folder, err := l.cached(ctx, cache, "the image of the guest "+name, func(ctx context.Context, folder string) error {
		return l.buildImage(ctx, folder, name, recipe)
	})
	return filepath.Join(folder, imageDisk), err
}

const imageDisk = "disk.qcow2"

// cacheName names the folder of a built image after all that it is made of.
func (r guestImage) cacheName(name string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, r.mmdebstrap("", nil), r.mib)
	for _, part := range []string{"images/build.sh", "images/" + name} {
		if err := addFiles(sum, images, part); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("guest-%s-%.6x", name, sum.Sum(nil)), nil
}

// mmdebstrap are the arguments that put the guest's packages into a tar file.
func (r guestImage) mmdebstrap(tar string, mirrors []string) []string {
	args := []string{
		"--variant=" + r.variant,
		"--architectures=amd64",
		`--aptopt=APT::Install-Recommends "false"`,
		"--include=" + strings.Join(r.packages, ","),
	}
	for _, path := range neverUsed {
		args = append(args, "--dpkgopt=path-exclude="+path)
	}
	return append(append(args, release, tar), mirrors...)
}

// buildImage builds a guest's disk in a new folder.
func (l *Lab) buildImage(ctx context.Context, folder, name string, recipe guestImage) error {
	parts := filepath.Join(folder, "parts")
	defer os.RemoveAll(parts)
	own, err := fs.Sub(images, path.Join("images", name))
	if err != nil {
		return err
	}
	if err := os.CopyFS(parts, own); err != nil {
		return err
	}
	script, err := images.ReadFile("images/build.sh")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(parts, "build.sh"), script, 0o600); err != nil {
		return err
	}
	l.Steps.Say("installing Debian's packages for the guest %s (1 to 5 minutes) ...", name)
	tar, from := filepath.Join(parts, "guest.tar"), mirrors(ctx)
	if err := l.run(ctx, "mmdebstrap", recipe.mmdebstrap(tar, from)...); err != nil {
		return err
	}
	prepare := filepath.Join(parts, "prepare.sh")
	if _, err := os.Stat(prepare); err == nil {
		l.Steps.Say("building what Debian has no package of for the guest %s (1 to 3 minutes) ...", name)
		if err := l.run(ctx, "sh", append([]string{prepare, parts}, from...)...); err != nil {
			return err
		}
	}
	l.Steps.Say("making the disk of the guest %s ...", name)
	return l.run(ctx, "fakeroot", "sh", filepath.Join(parts, "build.sh"), tar, parts, name+"-root", strconv.Itoa(recipe.mib), filepath.Join(folder, imageDisk))
}
