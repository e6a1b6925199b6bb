package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

func TestRunTakesValuesAsTheyAre(t *testing.T) {
	h := startServer(t).host(nil)
	var all []byte
	for b := 1; b < 256; b++ {
		all = append(all, byte(b))
	}
	args := []string{"", "a b", "'", `'\''`, `"$(reboot)"`, "`id`", "-n", "--", "*", "\n", "end\n", "\\", "!!", "~root", "é", string(all), strings.Repeat("x", 200_000)}
	result, err := h.Run(t.Context(), Script{Step: "print", Args: args, Text: `for a; do printf '%s\0' "$a"; done`})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(result.Stdout), "\x00"), "\x00"); !slices.Equal(got, args) {
		t.Errorf("the script saw %q", got)
	}
}

func TestSequence(t *testing.T) {
	h := startServer(t).host(nil)
	say := func(text string, args ...string) Script { return Script{Text: text, Args: args} }
	input := Script{Text: `cat`, Stdin: strings.NewReader("input ")}
	for name, test := range map[string]struct {
		parts  []Script
		says   string
		status int
	}{
		"each has its own arguments and variables": {[]Script{say(`x=1; echo $# "$1"`, "it's", "b"), input, say(`echo $# "$1" "${x:-unset}"`, "c")}, "2 it's\ninput 1 c unset\n", 0},
		"an early end is that of one":              {[]Script{say(`echo one; exit 0`), say(`echo two`)}, "one\ntwo\n", 0},
		"a failure ends the rest":                  {[]Script{say(`echo one`), say(`set -eu; false; echo never`), say(`echo never`)}, "one\n", 1},
		"with its status":                          {[]Script{say(`exit 42`), say(`echo never`)}, "", 42},
	} {
		result, err := h.Run(t.Context(), Sequence(name, test.parts...))
		var exit *ExitError
		if string(result.Stdout) != test.says || errors.As(err, &exit) != (test.status != 0) {
			t.Errorf("%s: %q, %v", name, result.Stdout, err)
		}
		if exit != nil && exit.Status != test.status {
			t.Errorf("%s: the status is %d", name, exit.Status)
		}
	}
}

