package simhost

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// watch starts what Xen has for each domain: the xl process that stays behind after `xl create FILE` or `xl restore FILE` and carries out
// on_poweroff, on_reboot and on_crash. Here it only stands in the process list with that command line, also while the
// guest reboots and no listing knows the domain. Its standard output
// is a log with the name of the domain. It waits on a named pipe, so that it can be ended without its pid.
func (s *store) watch(d Domain) error {
	pipe := s.monitorFile(d)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return fmt.Errorf("mkfifo %s: %w", pipe, err)
	}
	wait, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = wait.Close() }()
	argv := []string{"xl", "create", d.File}
	if d.Restored != "" {
		argv = []string{"xl", "restore", d.Restored}
	}
	monitor := exec.Command("/bin/sh", append([]string{"-c", "read -r end"}, argv...)...)
	monitor.Stdin = wait
	log, err := os.Create(s.path("xl-" + d.Name + ".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	monitor.Stdout = log
	monitor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := monitor.Start(); err != nil {
		return err
	}
	go func() { _ = monitor.Wait() }()
	return nil
}

// watched tells whether the monitor of a domain lives.
func (s *store) watched(d Domain) bool {
	f, err := os.OpenFile(s.monitorFile(d), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// unwatch ends the monitor of a domain that is gone for good.
func (s *store) unwatch(d Domain) { endMonitor(s.monitorFile(d)) }

// unwatchAll ends every monitor, for the host's end.
func (s *store) unwatchAll() {
	pipes, err := filepath.Glob(s.path("monitors/*"))
	if err != nil {
		return
	}
	for _, pipe := range pipes {
		endMonitor(pipe)
	}
}

// watchAll gives the domains of an earlier run of this host their monitors back.
func (s *store) watchAll() error {
	list, err := s.domains()
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.Monitor == 0 {
			continue
		}
		if err := s.watch(d); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) monitorFile(d Domain) string { return s.path(fmt.Sprintf("monitors/%d", d.Monitor)) }

// endMonitor writes a line to the pipe; without a reader there is no monitor any more.
func endMonitor(pipe string) {
	if f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		_, _ = f.WriteString("\n")
		_ = f.Close()
	}
	_ = os.Remove(pipe)
}
