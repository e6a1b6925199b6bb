package simhost

import (
	"errors"
	"strconv"
	"strings"
)

// errRefused ends a change of the state whose refusal has been said already.
var errRefused = errors.New("refused")

// xlCommands are the simulated commands; each returns the exit status.
var xlCommands = map[string]func(*call) int{
	"list": xlList, "vm-list": xlVMList, "info": xlInfo, "domid": xlDomID, "domname": xlDomName, "uptime": xlUptime,
	"create": xlCreate, "destroy": xlDestroy, "pause": xlPause, "unpause": xlUnpause, "shutdown": xlShutdown,
	"reboot": xlReboot, "rename": xlRename, "mem-set": xlMemSet, "mem-max": xlMemSet, "vcpu-set": xlVCPUSet,
	"block-list": xlBlockList, "network-list": xlNetworkList, "trigger": xlTrigger,
	"block-attach": xlBlockAttach, "block-detach": xlBlockDetach, "network-attach": xlNetworkAttach,
	"network-detach": xlNetworkDetach, "cd-insert": xlCDInsert, "cd-eject": xlCDEject, "config-update": xlConfigUpdate, "sched-credit2": xlSchedCredit2, "save": xlSave, "restore": xlRestore,
}

// xlMain is xl(1).
func xlMain(c *call) int {
	dry := false
	for len(c.args) > 0 && strings.HasPrefix(c.args[0], "-") {
		dry = dry || c.args[0] == "-N"
		c.args = c.args[1:]
	}
	if len(c.args) == 0 {
		return c.fail(1, "Usage xl [-vfNtT] <subcommand> [args]")
	}
	run, known := xlCommands[c.args[0]]
	if !known {
		return c.fail(1, "command not implemented")
	}
	name := c.args[0]
	c.args = c.args[1:]
	if dry && name == "create" {
		c.args = append([]string{"-n"}, c.args...)
	}
	return run(c)
}

// options takes the leading options off the arguments; an option that takes a value has "=" behind it in known.
func (c *call) options(known string) (set map[byte]bool, ok bool) {
	set = map[byte]bool{}
	for len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '-' {
		word := c.args[0]
		c.args = c.args[1:]
		if word == "--" {
			break
		}
		if long, isLong := strings.CutPrefix(word, "--"); isLong {
			word = "-" + long[:1]
		}
		for _, letter := range []byte(word[1:]) {
			if strings.IndexByte(known, letter) < 0 {
				c.fail(0, "xl: invalid option -- '%c'", letter)
				return nil, false
			}
			set[letter] = true
		}
	}
	return set, true
}

// usage is what xl says to a command line it does not understand.
func (c *call) usage(command string) int {
	return c.fail(2, "'xl %s' requires at least 1 argument.\n\nUsage: xl [-v] %s ...", command, command)
}

// domid tells whether a word is all digits, which makes it a domid for every command.
func domid(word string) (int, bool) {
	if word == "" || strings.Trim(word, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(word)
	return n, err == nil
}

// look finds the domain a command names. A name that nobody has is refused here; a number passes and is refused by the
// command itself, each in its own words (absent).
func (c *call) look(w *world, word string, absent func(id int) int) (d Domain, found bool, status int) {
	if d, found = w.find(word); found {
		return d, true, 0
	}
	if id, number := domid(word); number {
		return d, false, absent(id)
	}
	return d, false, c.fail(1, "%s is an invalid domain identifier (rc=-6)", word)
}

// on runs f on the domain named by the first argument, under the lock.
func (c *call) on(command string, absent func(id int) int, f func(w *world, d Domain) error) int {
	if len(c.args) == 0 {
		return c.usage(command)
	}
	status := 0
	err := c.change(func(w *world) error {
		d, found, s := c.look(w, c.args[0], absent)
		if status = s; !found {
			return nil
		}
		return f(w, d)
	})
	return c.result(err, status)
}

// result is the exit status of a command whose refusals have been said.
func (c *call) result(err error, status int) int {
	switch {
	case errors.Is(err, errRefused) && status == 0:
		return 1
	case err != nil && !errors.Is(err, errRefused):
		return c.fail(1, "simhost: %v", err)
	}
	return status
}

// nobody is the answer of libxl to a number that is no domain's, where the command does not say more.
func (c *call) nobody(id int) int {
	return c.fail(1, "libxl: error: libxl_domain.c:340:libxl_domain_info: Domain %d:getting domain info list: No such process", id)
}
