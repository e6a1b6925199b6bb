package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// localRunner runs scripts with a shell of this machine as the host package does over SSH: the preamble and the text
// arrive on standard input, ahead of what the script itself reads.
type localRunner struct {
	shell []string // default sh
	env   []string // added to the environment
}

const loginLine = `IFS= read -r n && eval "$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null)"`

func (r localRunner) Run(ctx context.Context, s host.Script) (host.Result, error) {
	shell := r.shell
	if shell == nil {
		shell = []string{"sh"}
	}
	text := "export LC_ALL=C; umask 077\nset --"
	for _, a := range s.Args {
		text += " " + host.Quote(a)
	}
	text += "\n" + s.Text
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], "-c", loginLine)...)
	cmd.Env = append(cmd.Environ(), r.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return host.Result{}, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if s.Stdout != nil {
		cmd.Stdout = s.Stdout
	}
	if err := cmd.Start(); err != nil {
		return host.Result{}, err
	}
	go func() {
		_, _ = io.WriteString(stdin, strconv.Itoa(len(text))+"\n"+text)
		if s.Stdin != nil {
			_, _ = io.Copy(stdin, s.Stdin)
		}
		_ = stdin.Close()
	}()
	err = cmd.Wait()
	result := host.Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return result, ctx.Err()
	case errors.As(err, &exit):
		return result, &host.ExitError{Host: "local", Step: s.Step, Status: exit.ExitCode(), Stdout: result.Stdout, Stderr: result.Stderr}
	}
	return result, err
}

// withTool puts a stand-in before the tools of the host.
func withTool(t *testing.T, name, script string) localRunner {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return localRunner{env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}}
}

// withoutPython is a host on which the shell has to store the frames.
func withoutPython(t *testing.T, on localRunner) localRunner {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	for _, variable := range on.env {
		path = strings.TrimPrefix(variable, "PATH=")
	}
	// A tool's own stand-in drops the first folder of its path.
	first, rest, _ := strings.Cut(path, ":")
	on.env = []string{"PATH=" + first + ":" + bin + ":" + rest}
	return on
}

// receivers are hosts with and without python3.
func receivers(t *testing.T) map[string]localRunner {
	t.Helper()
	return map[string]localRunner{"python3": {}, "sh": withoutPython(t, localRunner{})}
}

func TestSendUnderOtherShells(t *testing.T) {
	data := append(checkered(blockSize), noise(700)...)
	padded := append(bytes.Clone(data), make([]byte, -len(data)&511)...)
	src := place(t, data)
	for name, shell := range otherShells(t) {
		t.Run(name, func(t *testing.T) {
			dst := newDst(t)
			if _, err := Send(t.Context(), shell, Source{Path: src}, at(dst)); err != nil {
				t.Fatal(err)
			}
			wantStored(t, dst, padded)
		})
	}
}

// otherShells are those of dom0 distributions that are installed here; busybox brings all its tools.
func otherShells(t *testing.T) map[string]localRunner {
	shells := map[string]localRunner{}
	for _, name := range []string{"bash", "dash"} {
		if path, err := exec.LookPath(name); err == nil {
			shells[name] = localRunner{shell: []string{path}}
		}
	}
	if path, err := exec.LookPath("busybox"); err == nil {
		bin := t.TempDir()
		for _, tool := range []string{"sh", "dd", "df", "sed", "truncate", "sha256sum", "rm", "mv", "cat", "cp", "du", "stat", "wc", "mkdir", "gzip"} {
			if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
				t.Fatal(err)
			}
		}
		shells["busybox"] = localRunner{shell: []string{filepath.Join(bin, "sh")}, env: []string{"PATH=" + bin}}
	}
	return shells
}
