package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be the command, as up starts itself again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestUpAndDown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	if err := run([]string{"up", "-dir", dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run([]string{"down", "-dir", dir}) })
	if err := run([]string{"up", "-dir", dir}); err == nil {
		t.Error("a second host was started in one folder")
	}
	// A shell reads the file, and finds the files that it names.
	script := `. "$1" && [ "$XEN_HOST" = 127.0.0.1 ] && [ "$XEN_PORT" -gt 0 ] && [ -n "$XEN_DATASTORE" ] && [ -n "$XEN_HOST_KEY" ] &&
		ls -l "$XEN_PRIVATE_KEY_FILE" "$XEN_LAB_KERNEL" "$XEN_LAB_RAMDISK" "$XEN_LAB_DISK" "$TF_VAR_kernel" "$TF_VAR_ramdisk" "$TF_VAR_disk"`
	if out, err := exec.Command("sh", "-c", script, "sh", envFile(dir)).CombinedOutput(); err != nil {
		t.Errorf("sim.env is not usable: %v: %s", err, out)
	}
	out, err := exec.Command(filepath.Join(dir, "sim", "bin", "xl"), "list").Output()
	if err != nil || !strings.Contains(string(out), "Domain-0") {
		t.Errorf("xl list on the host: %v, %s", err, out)
	}
	if err := run([]string{"down", "-dir", dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pidFile(dir)); err == nil {
		t.Error("the pid file is still there")
	}
	if err := run([]string{"down", "-dir", dir}); err != nil {
		t.Errorf("a second down: %v", err)
	}
}
