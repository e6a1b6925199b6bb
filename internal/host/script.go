package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Script is one step on the host: one SSH session, one round trip.
//
// A script that leaves a process behind must redirect its three streams, or the
// session lasts as long as that process.
type Script struct {
	Step   string    // what it does, as a verb phrase for errors: "create domain web-1"
	Text   string    // constant POSIX sh text; values arrive as "$1", "$2", ...
	Args   []string  // positional parameters, any bytes but NUL
	Stdin  io.Reader // optional: what the script reads on its standard input; a lost connection ends it early
	Stdout io.Writer // optional: takes the standard output instead of Result.Stdout

	// PIDFile, if it is there, gets the number of the script's shell appended.
	PIDFile string

	// Repeatable scripts run once more when the connection was lost under them,
	// as long as Stdin can be rewound (nil or an io.Seeker) and nothing was
	// written to Stdout yet.
	Repeatable bool

	parts []Script // of a sequence
}

// Result is what a script printed.
type Result struct{ Stdout, Stderr []byte }

// The whole of a step's command line, the same for every step and free of all
// that POSIX shells, csh and fish read differently. sh reads the length of the
// script and the script byte by byte, so that what follows on standard input is
// left to the script's own commands.
const (
	commandLine     = `exec ` + shell
	sudoCommandLine = `exec sudo -n ` + shell
	shell           = `sh -c 'IFS= read -r n && eval "$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null)"'`
)

// Sequence is one script that runs others one after the other, each in a shell of its own, until one fails: what they print and the exit
// status are theirs. At most one of them may have standard input, and none a standard output of its own.
func Sequence(step string, scripts ...Script) Script {
	sequence := Script{Step: step, Text: "set -e", parts: scripts}
	for _, s := range scripts {
		if s.Stdin != nil {
			sequence.Stdin = s.Stdin
		}
	}
	return sequence
}

// marker begins the line that stands before the script's own output: whatever a
// login shell printed comes before it. On standard output, what kill(1) takes to
// reach the script follows it.
const marker = "@terraform-provider-xen:script:"

// preamble prepares the shell of every script. The script's process group (field 5 of
// proc_pid_stat(5)) is its own under OpenSSH and that of sudo under sudo; elsewhere, as
// under dropbear, the group may hold the server, so only the shell is to be killed.
const preamble = `export LC_ALL=C
umask 077
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
{ read -r _ _ _ _ xen_group _ </proc/self/stat; } 2>/dev/null || xen_group=none
case $xen_group in
$$ | "${SUDO_COMMAND:+$PPID}") echo "` + marker + `-$xen_group" ;;
*) echo "` + marker + `$$" ;;
esac
echo "` + marker + `" >&2
unset xen_group
`

// Quote returns s as one word of POSIX sh.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// encode returns what standard input carries before the script's own input: the
// length and the text. The braces make the text one command, so that a part of
// it, cut off by a lost connection, is a syntax error and runs nothing.
func (s Script) encode() ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("{\n" + preamble)
	if s.PIDFile != "" {
		fmt.Fprintf(&text, "[ ! -e %[1]s ] || { echo $$ >>%[1]s; } 2>/dev/null || :\n", Quote(s.PIDFile))
	}
	if err := s.write(&text); err != nil {
		return nil, err
	}
	text.WriteString("\n}\n")
	return append(fmt.Appendf(nil, "%d\n", text.Len()), text.Bytes()...), nil
}

// write writes the commands that set the arguments, and those of the script.
func (s Script) write(text *bytes.Buffer) error {
	if strings.Contains(s.Text, "\x00") {
		return errors.New("the script contains a NUL byte")
	}
	text.WriteString("set --")
	for i, arg := range s.Args {
		if strings.Contains(arg, "\x00") {
			return fmt.Errorf("argument %d contains a NUL byte", i+1)
		}
		text.WriteString(" " + Quote(arg))
	}
	text.WriteString("\n" + s.Text)
	for _, part := range s.parts {
		text.WriteString("\n(\n")
		if err := part.write(text); err != nil {
			return err
		}
		text.WriteString("\n)")
	}
	return nil
}
