package host

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// commandBody is the part of the command line that sh runs.
var commandBody = strings.TrimSuffix(strings.TrimPrefix(shell, "sh -c '"), "'")

// shells returns the POSIX shells of this machine.
func shells() [][]string {
	found := [][]string{{"/bin/sh"}}
	for _, sh := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}, {"mksh"}, {"ksh"}} {
		if path, err := exec.LookPath(sh[0]); err == nil {
			found = append(found, append([]string{path}, sh[1:]...))
		}
	}
	return found
}

func runShell(t testing.TB, sh []string, command string, stdin io.Reader) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), sh[0], append(sh[1:len(sh):len(sh)], "-c", command)...)
	cmd.Stdin = stdin
	return cmd.Output()
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a b", "'", "''", `\`, `\'`, "$(id)", "`id`", "a\nb\n", "*?[", "é\xff", "-n", "!", "~", "#", "\r\n\t"} {
		f.Add(s)
	}
	all := shells()
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ReplaceAll(s, "\x00", "") // no argument can hold it
		text, err := Script{Text: `printf %s "$1"; printf %s "$2"`, Args: []string{s, "end"}}.encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range all {
			out, err := runShell(t, sh, "printf %s "+Quote(s), nil)
			if err != nil || string(out) != s {
				t.Errorf("%v: %q became %q: %v", sh, s, out, err)
			}
			out, err = runShell(t, sh, commandBody, bytes.NewReader(text))
			_, out, _ = bytes.Cut(out, []byte("\n"))
			if err != nil || string(out) != s+"end" {
				t.Errorf("%v: the argument %q became %q: %v", sh, s, out, err)
			}
		}
	})
}

// The command line means the same to every login shell, and what the login shell
// prints by itself is not taken for the script's output.
func TestLoginShells(t *testing.T) {
	login := map[string][]string{"banner": {bannerShell(t)}, "long banner": {longBannerShell(t)}}
	for _, name := range []string{"sh", "bash", "zsh", "mksh", "ksh", "csh", "tcsh", "fish"} {
		if path, err := exec.LookPath(name); err == nil {
			login[name] = []string{path}
		}
	}
	for name, shell := range login {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startServer(t, withShell(shell...)).host(nil)
			result, err := h.Run(t.Context(), Script{
				Text:  `read -r line; printf '%s|%s|%s' "$1" "$line" "$(cat)"; echo warned >&2`,
				Args:  []string{"$HOME !! 'x' %"},
				Stdin: strings.NewReader("first\nrest"),
			})
			if err != nil || string(result.Stdout) != "$HOME !! 'x' %|first|rest" || string(result.Stderr) != "warned\n" {
				t.Errorf("%q %q %v", result.Stdout, result.Stderr, err)
			}
		})
	}
}

func TestLoginShellThatRunsNothing(t *testing.T) {
	nologin := writeScript(t, "echo 'This account is currently not available.'; exit 1")
	h := startServer(t, withShell(nologin)).host(nil)
	_, err := h.Run(t.Context(), Script{Step: "list images", Text: "true"})
	want := `Unable to list images on host "xen01": the login shell of root@` + h.address() + ` did not run the script (Process exited with status 1). It said:
This account is currently not available.
The user needs a login shell that runs sh, and sh needs dd`
	if err == nil || err.Error() != want {
		t.Error(err)
	}
	quiet := startServer(t, withShell(writeScript(t, "exit 0"))).host(nil)
	if _, err := quiet.Run(t.Context(), Script{Text: "true"}); err == nil || !strings.Contains(err.Error(), "It said:\n(nothing)") {
		t.Errorf("a script that did not run succeeded: %v", err)
	}
}

func TestSudo(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
	writeFile(t, directory+"/sudo", "#!/bin/sh\n[ \"$1\" = -n ] || exit 9\nshift\nSUDO_USER=me exec \"$@\"\n")
	if err := os.Chmod(directory+"/sudo", 0o700); err != nil {
		t.Fatal(err)
	}
	h := startServer(t).host(func(c *Config) { c.User, c.Sudo = "ops", true })
	result, err := h.Run(t.Context(), Script{Text: `echo "$SUDO_USER"`})
	if err != nil || string(result.Stdout) != "me\n" {
		t.Errorf("%q %v", result.Stdout, err)
	}

	writeFile(t, directory+"/sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
	_, err = h.Run(t.Context(), Script{Text: "true"})
	if err == nil || !strings.Contains(err.Error(), "sudo: a password is required") || !strings.Contains(err.Error(), `add "ops ALL=(root) NOPASSWD: ALL" to sudoers`) {
		t.Error(err)
	}
}

func bannerShell(t testing.TB) string {
	return writeScript(t, "echo 'Welcome to xen01'; printf 'no newline'; echo 'cannot set locale' >&2\nexec /bin/sh \"$@\"")
}

func longBannerShell(t testing.TB) string {
	return writeScript(t, "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2\nexec /bin/sh \"$@\"")
}

func writeScript(t testing.TB, text string) string {
	t.Helper()
	path := writeFile(t, t.TempDir()+"/shell", "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
