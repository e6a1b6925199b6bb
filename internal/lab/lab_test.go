package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestSteps(t *testing.T) {
	var out bytes.Buffer
	begin := time.Now()
	steps := &Steps{out: &out, begin: begin, now: func() time.Time { return begin.Add(12400 * time.Millisecond) }}
	steps.Say("building %s ...", "dom0")
	if want := "[ 12s] building dom0 ...\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestCacheNameFollowsTheRecipe(t *testing.T) {
	name := func(version string, how accel) string {
		name, err := cacheName(version, how)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	other := tcg
	other.args = append(slices.Clone(tcg.args), "-smp", "4")
	names := []string{name("7.2", tcg), name("7.2", kvm), name("8.0", tcg), name("7.2", other)}
	for i, one := range names {
		if slices.Index(names, one) != i {
			t.Errorf("different recipes have one name: %v", names)
		}
	}
	if again := name("7.2", tcg); again != names[0] {
		t.Errorf("one recipe has two names: %s and %s", names[0], again)
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := lock(t.Context(), path, func() { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	waits, taken := make(chan struct{}), make(chan error)
	go func() {
		release, err := lock(t.Context(), path, func() { close(waits) })
		if err == nil {
			defer release()
		}
		taken <- err
	}()
	<-waits
	select {
	case err := <-taken:
		t.Fatalf("the lock was taken twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	if err := <-taken; err != nil {
		t.Error(err)
	}
}

func TestOnlyQEMUIsEnded(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if pid, runs := runningIn(folder); runs {
		t.Errorf("process %d is this test, no QEMU", pid)
	}
}

func TestEndFindsQEMUInARelativeFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	fake, err := filepath.Abs(qemu)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fake, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("here", 0o755); err != nil {
		t.Fatal(err)
	}
	running := exec.Command(fake, "60")
	running.Dir = "here"
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = running.Wait() }()
	if err := os.WriteFile(filepath.Join("here", pidFile), fmt.Appendln(nil, running.Process.Pid), 0o644); err != nil {
		t.Fatal(err)
	}

	if _, runs := runningIn("here"); !runs {
		t.Fatal("the running process was not found")
	}
	if err := endIn("here"); err != nil {
		t.Fatal(err)
	}
	if _, runs := runningIn("here"); runs {
		t.Error("it still runs")
	}
}

func TestStartReportsWhatQEMUSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	fake := filepath.Join(os.Getenv("PATH"), qemu)
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho \"Snapshot 'booted' does not exist\" >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	process, err := machine{folder: t.TempDir(), accel: tcg, port: "1", resume: true}.start()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.await(t.Context(), Env{Host: "127.0.0.1", Port: "1"}, time.Minute); !errors.Is(err, errSnapshot) {
		t.Errorf("error %v, want errSnapshot", err)
	}
}

func TestTail(t *testing.T) {
	for text, want := range map[string]string{"": "", "a\n": "a", "a\nb\nc\n": "b\nc"} {
		if got := tail(text, 2); got != want {
			t.Errorf("tail(%q) = %q, want %q", text, got, want)
		}
	}
}
