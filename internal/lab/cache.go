package lab

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files are the parts of the recipe that are no Go code: the build scripts and what is laid into dom0, the guests and their installer.
//
//go:embed build_dom0.sh build_guests.sh all:dom0 all:guest all:installer
var files embed.FS

// What a cache folder holds, next to boot/ (Xen, dom0's kernel and ramdisk) and guests/ (kernel, ramdisk, disk and CD-ROM of guests).
const (
	dom0Disk  = "dom0.qcow2"
	clientKey = "id_ed25519"
	hostKey   = "ssh_host_ed25519_key.pub"
)

// cacheRoot is the folder of all built labs, a folder for each recipe: XEN_LAB_CACHE, or one in the user's cache folder.
func cacheRoot() (string, error) {
	root := os.Getenv("XEN_LAB_CACHE")
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding a folder for the built lab: %w; set XEN_LAB_CACHE", err)
		}
		root = filepath.Join(user, "terraform-provider-xen")
	}
	return filepath.Abs(root)
}

// cacheName names the folder of a built lab after everything that it is made of, so that a changed recipe is built anew.
// QEMU's version belongs to it because a snapshot is resumed by the version that took it.
func cacheName(version string, how accel) (string, error) {
	recipe := sha256.New()
	fmt.Fprintln(recipe, version, mmdebstrap("", nil), machine{accel: how}.args())
	err := addFiles(recipe, files, ".")
	return fmt.Sprintf("lab-%.6x-%s", recipe.Sum(nil), how.name), err
}

// addFiles adds the files below root, by name and content, to a recipe.
func addFiles(recipe io.Writer, files embed.FS, root string) error {
	return fs.WalkDir(files, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		fmt.Fprintf(recipe, "%s %d\n%s", path, len(text), text)
		return err
	})
}

// built returns the folder of the built lab, and builds it when there is none.
func (l *Lab) built(ctx context.Context, how accel) (string, error) {
	version, err := output(ctx, qemu, "--version")
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", qemu, err)
	}
	name, err := cacheName(version, how)
	if err != nil {
		return "", err
	}
	return l.cached(ctx, name, "the lab", func(ctx context.Context, folder string) error { return l.buildIn(ctx, folder, how) })
}

// cached returns the folder of that name in the cache, and builds it when there is none. Only one process builds; others wait for it.
// A build happens in a folder beside it that is renamed at the end: what has the final name is complete.
func (l *Lab) cached(ctx context.Context, name, what string, build func(ctx context.Context, folder string) error) (string, error) {
	root, err := cacheRoot()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("making the cache folder: %w", err)
	}
	folder := filepath.Join(root, name)
	release, err := lock(ctx, folder+".lock", func() { l.Steps.Say("waiting: another process builds %s in %s", what, folder) })
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}

	l.Steps.Say("building %s in %s, once", what, folder)
	unfinished := folder + ".unfinished"
	if err := endIn(unfinished); err != nil {
		return "", err
	}
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := build(ctx, unfinished); err != nil {
		return "", fmt.Errorf("building %s: %w", what, err)
	}
	return folder, os.Rename(unfinished, folder)
}

// mirrors returns where this machine gets Debian 12 from, as lines of sources.list; none leaves the choice to mmdebstrap.
func mirrors(ctx context.Context) []string {
	printed, err := output(ctx, "apt-get", "indextargets", "--format", "deb $(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		switch fields := strings.Fields(line); {
		case len(fields) != 4 || fields[3] != "main":
		case fields[2] == release, fields[2] == release+"-updates", fields[2] == release+"-security":
			lines = append(lines, line)
		}
	}
	return lines
}
