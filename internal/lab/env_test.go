package lab

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var someEnv = Env{
	Host: "127.0.0.1", Port: "22022", User: "root",
	PrivateKeyFile: "/home/o'brien/my labs/.lab/id_ed25519",
	HostKey:        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJMcpZFz5z5r0TR7tSpHsuFHorsKzG7rwe8l2hTBXFxn",
	Datastore:      datastore,
	Kernel:         "/l/vmlinuz", Ramdisk: "/l/ramdisk=1.img", Disk: `/l/$HOME\root.img`, CDROM: "/l/install disk.iso",
	Bridge: "br0",
}

func TestEnvRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	if err := someEnv.Write(path); err != nil {
		t.Fatal(err)
	}
	read, err := ReadEnv(path)
	if err != nil {
		t.Fatal(err)
	}
	if read != someEnv {
		t.Errorf("read back %+v, wrote %+v", read, someEnv)
	}
}

func TestEnvIsReadByShell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	if err := someEnv.Write(path); err != nil {
		t.Fatal(err)
	}
	printed, err := exec.Command("sh", "-c", `set -a; . "$1"; printenv XEN_PRIVATE_KEY_FILE TF_VAR_disk XEN_LAB_INSTALL_ISO TF_VAR_iso`, "sh", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := someEnv.PrivateKeyFile + "\n" + someEnv.Disk + "\n" + someEnv.CDROM + "\n" + someEnv.CDROM + "\n"; string(printed) != want {
		t.Errorf("a shell sees %q, want %q", printed, want)
	}
}

func TestReadEnvOfNoLab(t *testing.T) {
	if _, err := ReadEnv(filepath.Join(t.TempDir(), "env")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

func TestReadEnvRefusesHalfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("XEN_HOST='127.0.0.1'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEnv(path); err == nil {
		t.Error("a file without XEN_PORT was accepted")
	}
}
