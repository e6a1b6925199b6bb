package simhost_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestFull fails writes to files, but not what simulated tools keep of their own.
func TestFull(t *testing.T) {
	h := simhost.Start(t)
	c := dial(t, h)
	h.Full(2)
	const write = `echo text >file; echo $?; cat file; xl create -p "$PWD/p1.cfg" 2>&1`
	guest(t, h, "p1")
	equal(t, "before it is full", strings.HasPrefix(sh(t, c, write, "").stdout, "0\ntext\n"), true)
	xlOK(t, h, "destroy", "p1")
	said := sh(t, c, write, "").stdout
	equal(t, "when it is full", strings.HasPrefix(said, "0\n") || strings.Contains(said, "text"), false)
	equal(t, "the domains", len(h.Domains()), 1)
	h.Full(0)
	equal(t, "afterwards", strings.HasPrefix(sh(t, c, write, "").stdout, "0\ntext\n"), true)
}

// TestStep lets something happen to the second command only, and in time.
func TestStep(t *testing.T) {
	h := simhost.Start(t)
	c := dial(t, h)
	for _, moment := range []simhost.Moment{simhost.Begun, simhost.Ended} {
		var happened atomic.Bool
		h.AtStep(2, moment, func() { happened.Store(true) })
		sh(t, c, "echo one", "")
		equal(t, "before its turn", happened.Load(), false)
		sh(t, c, "echo two", "")
		equal(t, moment.String(), happened.Load(), true)
	}
	// What was only asked for is not run.
	h.AtStep(1, simhost.Asked, func() {})
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Run("echo three >three"); err == nil {
		t.Error("the command was run")
	}
	equal(t, "what it would have written", sh(t, c, "ls three 2>/dev/null", "").stdout, "")
}
