package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// run runs a tool, without input. When it fails, the error has the last lines of what it said.
func (l *Lab) run(ctx context.Context, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "DEBIAN_FRONTEND=noninteractive")
	// An interrupted tool may remove what it began.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	said, err := command.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s: %w; its last words:\n%s", name, err, tail(string(said), 20))
	}
	return nil
}

// output runs a tool and returns what it printed, without white space around it.
func output(ctx context.Context, name string, args ...string) (string, error) {
	printed, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(printed)), err
}

// tail returns the last lines of text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// tailOf returns the last lines of a file, or why there are none.
func tailOf(path string, lines int) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return tail(string(text), lines)
}
