package engine

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/vm_console.sh
var vmConsoleScript string

// readLogScript prints the log of a virtual machine, at most its last MiB. $1 folder.
const readLogScript = `[ ! -e "$1/vm.log" ] || tail -c 1048576 -- "$1/vm.log"`

// VirtualMachineLog is the log that the engine keeps of a virtual machine, in the form of OpenNebula's: its last lines, ended by line
// feeds. ErrAbsent when the host says that there is no such machine.
func (e *Engine) VirtualMachineLog(ctx context.Context, ref model.Ref, lines int) (string, error) {
	s, vm, err := e.recordOf(ctx, ref)
	if err != nil {
		return "", err
	}
	result, err := s.host.Run(ctx, host.Script{
		Step:       fmt.Sprintf("read the log of virtual machine %q", vm.Name),
		Text:       readLogScript,
		Args:       []string{s.store.Dir(model.KindVirtualMachine, vm.ID)},
		Repeatable: true,
	})
	return lastLines(harmless(string(result.Stdout)), lines), err
}

// ConsoleLog is what the guest's console has shown since the guest was last started, its last lines, ended by line feeds. It is empty
// when the guest was never started; a host whose xenconsoled keeps no logs is an error that says so.
func (e *Engine) ConsoleLog(ctx context.Context, ref model.Ref, lines int) (string, error) {
	s, vm, err := e.recordOf(ctx, ref)
	if err != nil {
		return "", err
	}
	text, err := s.console(ctx, vm)
	return lastLines(text, lines), err
}

// recordOf reads a record without waiting for its guest.
func (e *Engine) recordOf(ctx context.Context, ref model.Ref) (*site, model.VirtualMachine, error) {
	s, v, err := e.viewOn(ctx, ref.Host)
	if err != nil {
		return nil, model.VirtualMachine{}, err
	}
	vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, ref.ID)
	return s, vm, err
}

// console is what the guest's console has shown since the guest was last started.
func (s *site) console(ctx context.Context, vm model.VirtualMachine) (string, error) {
	if vm.ConsoleName == "" {
		return "", nil
	}
	result, err := s.host.Run(ctx, host.Script{
		Step:       fmt.Sprintf("read the console of virtual machine %q", vm.Name),
		Text:       vmConsoleScript,
		Args:       []string{s.store.Dir(model.KindVirtualMachine, vm.ID), vm.ConsoleName},
		Repeatable: true,
	})
	return harmless(string(result.Stdout)), err
}

// escapeSequence is what moves cursors, sets colours and titles on terminals, ECMA-48: control sequences, strings up to their end, and
// the short ones.
var escapeSequence = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)|[ -/]*[0-~])")

// harmless is a text that guests have written, without anything that a terminal would obey: escape sequences and carriage returns are
// left out, other control characters and what is no UTF-8 become U+FFFD.
func harmless(text string) string {
	text = escapeSequence.ReplaceAllString(strings.ToValidUTF8(text, "\ufffd"), "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// lastLines are the last lines of a text.
func lastLines(text string, count int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines[max(0, len(lines)-count):], "")
}
