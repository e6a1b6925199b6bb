package engine_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

const learnedMAC = "02:00:00:00:00:77"

// withNIC gives the guest a network card whose address nobody knows beforehand.
func withNIC(s *model.VirtualMachineSpec) {
	s.Body.NICs = map[string]model.NIC{"eth0": {Bridge: "br0", MAC: learnedMAC}}
}

// await waits for the guest of the test, who does something after half a second.
func (g *guest) await(wait model.WaitFor, then func()) error {
	g.Helper()
	timer := time.AfterFunc(500*time.Millisecond, then)
	defer timer.Stop()
	var err error
	g.vm, err = g.e.Await(g.Context(), g.vm.Ref(), wait)
	return err
}

// TestAwaitSeesTheGuest shows each thing that can be waited for a moment after the wait began.
func TestAwaitSeesTheGuest(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, withNIC)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	lease := func(line string) {
		path := filepath.Join(g.h.Root(), "var/lib/misc/dnsmasq.leases")
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		wait model.WaitFor
		then func()
	}{
		{model.WaitFor{Address: true}, func() { lease("1700000000 " + learnedMAC + " 192.168.70.7 web *\n") }},
		{model.WaitFor{Ping: true}, func() { g.h.AnswersPing("192.168.70.7") }},
		{model.WaitFor{TCPPort: 22}, func() { g.h.Forward("192.168.70.7:22", listener.Addr().String()) }},
		{model.WaitFor{ConsoleRegex: "^web login: $"}, func() { g.h.Say("web", "\x1b[2Jbooting\r\nweb login: ") }},
		{model.WaitFor{Address: true, Ping: true, TCPPort: 22, ConsoleRegex: "login"}, func() {}},
	} {
		c.wait.Timeout = time.Minute
		if err := g.await(c.wait, c.then); err != nil {
			t.Errorf("%+v: %v", c.wait, err)
		}
		if want := []string{"192.168.70.7"}; !slices.Equal(g.vm.Addresses(), want) {
			t.Errorf("the addresses are %v", g.vm.Addresses())
		}
	}
	g.spec.PowerState = model.VMPoweroff
	if err := g.update(); err != nil || len(g.vm.Addresses()) != 0 {
		t.Errorf("off, the guest has the addresses %v, %v", g.vm.Addresses(), err)
	}
}

// TestAwaitGivesUp says what was waited for, how long, and what the console showed since the start.
func TestAwaitGivesUp(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMPoweroff, withNIC)
	g.h.Say("web", "login: of an earlier guest\n")
	g.to(model.VMRunning)
	g.h.Say("web", "Kernel panic\n")
	err := g.await(model.WaitFor{ConsoleRegex: "login:", TCPPort: 22, Timeout: time.Second}, func() {})
	timeout, ok := errors.AsType[*engine.TimeoutError](err)
	if !ok || timeout.Console != "Kernel panic\n" {
		t.Fatalf("the error is %v", err)
	}
	g.refuses(err, `"web"`, "an IP address", `"login:" on its console`, "The last lines of its console:\nKernel panic\n")
	g.h.Neighbour("192.168.70.8 dev br0 lladdr " + learnedMAC + " REACHABLE")
	g.refuses(g.await(model.WaitFor{TCPPort: 22, Ping: true, Timeout: time.Second}, func() {}), "an answer on TCP port 22 of 192.168.70.8", "an answer to a ping of 192.168.70.8")
	g.h.PowerOff("web")
	time.Sleep(1100 * time.Millisecond) // who waits takes what was seen within the last second
	g.refuses(g.await(model.WaitFor{Address: true, Timeout: time.Second}, func() {}), "a running guest (the state is POWEROFF)")
	g.is(model.VMPoweroff)
}

// TestAwaitOnAHostThatCannot does not wait for what can never be seen.
func TestAwaitOnAHostThatCannot(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMRunning, withNIC, simhost.NoForwarding(), simhost.NoTool("ping"))
	g.h.Xenstore("web", "attr/eth0/ip", "192.168.70.8")
	if err := os.RemoveAll(filepath.Join(g.h.Root(), "var/log/xen/console")); err != nil {
		t.Fatal(err)
	}
	for words, wait := range map[string]model.WaitFor{
		"AllowTcpForwarding":           {TCPPort: 22},
		"iputils-ping":                 {Ping: true},
		"XENCONSOLED_ARGS=--log=guest": {ConsoleRegex: "login"},
	} {
		began := time.Now()
		g.refuses(g.await(wait, func() {}), words)
		if time.Since(began) > 30*time.Second {
			t.Errorf("%s: it waited %s", words, time.Since(began))
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	g := startGuest(t, model.VMPoweroff, nil)
	if text, err := g.e.ConsoleLog(t.Context(), g.vm.Ref(), 5); text != "" || err != nil {
		t.Errorf("the console of a guest that was never started: %q, %v", text, err)
	}
	g.h.Say("web", "earlier\n")
	g.to(model.VMRunning)
	g.h.Say("web", "one\ntwo\n\x1b[31mthree\n")
	g.spec.Name = "web-2"
	if err := g.update(); err != nil {
		t.Fatal(err)
	}
	if text, err := g.e.ConsoleLog(t.Context(), g.vm.Ref(), 2); text != "two\nthree\n" || err != nil {
		t.Errorf("the console is %q, %v", text, err)
	}
	text, err := g.e.VirtualMachineLog(t.Context(), g.vm.Ref(), 2)
	lines := strings.Split(text, "\n")
	if err != nil || len(lines) != 3 || !strings.HasSuffix(lines[0], " [LCM][I]: New VM state is RUNNING") || !strings.Contains(lines[1], "next boot") {
		t.Errorf("the log is %q, %v", text, err)
	}
	if _, err := g.e.ConsoleLog(t.Context(), model.Ref{Host: site, ID: 99}, 2); !errors.Is(err, engine.ErrAbsent) {
		t.Errorf("the console of nobody: %v", err)
	}
}