func TestRunSendsOneConstantCommandLine(t *testing.T) {
	s := startServer(t)
	h := s.host(nil)
	for _, arg := range []string{"secret-1", "secret-2"} {
		if _, err := h.Run(t.Context(), Script{Text: `echo "$1"`, Args: []string{arg}}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{commandLine, commandLine}; !slices.Equal(s.commands, want) {
		t.Errorf("the host was asked to run %q", s.commands)
	}
	if got := h.Stats(); got != (Stats{Connections: 1, Scripts: 2}) {
		t.Errorf("stats: %+v", got)
	}
}

func TestTraceIsToldOfEveryStep(t *testing.T) {
	var told []string
	h := startServer(t).host(func(c *Config) {
		c.Trace = func(_ context.Context, step string, took time.Duration, err error) {
			if took <= 0 {
				t.Errorf("%s took %s", step, took)
			}
			told = append(told, fmt.Sprintf("%s: %t", step, err == nil))
		}
	})
	for _, text := range []string{"exit 0", "exit 3"} {
		_, _ = h.Run(t.Context(), Script{Step: text, Text: text, Args: []string{"hunter2"}})
	}
	if want := []string{"exit 0: true", "exit 3: false"}; !slices.Equal(told, want) {
		t.Errorf("told of %q", told)
	}
}

func TestRunKeepsValuesOutOfTheProcessList(t *testing.T) {
	h := startServer(t).host(nil)
	result, err := h.Run(t.Context(), Script{Text: `tr '\0' ' ' <"/proc/$$/cmdline"`, Args: []string{"hunter2"}})
	if err != nil {
		t.Fatal(err)
	}
	if line := string(result.Stdout); strings.Contains(line, "hunter2") || !strings.Contains(line, "read -r n") {
		t.Errorf("the process list shows %q", line)
	}
}

func TestRunPreparesTheShell(t *testing.T) {
	h := startServer(t).host(nil)
	result, err := h.Run(t.Context(), Script{Text: `umask; echo "$LC_ALL"; echo "$PATH"; echo $#; echo "${xen_group-unset}"`})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(result.Stdout), "\n")
	if lines[0] != "0077" || lines[1] != "C" || !strings.HasSuffix(lines[2], ":/usr/local/sbin:/usr/sbin:/sbin") || lines[3] != "0" || lines[4] != "unset" {
		t.Errorf("the script found %q", lines)
	}
}

func TestRunRefusesNUL(t *testing.T) {
	s := startServer(t)
	h := s.host(nil)
	_, err := h.Run(t.Context(), Script{Step: "say hello", Text: "echo", Args: []string{"a", "b\x00c"}})
	if err == nil || err.Error() != `Unable to say hello on host "xen01": argument 2 contains a NUL byte` {
		t.Error(err)
	}
	if _, err := h.Run(t.Context(), Script{Text: "echo\x00"}); err == nil {
		t.Error("a script with a NUL byte was sent")
	}
	if s.connections != 0 {
		t.Error("the host was called")
	}
}

// A connection may break anywhere in the script's text: no part of it may run.
func TestPartOfAScriptRunsNothing(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "ran")
	text, err := Script{Text: "echo a >>\"$1\"\nf() {\n  echo b >>\"$1\"\n}\nf \"$1\"\ncat >>\"$1\" <<X\nhere\nX\n# end", Args: []string{trace}}.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range shells() {
		t.Run(strings.Join(sh, " "), func(t *testing.T) {
			t.Parallel()
			for n := 0; n < len(text)-3; n += 1 + n%3 {
				out, _ := runShell(t, sh, commandBody, bytes.NewReader(text[:n]))
				if _, err := os.Stat(trace); err == nil || bytes.Contains(out, []byte(marker)) {
					t.Fatalf("%d of %d bytes ran something: %s", n, len(text), text[:n])
				}
			}
		})
	}
}

func TestExitErrorTellsWhatTheHostSaid(t *testing.T) {
	h := startServer(t).host(nil)
	tests := []struct {
		name, text string
		want       ExitError
		message    string
	}{
		{
			"status", "echo out; echo 'libxl: error: no memory' >&2; echo second >&2; exit 7",
			ExitError{Status: 7, Stdout: []byte("out\n"), Stderr: []byte("libxl: error: no memory\nsecond\n")},
			"Unable to create domain web-1 on host \"xen01\": exit status 7\n\nlibxl: error: no memory\nsecond",
		},
		{"signal", "kill -KILL $$", ExitError{Status: 137, Signal: "KILL"}, "Unable to create domain web-1 on host \"xen01\": ended by signal KILL"},
		{"silence", "false", ExitError{Status: 1}, "Unable to create domain web-1 on host \"xen01\": exit status 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := h.Run(t.Context(), Script{Step: "create domain web-1", Text: test.text})
			var exit *ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("not an ExitError: %v", err)
			}
			if exit.Host != "xen01" || exit.Step != "create domain web-1" || exit.Status != test.want.Status || exit.Signal != test.want.Signal ||
				string(exit.Stdout) != string(test.want.Stdout) || string(exit.Stderr) != string(test.want.Stderr) || string(result.Stderr) != string(test.want.Stderr) {
				t.Errorf("%+v", exit)
			}
			if err.Error() != test.message {
				t.Errorf("message: %s", err)
			}
		})
	}
}

func TestOutputThatIsTooLarge(t *testing.T) {
	h := startServer(t).host(nil)
	result, err := h.Run(t.Context(), Script{Text: `head -c "$1" /dev/zero | tr '\0' e >&2; exit 1`, Args: []string{fmt.Sprint(maxStderr + 10)}})
	var exit *ExitError
	if !errors.As(err, &exit) || !bytes.HasSuffix(result.Stderr, []byte("e\n[10 bytes more]\n")) || len(exit.Stderr) != len(result.Stderr) {
		t.Errorf("standard error ends with %q: %v", result.Stderr[max(0, len(result.Stderr)-30):], err != nil)
	}
	_, err = h.Run(t.Context(), Script{Step: "list", Text: `head -c "$1" /dev/zero`, Args: []string{fmt.Sprint(maxStdout + 10)}})
	if err == nil || err.Error() != `Unable to list on host "xen01": the script printed 10 bytes more than the 64 MiB that are read` {
		t.Error(err)
	}
}

