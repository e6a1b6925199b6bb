package engine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	ourUUID    = "5b1e7a52-90d5-4a77-9a0f-30e1a9f0c1d2"
	vmListHead = "UUID                                  ID    name\n"
	vmListDom0 = "00000000-0000-0000-0000-000000000000  0    Domain-0\n"
	listHead   = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
	listDom0   = "Domain-0                                     0  1536     2     r-----     596.9\n"
)

// guarded runs shell text behind the functions of the scripts, with an xl that prints what is given and a losetup that knows nothing.
func guarded(t *testing.T, xlPrints, text string, args ...string) (string, error) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range map[string]string{"xl": "cat <<'END-OF-TEXT'\n" + xlPrints + "END-OF-TEXT\n", "losetup": ":\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", append([]string{"-c", "set -eu\ndir=$1 uuid=" + ourUUID + "\nshift\n" + vmFunctions + guardFunctions + text, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "LC_ALL=C")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = errors.Join(err, errors.New(stderr.String()))
	}
	return stdout.String(), err
}

// Whoever asks for the domains of a UUID gets them, or an error: a domain must never look gone because a list was not whole.
func TestDomainsAreNeverOverlooked(t *testing.T) {
	t.Parallel()
	ours := ourUUID + "  7    one-1                         \n"
	for name, test := range map[string]struct{ list, want string }{
		"there":            {vmListHead + vmListDom0 + ours, "7\n"},
		"upper case":       {vmListHead + vmListDom0 + strings.ToUpper(ours), "7\n"},
		"twice":            {vmListHead + vmListDom0 + ours + strings.Replace(ours, "  7 ", "  9 ", 1), "7\n9\n"},
		"not there":        {vmListHead + vmListDom0, ""},
		"dying":            {vmListHead + vmListDom0 + ourUUID + "  7    \n", "7\n"},
		"nothing":          {"", "error"},
		"header alone":     {vmListHead, "error"},
		"no dom0":          {vmListHead + ours, "error"},
		"no header":        {vmListDom0 + ours, "error"},
		"cut off":          {vmListHead + vmListDom0 + ourUUID[:20] + "\n", "error"},
		"cut off later":    {vmListHead + vmListDom0 + ourUUID + "\n", "error"},
		"a warning within": {vmListHead + vmListDom0 + "libxl: warning: something\n" + ours, "error"},
		"an enormous line": {vmListHead + vmListDom0 + strings.Repeat("x", 1<<20) + "\n", "error"},
		"other columns":    {"ID UUID name\n0 00000000-0000-0000-0000-000000000000 Domain-0\n", "error"},
	} {
		got, err := guarded(t, test.list, "ids=$(domids)\nprintf '%s\\n' \"$ids\"\n", t.TempDir())
		if err != nil {
			got = "error"
		}
		if strings.TrimSpace(got) != strings.TrimSpace(test.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestDisksOfDomainsAreKnownOrNothingIsDone(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"", "null\n", "[]\n", "(domain (domid 0))\n", "[{\"domid\": 0}, {\"domid\": 7,\n", "libxl: error\n[{\"domid\": 0}]\n"} {
		if _, err := guarded(t, list, `domains=$(disks_of_domains)`, t.TempDir()); err == nil || !strings.Contains(err.Error(), "nobody knows which disks are in use") {
			t.Errorf("%q: %v", list, err)
		}
	}
	if _, err := guarded(t, "[\n{\"domid\": 0}\n]\n", `domains=$(disks_of_domains)`, t.TempDir()); err != nil {
		t.Error(err)
	}
}

// What xl says of a domain's state is six letters or nothing.
func TestFlags(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		listHead + "one-1                                        7    64     1     --p---       0.0\n": "--p---",
		listHead + "two words --p--- 1                           7    64     1     -b----       0.0\n": "-b----",
		listHead + "one-1                                        7    64     1     ---sc-       0.0\n": "---sc-",
		"":                                     "error",
		listHead:                               "error",
		"one 7 64 1 --p--- 0.0\n":              "error",
		listHead + "one-1 7 64 1 xxpxxx 0.0\n": "error",
		listHead + "libxl: error: libxl_domain.c: no such p s\n": "error",
	} {
		got, err := guarded(t, list, "state=$(flags 7)\nprintf %s \"$state\"\n", t.TempDir())
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", list, got, err, want)
		}
	}
}

// A link where a disk should be could lead to anybody's disk.
func TestDisksInTheDatastoreAreNoLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "vms", "3")
	elsewhere := filepath.Join(t.TempDir(), "secret")
	image := filepath.Join(root, "images", "1")
	for _, folder := range []string{dir, image} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{elsewhere, filepath.Join(dir, "disk.0"), filepath.Join(image, "disk.raw")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.Symlink(elsewhere, filepath.Join(dir, "disk.1")), os.Link(elsewhere, filepath.Join(dir, "disk.2")), os.Symlink(elsewhere, filepath.Join(image, "disk.qcow2")),
		os.Link(filepath.Join(image, "disk.raw"), filepath.Join(root, "images", "twin")), os.Symlink(elsewhere, filepath.Join(filepath.Dir(elsewhere), "lvm")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for disk, says := range map[string]string{
		filepath.Join(dir, "disk.0"):                  "",
		filepath.Join(dir, "disk.1"):                  "is a symbolic link (to " + elsewhere + ")",
		filepath.Join(dir, "disk.2"):                  "has a second name somewhere",
		filepath.Join(dir, "disk.3"):                  "is missing",
		filepath.Join(image, "disk.qcow2"):            "is a symbolic link",
		filepath.Join(image, "disk.raw"):              "", // overlays rest on it, and images with one content may share it
		filepath.Join(filepath.Dir(elsewhere), "lvm"): "",
	} {
		_, err := guarded(t, "[{\"domid\": 0}]\n", `need_free_disks "$1"`, dir, disk)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", disk, err, says)
		}
	}
}

func TestParseDomains(t *testing.T) {
	t.Parallel()
	domains, err := parseDomains([]byte(vmListHead+vmListDom0+ourUUID+"  7    one-1\n"), []byte(listHead+listDom0))
	if d, there := domains[ourUUID]; err != nil || !there || !d.Dying() || d.ID != 7 {
		t.Errorf("a domain that is in one list only is %+v, %v", domains, err)
	}
	for _, lists := range [][2]string{{vmListHead, listHead + listDom0}, {vmListHead + vmListDom0, listHead}, {vmListHead, listHead}} {
		if domains, err := parseDomains([]byte(lists[0]), []byte(lists[1])); err == nil {
			t.Errorf("%q: %v", lists, domains)
		}
	}
}
