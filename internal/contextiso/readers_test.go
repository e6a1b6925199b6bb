package contextiso

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// reader finds a program that reads ISO images: the one an environment variable names or the one
// in PATH.
func reader(t *testing.T, variable, program string) string {
	t.Helper()
	named := os.Getenv(variable)
	found, err := exec.LookPath(cmp.Or(named, program))
	if err != nil && named != "" {
		t.Fatalf("%s: %v", variable, err)
	}
	if err != nil {
		t.Skipf("no %s; `make test` installs it", program)
	}
	return found
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, stderr.String())
	}
	return string(output)
}

// What the guest's kernel will see, as Debian's own readers see it.
func TestOtherReadersSeeTheContext(t *testing.T) { checkWithOtherReaders(t, contextFiles()) }

func checkWithOtherReaders(t *testing.T, files []File) {
	t.Helper()
	_, path := write(t, files)
	t.Run("isoinfo", func(t *testing.T) { checkWithIsoinfo(t, path, files) })
	t.Run("xorriso", func(t *testing.T) { checkWithXorriso(t, path, files) })
}

func checkWithIsoinfo(t *testing.T, path string, files []File) {
	isoinfo := reader(t, "XEN_ISOINFO", "isoinfo")
	about := run(t, isoinfo, "-d", "-i", path)
	for _, line := range []string{"Volume id: CONTEXT\n", "Joliet with UCS level 3 found", "Rock Ridge signatures version 1 found"} {
		if !strings.Contains(about, line) {
			t.Errorf("isoinfo -d does not say %q:\n%s", line, about)
		}
	}
	files = slices.DeleteFunc(slices.Clone(files), func(f File) bool { return !isASCII(f.Name) }) // isoinfo knows no UTF-8; xorriso does
	rockRidge := strings.Split(run(t, isoinfo, "-R", "-f", "-i", path), "\n")
	joliet := strings.Split(run(t, isoinfo, "-J", "-f", "-i", path), "\n")
	for _, f := range files {
		for extension, names := range map[string][]string{"Rock Ridge": rockRidge, "Joliet": joliet} {
			if !slices.Contains(names, "/"+f.Name) {
				t.Errorf("%s has no /%s, only %q", extension, f.Name, names)
			}
		}
	}
	plain := run(t, isoinfo, "-l", "-i", path)
	for _, m := range regexp.MustCompile(`\] +(\S+) *\n`).FindAllStringSubmatch(plain, -1) {
		if !regexp.MustCompile(`^(\.|\.\.|[A-Z0-9_]{1,8}|[A-Z0-9_]{0,8}\.[A-Z0-9_]{0,3};1)$`).MatchString(m[1]) {
			t.Errorf("%q is no name of ISO 9660 level 1", m[1])
		}
	}
	for _, f := range files[:min(len(files), 20)] {
		if content := run(t, isoinfo, "-J", "-i", path, "-x", "/"+f.Name); content != string(f.Data) {
			t.Errorf("by Joliet, %s has %d bytes that are others", f.Name, len(content))
		}
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// checkWithXorriso reads the Rock Ridge tree and then, as a guest that knows no Rock Ridge, Joliet's.
func checkWithXorriso(t *testing.T, path string, files []File) {
	xorriso := reader(t, "XEN_XORRISO", "xorriso")
	for _, tree := range []string{"any", "norock"} {
		out := filepath.Join(t.TempDir(), "out")
		run(t, xorriso, "-abort_on", "WARNING", "-read_fs", tree, "-osirrox", "on", "-indev", path, "-check_media", "--", "-extract", "/", out)
		checkExtracted(t, tree, out, files)
	}
	modes := map[string]string{}
	listing := run(t, xorriso, "-indev", path, "-find", "/", "-type", "f", "-exec", "lsdl", "--")
	for _, m := range regexp.MustCompile(`(?m)^-([rwx-]{9}) +1 0 +0 .* Jan +1 +2000 '/(.*)'$`).FindAllStringSubmatch(listing, -1) {
		modes[m[2]] = m[1]
	}
	for _, f := range files {
		if mode := strings.TrimPrefix(f.Mode.String(), "-"); modes[f.Name] != mode {
			t.Errorf("%s has mode %q, not %q", f.Name, modes[f.Name], mode)
		}
	}
}

func checkExtracted(t *testing.T, tree, out string, files []File) {
	t.Helper()
	seen := map[string]string{}
	if err := filepath.WalkDir(out, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		seen[strings.TrimPrefix(p, out+"/")] = string(data)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != len(files) {
		t.Errorf("by %s there are %d files, not %d", tree, len(seen), len(files))
	}
	for _, f := range files {
		if content, found := seen[f.Name]; !found || content != string(f.Data) {
			t.Errorf("by %s, %s: found %v, %d bytes", tree, f.Name, found, len(content))
		}
	}
}

// Readers find folders by path table, too; both tables and both byte orders say the same.
func TestPathTablesLeadToTheFolders(t *testing.T) {
	isoinfo := reader(t, "XEN_ISOINFO", "isoinfo")
	_, path := write(t, contextFiles())
	for _, extension := range [][]string{nil, {"-J"}} {
		table := run(t, isoinfo, append(extension, "-p", "-i", path)...)
		listing := run(t, isoinfo, append(extension, "-l", "-i", path)...)
		for _, name := range []string{"scripts", "app", "Scripts2"} {
			m := regexp.MustCompile(`(?i)\d+: +\d+ ([0-9a-f]+) ` + name + "\n").FindStringSubmatch(table)
			if m == nil {
				t.Fatalf("%v: no %s in the path table:\n%s", extension, name, table)
			}
			sector, err := strconv.ParseInt(m[1], 16, 32)
			if err != nil || !regexp.MustCompile(fmt.Sprintf(`(?i)\[ +%d 02\] +%s `, sector, name)).MatchString(listing) {
				t.Errorf("%v: the path table has %s in sector %d:\n%s", extension, name, sector, listing)
			}
		}
	}
}

// TestKernelMountsTheContext needs root, and a kernel with loop devices and isofs.
func TestKernelMountsTheContext(t *testing.T) {
	files := contextFiles()
	_, path := write(t, files)
	at := t.TempDir()
	if said, err := exec.Command("mount", "-t", "iso9660", "-o", "ro,loop,utf8", path, at).CombinedOutput(); err != nil {
		t.Skipf("this machine cannot mount an ISO: %s", said)
	}
	defer func() { run(t, "umount", at) }()
	checkExtracted(t, "the kernel", at, files)
	for _, f := range files {
		if stat, err := os.Stat(filepath.Join(at, f.Name)); err != nil || stat.Mode() != f.Mode {
			t.Errorf("%s has mode %v, not %v, %v", f.Name, stat.Mode(), f.Mode, err)
		}
	}
}