func TestStdinStreams(t *testing.T) {
	const size = 64 << 20
	h := startServer(t).host(nil)
	sum := sha256.New()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := h.Run(t.Context(), Script{
		Text:  `dd bs=1 count=3 2>/dev/null; sha256sum`,
		Stdin: io.MultiReader(strings.NewReader("abc"), io.TeeReader(io.LimitReader(&counter{}, size), sum)),
	})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("abc%x  -\n", sum.Sum(nil)); string(result.Stdout) != want {
		t.Errorf("the host got %s, want %s", result.Stdout, want)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// counter yields bytes that differ from each other over long distances.
type counter struct{ n uint64 }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.n += 0x9e3779b97f4a7c15
		p[i] = byte(c.n >> 56)
	}
	return len(p), nil
}

func TestStdoutStreams(t *testing.T) {
	h := startServer(t).host(nil)
	sum := sha256.New()
	result, err := h.Run(t.Context(), Script{Text: `cat`, Stdin: io.LimitReader(&counter{}, 8<<20), Stdout: sum})
	want := sha256.New()
	_, _ = io.Copy(want, io.LimitReader(&counter{}, 8<<20))
	if err != nil || len(result.Stdout) != 0 || !bytes.Equal(sum.Sum(nil), want.Sum(nil)) {
		t.Errorf("%x %v", sum.Sum(nil), err)
	}
}

func TestExitStatusWinsOverUnreadInput(t *testing.T) {
	h := startServer(t).host(nil)
	_, err := h.Run(t.Context(), Script{Text: "echo 'disk full' >&2; exit 3", Stdin: io.LimitReader(&counter{}, 32<<20)})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Status != 3 || string(exit.Stderr) != "disk full\n" {
		t.Error(err)
	}
}

func TestBlockedInputDoesNotHang(t *testing.T) {
	h := startServer(t).host(nil)
	input, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	begun := time.Now()
	if _, err := h.Run(t.Context(), Script{Text: "exit 0", Stdin: input}); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestBrokenStreamsEndTheScript(t *testing.T) {
	broken := errors.New("connection reset by origin")
	tests := map[string]Script{
		"input":  {Text: `cat >/dev/null; echo complete >"$1"; sleep 60`, Stdin: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))},
		"output": {Text: `echo x; sleep 60; echo complete >"$1"`, Stdout: failingWriter{broken}},
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			h := startServer(t).host(nil)
			trace := filepath.Join(t.TempDir(), "trace")
			s.Args = []string{trace}
			_, err := h.Run(t.Context(), s)
			if !errors.Is(err, broken) || !strings.Contains(err.Error(), "was ended on the host: its standard "+name) {
				t.Error(err)
			}
			if _, err := os.Stat(trace); err == nil {
				t.Error("the script took the cut stream for a whole one")
			}
		})
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestCancellationEndsTheRemoteProcesses(t *testing.T) {
	tests := map[string]struct {
		text    string
		options []serverOption
		atLeast time.Duration
	}{
		"children too":              {text: `sleep 300 & echo $! >"$1"; mv "$1" "$2"; wait`},
		"deaf to TERM":              {text: `trap '' TERM; sleep 300 & echo $! >"$1"; mv "$1" "$2"; wait; wait`, atLeast: grace},
		"refused session, signal":   {text: `sleep 300 & echo $! >"$1"; mv "$1" "$2"; wait`, options: []serverOption{withMaxSessions(1), withSignals()}},
		"login shell with a banner": {text: `sleep 300 & echo $! >"$1"; mv "$1" "$2"; wait`, options: []serverOption{withShell(bannerShell(t))}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startServer(t, test.options...).host(nil)
			pidFile := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(t.Context())
			var pid string
			go func() {
				eventually(t, "the script runs", func() bool {
					text, err := os.ReadFile(pidFile)
					pid = strings.TrimSpace(string(text))
					return err == nil
				})
				cancel()
			}()
			begun := time.Now()
			_, err := h.Run(ctx, Script{Step: "sleep", Text: test.text, Args: []string{pidFile + ".part", pidFile}})
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `Unable to sleep on host "xen01": the script was ended on the host`) {
				t.Errorf("error: %v", err)
			}
			if took := time.Since(begun); took < test.atLeast || took > test.atLeast+5*time.Second {
				t.Errorf("took %s", took)
			}
			eventually(t, "the child is gone", func() bool { return !alive(t, pid) })
			if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
				t.Errorf("the connection is no longer of use: %v", err)
			}
		})
	}
}

