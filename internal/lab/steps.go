package lab

import (
	"fmt"
	"io"
	"time"
)

// Steps prints one line for each step of a job, with the time since the job began:
//
//	[ 12s] building the root file system of dom0 ...
type Steps struct {
	out   io.Writer
	begin time.Time
	now   func() time.Time
}

// NewSteps starts the clock of a job that prints to out.
func NewSteps(out io.Writer) *Steps {
	return &Steps{out: out, begin: time.Now(), now: time.Now}
}

// Say prints a step, formatted as by fmt.Sprintf.
func (s *Steps) Say(format string, args ...any) {
	fmt.Fprintf(s.out, "[%3.0fs] %s\n", s.now().Sub(s.begin).Seconds(), fmt.Sprintf(format, args...))
}
