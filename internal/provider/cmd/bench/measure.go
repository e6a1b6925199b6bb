package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is one plan.
type sample struct {
	commands, connections int           // on the simulated host
	wall                  time.Duration // of the command `terraform plan`, the simulated host's work included
	terraform, provider   int64         // KiB that the process had in memory at most
}

// workspace is a folder with a configuration and its state.
type workspace struct {
	folder, terraformrc string
	watched             bool // see how much memory is taken, which takes some of the processor
}

func (b *bed) newWorkspace(name, config string) (workspace, error) {
	w := workspace{folder: filepath.Join(b.folder, name), terraformrc: filepath.Join(b.folder, "terraformrc")}
	if err := os.Mkdir(w.folder, 0o700); err != nil {
		return w, err
	}
	return w, os.WriteFile(filepath.Join(w.folder, "main.tf"), []byte(config), 0o600)
}

func (w workspace) apply(ctx context.Context) error {
	_, err := w.run(ctx, "apply", "-auto-approve", "-input=false", "-no-color")
	return err
}

// measure plans, and demands that nothing is to be changed.
func (b *bed) measure(ctx context.Context, w workspace) (s sample, err error) {
	w.watched = true
	commands, connections := b.host.Commands(), b.host.Connections()
	s, err = w.run(ctx, "plan", "-detailed-exitcode", "-input=false", "-no-color") // status 2: there is a difference
	s.commands, s.connections = b.host.Commands()-commands, b.host.Connections()-connections
	return s, err
}

// run runs Terraform, and may watch how much memory it and its provider take.
func (w workspace) run(ctx context.Context, args ...string) (s sample, err error) {
	var output bytes.Buffer
	cmd := w.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	ended := make(chan struct{})
	var watching sync.WaitGroup
	if w.watched {
		watching.Go(func() { s.terraform, s.provider = peaks(cmd.Process.Pid, ended) })
	}
	err = cmd.Wait()
	s.wall = time.Since(began)
	close(ended)
	watching.Wait()
	if err != nil {
		return s, fmt.Errorf("terraform %s: %w\n%s", args[0], err, &output)
	}
	return s, nil
}

// command is Terraform in the workspace.
func (w workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), args...)
	cmd.Dir = w.folder
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+w.terraformrc, "CHECKPOINT_DISABLE=1", "XDG_CACHE_HOME="+filepath.Join(w.folder, "cache"))
	return cmd
}

// peaks are the most that Terraform and its provider ever held, in KiB. A process that has ended tells nothing any more, so they are
// asked again and again.
func peaks(pid int, ended <-chan struct{}) (terraform, provider int64) {
	for {
		select {
		case <-ended:
			return terraform, provider
		case <-time.After(20 * time.Millisecond):
			terraform = max(terraform, highWater(pid))
			for _, child := range children(pid) {
				provider = max(provider, highWater(child))
			}
		}
	}
}

// children are the processes that a process has started and that are this program.
func children(parent int) (pids []int) {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent)) // proc_tid_children(5)
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for field := range strings.FieldsSeq(string(text)) {
			pid, _ := strconv.Atoi(field)
			if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); program == self {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// highWater is VmHWM of proc_pid_status(5).
func highWater(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kib
		}
	}
	return 0
}