func TestCancelledBeforeItRan(t *testing.T) {
	h := startServer(t).host(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Run(ctx, Script{Text: "true"})
	var failed *ConnectionError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &failed) {
		t.Error(err)
	}
}

func TestSessionLimit(t *testing.T) {
	for name, test := range map[string]struct{ host, server, peak int }{
		"sshd's default":     {0, 10, 8},
		"exactly ours":       {8, 8, 8},
		"less than expected": {8, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, withMaxSessions(test.server))
			h := s.host(func(c *Config) { c.MaxSessions = test.host; c.ConnectTimeout = 20 * time.Second })
			var ok atomic.Int64
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if _, err := h.Run(t.Context(), Script{Text: "sleep 0.05"}); err != nil {
						t.Error(err)
					} else {
						ok.Add(1)
					}
				})
			}
			all.Wait()
			if ok.Load() != 50 || s.connections != 1 || s.count(&s.peak) != test.peak {
				t.Errorf("%d succeeded on %d connections with %d sessions at once", ok.Load(), s.connections, s.peak)
			}
		})
	}
}

func TestRefusedSessionSaysWhatToDo(t *testing.T) {
	h := startServer(t, withMaxSessions(0)).host(func(c *Config) { c.ConnectTimeout = time.Second })
	_, err := h.Run(t.Context(), Script{Step: "list", Text: "true"})
	var failed *ConnectionError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "refused a session") || !strings.Contains(err.Error(), "MaxSessions of its sshd_config is below 8") {
		t.Error(err)
	}
}

func TestHostThatRefusesCommands(t *testing.T) {
	s := startServer(t, func(s *server) { s.noExec = true })
	h := s.host(nil)
	_, err := h.Run(t.Context(), Script{Step: "list", Text: "true"})
	if err == nil || !strings.HasPrefix(err.Error(), `Unable to list on host "xen01": `+h.target()+`: the host runs no commands for this user: `) {
		t.Error(err)
	}
}

// dropbear leaves scripts in its own process group, which must survive.
func TestCancellationSparesAForeignProcessGroup(t *testing.T) {
	survived := t.TempDir() + "/survived"
	// This login shell stands for the server: the script is its child, in its group.
	shell := writeScript(t, "/bin/sh \"$@\"\nstatus=$?; touch "+Quote(survived)+"; exit $status")
	h := startServer(t, withShell(shell)).host(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := h.Run(ctx, Script{Text: "while :; do sleep 0.1; done"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	eventually(t, "the server's process goes on", func() bool { _, err := os.Stat(survived); return err == nil })
}

func TestNoGoroutineStays(t *testing.T) {
	s := startServer(t)
	before := runtime.NumGoroutine()
	h := s.host(nil)
	for range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, _ = h.Run(ctx, Script{Text: "sleep 60"})
		cancel()
	}
	held, err := h.Hold(t.Context(), Script{Text: "echo; cat"})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	<-held.Lost()
	if _, err := h.Run(t.Context(), Script{Text: "true"}); !errors.Is(err, errClosed) {
		t.Errorf("a closed host ran a script: %v", err)
	}
	s.drop()
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}
