package simhost

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Moment is a moment in the life of a command that a client asks for.
type Moment int

// The moments at which something can happen to a command.
const (
	Asked Moment = iota // it was asked for, and is not begun
	Torn                // its script has arrived, and of what the script is to read only the beginning
	Begun               // it has printed something, and goes on
	Ended               // it has ended, and the client does not know
)

// String is how tests call the moment.
func (m Moment) String() string { return [...]string{"asked for", "torn", "begun", "ended"}[m] }

// step is what is to happen to one of the next commands.
type step struct {
	in     int // commands until its turn; 0: nothing is to happen
	moment Moment
	do     func()
}

// tornInput is how much of its input a torn command gets.
const tornInput = 16

// AtStep calls do when the n-th command from now on is at the moment; the next one is the first, and 0 is none. Meanwhile nothing that
// the command does reaches the client, and one that was only asked for is not run afterwards. What was arranged before is forgotten.
func (h *Host) AtStep(n int, m Moment, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.step = step{in: n, moment: m, do: do}
}

// Full lets every file that commands of clients write be full from the n-th command from now on; the next one is the first, and 0 is none.
// What a full file system does at each write, a limit of the size of files does: only its message is another one.
func (h *Host) Full(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.full = n
}

// turn takes what is to happen to the command whose turn it is now.
func (h *Host) turn() turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands++
	now := turn{full: h.full == 1}
	if h.full > 1 {
		h.full--
	}
	if h.step.in == 1 {
		now.step = h.step
	}
	if h.step.in > 0 {
		h.step.in--
	}
	return now
}

// turn is what happens to one command.
type turn struct {
	step
	full bool // it finds no space
}

// is tells whether something happens at the moment.
func (t turn) is(m Moment) bool { return t.do != nil && t.moment == m }

func (t turn) at(m Moment) {
	if t.is(m) {
		t.do()
	}
}

// withoutSpace is put before a command line whose files are to be full.
const withoutSpace = `trap '' XFSZ; ulimit -S -f 0; `

// space is the limit of the size of files.
type space unix.Rlimit

// freeSpace frees a simulated tool from the limit of the commands of clients, because what it keeps of its own lies elsewhere. It gives the
// limit as it was.
func freeSpace() (space, error) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return space{}, err
	}
	return space(was), unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: was.Max, Max: was.Max})
}

func (s space) restore() error { return unix.Setrlimit(unix.RLIMIT_FSIZE, (*unix.Rlimit)(&s)) }

// tear passes on a script, whose length in bytes is the first line, and the beginning of what the script is to read.
func tear(to io.Writer, from io.Reader) {
	input := bufio.NewReader(from)
	line, err := input.ReadString('\n')
	length, notANumber := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if _, failed := io.WriteString(to, line); failed != nil || err != nil || notANumber != nil {
		return
	}
	_, _ = io.CopyN(to, input, length+tornInput)
}

// firstOutput calls do before the first bytes are passed on.
type firstOutput struct {
	io.Writer
	do func()
}

func (w *firstOutput) Write(p []byte) (int, error) {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.Writer.Write(p)
}
