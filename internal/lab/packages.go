package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tool is a program or file the lab needs on this machine, and the Debian package that has it.
type tool struct {
	name    string
	debian  string
	purpose string
}

func tools() []tool {
	needed := []tool{
		{qemu, "qemu-system-x86", "runs the host"},
		{"qemu-img", "qemu-utils", "makes its disk"},
		{"mmdebstrap", "mmdebstrap", "installs dom0's packages into a folder"},
		{"/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring", "verifies them"},
		{"mke2fs", "e2fsprogs", "makes file systems"},
		{"fakeroot", "fakeroot", "makes them without root"},
		{"cpio", "cpio", "makes the guests' ramdisk"},
		{"genisoimage", "genisoimage", "makes the guests' CD-ROM"},
		{"ssh", "openssh-client", "opens a shell on the host"},
	}
	if os.Geteuid() != 0 {
		needed = append(needed, tool{"newuidmap", "uidmap", "lets mmdebstrap work without root"})
	}
	return needed
}

// installTools installs with apt-get what this machine lacks, after saying what and why.
func (l *Lab) installTools(ctx context.Context, needed []tool) error {
	var packages []string
	for _, tool := range needed {
		if tool.present() {
			continue
		}
		l.Steps.Say("missing: %s, which %s; package %s", tool.name, tool.purpose, tool.debian)
		packages = append(packages, tool.debian)
	}
	if len(packages) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this machine has no apt-get to install them with: install what Debian has in the packages %s", strings.Join(packages, " "))
	}
	l.Steps.Say("installing %s with apt-get", strings.Join(packages, " "))
	for _, args := range [][]string{
		{"apt-get", "update"},
		append([]string{"apt-get", "install", "--yes", "--no-install-recommends"}, packages...),
	} {
		if os.Geteuid() != 0 {
			args = append([]string{"sudo"}, args...)
		}
		if err := l.run(ctx, args[0], args[1:]...); err != nil {
			return fmt.Errorf("installing the packages %s: %w", strings.Join(packages, " "), err)
		}
	}
	return nil
}

// present tells whether the tool is there: a file by its whole path, a program in PATH or in a system folder that the PATH of
// users other than root lacks.
func (t tool) present() bool {
	if filepath.IsAbs(t.name) {
		_, err := os.Stat(t.name)
		return err == nil
	}
	candidates := []string{t.name, "/usr/sbin/" + t.name, "/sbin/" + t.name}
	return slices.ContainsFunc(candidates, func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	})
}
