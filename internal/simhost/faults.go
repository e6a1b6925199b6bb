package simhost

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fault is one thing that goes wrong with a tool.
type fault struct {
	Prefix string // first words of the command line
	Exit   int
	Stderr string
	Stdout string
	Delay  time.Duration
	Times  int // runs left; negative: for ever
	Skip   int // runs that pass before
}

// DropAfter cuts every connection once when n more bytes have passed in either direction.
func (h *Host) DropAfter(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropAfter = n
}

// Drop cuts every connection now.
func (h *Host) Drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut()
}

// RefuseSession refuses the next n sessions, as a server at its MaxSessions does.
func (h *Host) RefuseSession(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = n
}

// FailTool makes every command whose line begins with these words ("xl create", "dd", "mv") print stderr and end with
// the status instead of doing its work, until ClearFaults.
func (h *Host) FailTool(prefix string, exit int, stderr string) {
	h.FailToolTimes(-1, prefix, exit, stderr)
}

// FailToolTimes is FailTool for the next n runs only.
func (h *Host) FailToolTimes(n int, prefix string, exit int, stderr string) {
	h.addFault(fault{Prefix: prefix, Exit: exit, Stderr: stderr, Times: n})
}

// Count makes tools of the machine ("mv", "mkdir") count among those that FailRun and HangRun know, beside the simulated ones.
func (h *Host) Count(names ...string) error {
	for _, name := range names {
		if err := h.wrap(name); err != nil {
			return err
		}
	}
	return nil
}

// FailRun makes the n-th run of any tool from now on fail, or with -1 times all from that one on, with nothing but the status.
func (h *Host) FailRun(n, times int) {
	h.addFault(fault{Exit: 1, Stderr: "simhost: this run fails", Skip: n - 1, Times: times})
}

// HangRun makes the n-th run of any tool from now on hang for so long before it works.
func (h *Host) HangRun(n int, d time.Duration) {
	h.addFault(fault{Delay: d, Skip: n - 1, Times: 1})
}

// AnswerTool makes the next n commands whose line begins with these words print the text and succeed without doing their work; -1 makes
// all of them, until ClearFaults.
func (h *Host) AnswerTool(n int, prefix, stdout string) {
	h.addFault(fault{Prefix: prefix, Stdout: stdout, Times: n})
}

// DelayTool makes every command whose line begins with these words wait before it works, until ClearFaults.
func (h *Host) DelayTool(prefix string, d time.Duration) {
	h.addFault(fault{Prefix: prefix, Delay: d, Times: -1})
}

// Age makes what is judged by its age, the files in the folders tmp and locks of the datastore, older by that, or younger, as if the host's
// clock had been set.
func (h *Host) Age(by time.Duration) {
	for _, folder := range []string{"tmp", "locks"} {
		files, _ := filepath.Glob(filepath.Join(h.Datastore(), folder, "*"))
		for _, file := range files {
			if info, err := os.Stat(file); err == nil { // else it went meanwhile
				then := info.ModTime().Add(-by)
				_ = os.Chtimes(file, then, then)
			}
		}
	}
}

// ClearFaults ends what FailTool and DelayTool began.
func (h *Host) ClearFaults() {
	h.mustChange(func(w *world) error { return w.setFaults(nil) })
}

// addFault stores a fault; a tool of the machine that it names gets a wrapper so that it meets its fault, too.
func (h *Host) addFault(f fault) {
	name, _, _ := strings.Cut(f.Prefix, " ")
	h.mustChange(func(w *world) error {
		if _, simulated := tools[name]; name != "" && !simulated {
			if err := h.wrap(name); err != nil {
				return err
			}
		}
		list, err := w.faults()
		if err != nil {
			return err
		}
		return w.setFaults(append(list, f))
	})
}

func (s *store) faults() ([]fault, error) {
	var list []fault
	err := readJSON(s.path("faults.json"), &list)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return list, err
}

func (s *store) setFaults(list []fault) error { return writeJSON(s.path("faults.json"), list) }

// suffer meets the faults that await this call, and tells whether one of them ends it.
func (c *call) suffer(name string) (status int, failed bool) {
	var met []fault
	counted := false
	argv := append([]string{name}, c.args...)
	err := c.locked(func() error {
		list, err := c.faults()
		if err != nil {
			return err
		}
		for i, f := range list {
			if f.Times == 0 || !matches(f.Prefix, argv) {
				continue
			}
			if f.Skip > 0 {
				list[i].Skip--
				counted = true
				continue
			}
			met = append(met, f)
			if f.Times > 0 {
				list[i].Times--
				counted = true
			}
		}
		if !counted {
			return nil
		}
		return c.setFaults(list)
	})
	if err != nil {
		return c.fail(1, "simhost: %v", err), true
	}
	for _, f := range met {
		time.Sleep(f.Delay)
		switch {
		case f.Delay == 0 && f.Exit == 0 && f.Stderr == "":
			c.printf("%s", f.Stdout)
			return 0, true
		case f.Delay == 0:
			return c.fail(f.Exit, "%s", strings.TrimSuffix(f.Stderr, "\n")), true
		}
	}
	return 0, false
}
