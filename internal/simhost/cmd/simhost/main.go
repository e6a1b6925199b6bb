// Command simhost runs a simulated Xen host in the background, for trying the provider without Xen.
//
//	simhost up [-dir .lab]     start it; its address, key and files stand in DIR/sim.env
//	simhost down [-dir .lab]   end it
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "simhost:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say up or down")
	}
	flags := flag.NewFlagSet(args[0], flag.ExitOnError)
	dir := flags.String("dir", ".lab", "folder for sim.env, sim.pid, sim.log and the host's files in sim/")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	folder, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return up(folder)
	case "serve":
		return serve(folder)
	case "down":
		return down(folder)
	}
	return fmt.Errorf("no such command: %s", args[0])
}

// up starts this program again as `serve` in a session of its own and waits until the host can be reached.
func up(dir string) error {
	if process, err := running(dir); err == nil {
		return fmt.Errorf("it runs already, as process %d; end it with: simhost down", process.Pid)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(envFile(dir)); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "sim.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	server := exec.Command(self, "serve", "-dir", dir)
	server.Stdout, server.Stderr = log, log
	server.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	for range 200 {
		if _, err := os.Stat(envFile(dir)); err == nil {
			fmt.Printf("The simulated host is up: %s\n", envFile(dir))
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the simulated host ended (%w); see %s", err, log.Name())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.Join(errors.New("the simulated host did not come up"), server.Process.Kill())
}

// serve is the background process.
func serve(dir string) error {
	host, err := simhost.New(filepath.Join(dir, "sim"))
	if err != nil {
		return err
	}
	defer func() { _ = host.Close() }()
	if err := os.WriteFile(pidFile(dir), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return err
	}
	defer func() { _ = os.Remove(pidFile(dir)) }()
	if err := writeEnv(dir, host); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	return nil
}

// placeholders are the files that a user of the lab finds in its variables: a kernel, an initramfs and a disk of 1 MiB.
var placeholders = []string{"kernel", "ramdisk", "disk"}

// writeEnv writes sim.env at once, for whoever waits for it: KEY='value' lines with the lab's names.
func writeEnv(dir string, host *simhost.Host) error {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s='%s'\n", key, value) }
	for _, entry := range host.Env() {
		key, value, _ := strings.Cut(entry, "=")
		line(key, value)
	}
	for _, name := range placeholders {
		file := filepath.Join(dir, "sim-"+name)
		content := make([]byte, 1<<20)
		copy(content, "placeholder of the simulated host: "+name)
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
		line("XEN_LAB_"+strings.ToUpper(name), file)
		line("TF_VAR_"+name, file)
	}
	temporary := envFile(dir) + ".new"
	if err := os.WriteFile(temporary, []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, envFile(dir))
}

// down ends the background process and waits until it is gone. It is success when none runs.
func down(dir string) error {
	process, err := running(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unable to end the simulated host in %s: %w", dir, err)
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	for range 200 {
		if process.Signal(syscall.Signal(0)) != nil {
			return os.RemoveAll(envFile(dir))
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("process %d does not end", process.Pid)
}

// running is the process of the pid file, if it is alive and still this program.
func running(dir string) (*os.Process, error) {
	text, err := os.ReadFile(pidFile(dir))
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, err
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), "\x00serve\x00-dir\x00"+dir) {
		return nil, fmt.Errorf("process %d of %s is gone: %w", pid, pidFile(dir), fs.ErrNotExist)
	}
	return os.FindProcess(pid)
}

func pidFile(dir string) string { return filepath.Join(dir, "sim.pid") }
func envFile(dir string) string { return filepath.Join(dir, "sim.env") }
