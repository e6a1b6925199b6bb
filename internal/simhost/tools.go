package simhost

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The wrapper scripts run this same executable again with these variables in its environment.
const (
	toolVariable = "SIMHOST_TOOL"
	dirVariable  = "SIMHOST_DIR"
)

// init turns whatever program holds this package into one of the simulated tools, so that any test binary can be them.
func init() {
	name := os.Getenv(toolVariable)
	if name == "" {
		return
	}
	host := os.Getenv(dirVariable)
	_ = os.Unsetenv(toolVariable)
	_ = os.Unsetenv(dirVariable)
	os.Exit(runTool(name, host, os.Args[1:]))
}

// call is one run of a simulated tool.
type call struct {
	*store
	host           string // the host's directory
	args           []string
	stdout, stderr io.Writer
}

func (c *call) printf(format string, args ...any) { _, _ = fmt.Fprintf(c.stdout, format, args...) }

// fail prints a message and returns the exit status that goes with it.
func (c *call) fail(status int, format string, args ...any) int {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", args...)
	return status
}

var tools = map[string]func(*call) int{"xl": xlMain, "losetup": losetupMain, "ip": ipMain, "xenstore-ls": xenstoreMain, "ping": pingMain}

func runTool(name, host string, args []string) int {
	c := &call{
		store: &store{dir: filepath.Join(host, "sim")}, host: host, args: args,
		stdout: os.Stdout, stderr: os.Stderr,
	}
	space, err := freeSpace()
	if err == nil {
		err = c.record(name)
	}
	if err != nil {
		return c.fail(1, "simhost: %v", err)
	}
	if status, failed := c.suffer(name); failed {
		return status
	}
	if run, ok := tools[name]; ok {
		return run(c)
	}
	if err := space.restore(); err != nil {
		return c.fail(1, "simhost: %v", err)
	}
	return c.real(name)
}

// real becomes the machine's own tool of that name.
func (c *call) real(name string) int {
	own, all := filepath.Join(c.host, "bin"), os.Getenv("PATH")
	var rest []string
	for _, dir := range append(filepath.SplitList(all), "/usr/local/sbin", "/usr/sbin", "/sbin") {
		if dir != own {
			rest = append(rest, dir)
		}
	}
	err := os.Setenv("PATH", strings.Join(rest, ":"))
	path, missing := exec.LookPath(name)
	if missing != nil {
		return c.fail(127, "sh: 1: %s: not found", name)
	}
	// What the tool runs in its turn, as setsid does, is to be the simulated tools again.
	if err = errors.Join(err, os.Setenv("PATH", all)); err != nil {
		return c.fail(1, "simhost: %v", err)
	}
	err = syscall.Exec(path, append([]string{name}, c.args...), os.Environ())
	return c.fail(126, "sh: 1: %s: %v", name, err)
}

// Ran is one run of a simulated tool.
type Ran struct {
	Time time.Time
	Argv []string
}

// record adds the call to the log.
func (c *call) record(name string) error {
	line, err := json.Marshal(Ran{Time: time.Now(), Argv: append([]string{name}, c.args...)})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.Write(append(line, '\n'))
	return err
}

// Log lists the runs of simulated tools on the host in their order, also those that a fault made fail.
func (h *Host) Log() []Ran {
	text, err := os.ReadFile(h.store.path("log"))
	if err != nil {
		return nil
	}
	var list []Ran
	for line := range strings.Lines(string(text)) {
		var r Ran
		if json.Unmarshal([]byte(line), &r) == nil {
			list = append(list, r)
		}
	}
	return list
}

// Ran counts the runs whose command line begins with these words: h.Ran("xl create").
func (h *Host) Ran(prefix string) int {
	count := 0
	for _, r := range h.Log() {
		if matches(prefix, r.Argv) {
			count++
		}
	}
	return count
}

// matches tells whether a command line begins with the words of prefix.
func matches(prefix string, argv []string) bool {
	words := strings.Fields(prefix)
	return len(argv) >= len(words) && slices.Equal(argv[:len(words)], words)
}

func (h *Host) binDir() string { return filepath.Join(h.dir, "bin") }

// path is the PATH of everything that runs on the host.
func (h *Host) path() string {
	if len(h.settings.NoTools) > 0 {
		return h.binDir() + ":" + filepath.Join(h.dir, "usr")
	}
	return h.binDir() + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
}

// installTools makes the folders of commands.
func (h *Host) installTools() error {
	for _, dir := range []string{h.binDir(), filepath.Join(h.dir, "home")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for name := range tools {
		if slices.Contains(h.settings.NoTools, name) {
			continue
		}
		if err := h.wrap(name); err != nil {
			return err
		}
	}
	if err := h.installCP(); err != nil {
		return err
	}
	if len(h.settings.NoTools) > 0 {
		return h.linkTools()
	}
	return nil
}

// installCP puts a cp before the machine's that can or cannot share blocks as the host is to, whatever file system the test runs on.
func (h *Host) installCP() error {
	own, err := exec.LookPath("cp")
	if err != nil {
		return err
	}
	shared := "shift"
	if !h.settings.Reflink {
		shared = `echo "cp: failed to clone '$4' from '$3': Operation not supported" >&2; exit 1`
	}
	script := fmt.Sprintf("#!/bin/sh\ncase $1 in --reflink=always) %s ;; esac\nexec %s \"$@\"\n", shared, quote(own))
	return os.WriteFile(filepath.Join(h.binDir(), "cp"), []byte(script), 0o755)
}

// programVariable names a program that holds this package, to be the tools. A test binary with the race detector can be them, too, but
// takes five times as long to start as internal/simhost/cmd/simhost, and sleeps for a second at each end if it is not told.
const programVariable = "SIMHOST_PROGRAM"

// wrap writes the script that runs a program with this package as the tool.
func (h *Host) wrap(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 %s=%s %s=%s exec %s \"$@\"\n",
		toolVariable, name, dirVariable, quote(h.dir), quote(cmp.Or(os.Getenv(programVariable), self)))
	return os.WriteFile(filepath.Join(h.binDir(), name), []byte(script), 0o755)
}

// linkTools links every command of the machine but the hidden ones into one folder.
func (h *Host) linkTools() error {
	farm := filepath.Join(h.dir, "usr")
	if err := os.RemoveAll(farm); err != nil {
		return err
	}
	if err := os.Mkdir(farm, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			link := filepath.Join(farm, e.Name())
			if _, err := os.Lstat(link); err == nil || slices.Contains(h.settings.NoTools, e.Name()) {
				continue
			}
			if err := os.Symlink(filepath.Join(dir, e.Name()), link); err != nil {
				return err
			}
		}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
