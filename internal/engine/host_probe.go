package engine

import (
	"bytes"
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

//go:embed scripts/probe.sh
var probeScript string

// Exit statuses of the probe.
const (
	exitNoXL   = 60
	exitDomU   = 61
	exitXLInfo = 62
)

// neededTools must be there: every Linux distribution's dom0 has them.
var neededTools = []string{"flock", "losetup", "stat", "find", "grep", "awk"}

// Host says what a host is and has.
func (e *Engine) Host(ctx context.Context, name string) (model.Host, error) {
	s, err := e.site(name)
	if err != nil {
		return model.Host{}, err
	}
	facts, _, err := s.describe(ctx)
	return facts, err
}

// probe refuses a host that cannot do what is needed now, and says what it lacks.
func (s *site) probe(ctx context.Context) error {
	facts, _, err := s.describe(ctx)
	if err != nil {
		return err
	}
	return s.suffices(facts)
}

func (s *site) suffices(facts model.Host) error {
	var missing []string
	for _, tool := range neededTools {
		if !slices.Contains(facts.Tools, tool) {
			missing = append(missing, tool)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("host %s lacks %s: install the packages that have them (on Debian: util-linux, coreutils, findutils, grep, mawk)", s.name, strings.Join(missing, ", "))
	}
	return nil
}

// describe also tells whether it was tried to share blocks.
func (s *site) describe(ctx context.Context) (facts model.Host, tried bool, err error) {
	result, err := s.host.Run(ctx, host.Script{Step: "look at the host", Text: probeScript, Args: []string{s.store.Root()}, Repeatable: true})
	if err != nil {
		return facts, false, s.explainProbe(err)
	}
	parts := bytes.Split(result.Stdout, []byte{0})
	if len(parts) != 5 {
		return facts, false, fmt.Errorf("host %s answered something unexpected when it was looked at: %q", s.name, result.Stdout)
	}
	info, err := xl.ParseInfo(parts[0])
	if err != nil {
		return facts, false, fmt.Errorf("unable to read what xl info says on host %s: %w", s.name, err)
	}
	facts = model.Host{
		Name:         s.name,
		Hostname:     info.Host,
		XenVersion:   info.XenVersion,
		Kernel:       info.Release,
		Scheduler:    info.Scheduler,
		Capabilities: info.VirtCaps,
		CPUs:         int64(info.CPUs),
		TotalMemory:  info.TotalMemoryMiB,
		FreeMemory:   info.FreeMemoryMiB,
		Datastore:    s.store.Root(),
		Bridges:      parseBridges(parts[1]),
		Tools:        slices.Sorted(strings.FieldsSeq(string(parts[2]))),
	}
	facts.DatastoreTotal, facts.DatastoreFree = parseDF(string(parts[4]))
	shares := strings.TrimSpace(string(parts[3]))
	facts.Reflink = shares == "reflink"
	return facts, shares != "", nil
}

func (s *site) explainProbe(err error) error {
	exit, ok := errors.AsType[*host.ExitError](err)
	if !ok {
		return err
	}
	switch exit.Status {
	case exitNoXL:
		if strings.TrimSpace(string(exit.Stdout)) == "xm" {
			return fmt.Errorf("host %s has xm but no xl: its Xen is older than 4.2, and only xl is spoken here; upgrade Xen", s.name)
		}
		return fmt.Errorf("host %s has no xl: install Xen's tools (on Debian: xen-utils-4.17) and boot the Xen hypervisor", s.name)
	case exitDomU:
		return fmt.Errorf("host %s is itself a guest of Xen, not dom0: give the address of its dom0", s.name)
	case exitXLInfo:
		return fmt.Errorf("host %s has xl, but xl info fails: is the machine booted with the Xen hypervisor, and is the user root (or sudo = true)? It said: %s", s.name, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

// parseBridges reads lines such as "3: br0: <BROADCAST,...".
func parseBridges(lines []byte) []string {
	bridges := []string{}
	for line := range strings.Lines(string(lines)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			name, _, _ := strings.Cut(strings.TrimSuffix(fields[1], ":"), "@")
			bridges = append(bridges, name)
		}
	}
	slices.Sort(bridges)
	return bridges
}

// parseDF reads the last line of df -Pk: device, total, used and available KiB, and gives MiB.
func parseDF(line string) (total, free int64) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return 0, 0
	}
	total, _ = strconv.ParseInt(fields[1], 10, 64)
	free, _ = strconv.ParseInt(fields[3], 10, 64)
	return total / 1024, free / 1024
}
