package model

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// PowerStates are the states that a user may ask for, in the words of power_state.
var PowerStates = []string{"running", "poweroff", "suspended", "paused"}

// CheckPowerState refuses what is not one of PowerStates.
func CheckPowerState(power string) *FieldError {
	if !slices.Contains(PowerStates, power) {
		return fieldError("power_state", "%q is not a power state: use one of %s", power, strings.Join(PowerStates, ", "))
	}
	return nil
}

// EventActions are what Xen may do when a guest ends, xl.cfg(5) "Event Actions".
var EventActions = []string{"destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart"}

func (b VirtualMachineBody) checkEvents() *FieldError {
	for _, event := range []struct{ name, action string }{
		{"on_poweroff", b.OnPoweroff}, {"on_reboot", b.OnReboot}, {"on_crash", b.OnCrash},
	} {
		if event.action != "" && !slices.Contains(EventActions, event.action) {
			return fieldError(event.name, "%q is not what Xen can do when a guest ends: use one of %s", event.action, strings.Join(EventActions, ", "))
		}
	}
	return nil
}

// What follows when a guest has not been seen in time.
const (
	TimeoutWarns = "warn"
	TimeoutFails = "error"
)

// DefaultWait is how long a guest is waited for when nothing is said.
const DefaultWait = 5 * time.Minute

// WaitFor says what must be seen of a guest before its start counts as done: all that is said here.
type WaitFor struct {
	TCPPort      int64         `json:"tcp_port,omitempty"`      // accepts connections from the host
	Ping         bool          `json:"ping,omitempty"`          // answers ping(8) from the host
	ConsoleRegex string        `json:"console_regex,omitempty"` // is found in what the console showed since the start; RE2, ^ and $ match at lines
	Address      bool          `json:"address,omitempty"`       // an IP address of it is known
	Timeout      time.Duration `json:"timeout,omitempty"`       // 0: DefaultWait
	OnTimeout    string        `json:"on_timeout,omitempty"`    // TimeoutWarns or TimeoutFails; empty: TimeoutWarns
}

// Patience is how long the guest is waited for.
func (w WaitFor) Patience() time.Duration {
	if w.Timeout == 0 {
		return DefaultWait
	}
	return w.Timeout
}

// Console is the compiled ConsoleRegex.
func (w WaitFor) Console() (*regexp.Regexp, error) { return regexp.Compile("(?m)" + w.ConsoleRegex) }

// Check returns the first thing wrong with what is waited for, and the attribute it concerns.
func (w *WaitFor) Check() *FieldError {
	switch {
	case w == nil:
		return nil
	case w.TCPPort == 0 && !w.Ping && w.ConsoleRegex == "" && !w.Address:
		return fieldError("wait_for", "say what is waited for: tcp_port, ping, console_regex or address")
	case w.TCPPort < 0 || w.TCPPort > 65535:
		return fieldError("wait_for.tcp_port", "a TCP port is a number from 1 to 65535, not %d", w.TCPPort)
	case w.Timeout < 0:
		return fieldError("wait_for.timeout", "a timeout is not negative")
	case w.OnTimeout != "" && w.OnTimeout != TimeoutWarns && w.OnTimeout != TimeoutFails:
		return fieldError("wait_for.on_timeout", "%q is not what can follow a timeout: use %s or %s", w.OnTimeout, TimeoutWarns, TimeoutFails)
	}
	if _, err := w.Console(); err != nil {
		return fieldError("wait_for.console_regex", "%q is not a regular expression of RE2: %s", w.ConsoleRegex, err)
	}
	return nil
}

func (s VirtualMachineSpec) checkPower() *FieldError {
	if s.NeverForce && s.ShutdownTimeout == 0 {
		return fieldError("force_stop", "a guest that is given no time to shut down (shutdown_timeout) can only be destroyed, so force_stop = false needs a shutdown_timeout")
	}
	if s.PowerState != "" {
		if err := CheckPowerState(strings.ToLower(string(s.PowerState))); err != nil {
			return err
		}
	}
	return s.WaitFor.Check()
}
