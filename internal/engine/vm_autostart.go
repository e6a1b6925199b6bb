package engine

import (
	"context"
	_ "embed" // the script
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/vm_autostart.sh
var vmAutostartScript string

// autostarts is what a host says of its own starts at boot, as look.sh prints it.
type autostarts struct {
	possible bool              // the host has xendomains
	targets  map[string]string // deployment files by the names of the links in /etc/xen/auto
}

// parseAutostarts reads the word xendomains and lines of stat %N, 'link' -> 'target'.
func parseAutostarts(text []byte) autostarts {
	found := autostarts{targets: map[string]string{}}
	for line := range strings.Lines(string(text)) {
		link, target, isLink := strings.Cut(strings.TrimSpace(line), " -> ")
		if isLink {
			found.targets[path.Base(strings.Trim(link, "'"))] = strings.Trim(target, "'")
		}
		found.possible = found.possible || strings.TrimSpace(line) == "xendomains"
	}
	return found
}

// autostartLink is the name of the link in /etc/xen/auto, the same in the scripts: the UUID keeps those of two datastores apart.
func autostartLink(vm model.VirtualMachine) string {
	return "one-" + strconv.Itoa(vm.ID) + "." + vm.UUID
}

// checkAutostart refuses what the host cannot do.
func (v *view) checkAutostart(wanted bool) error {
	if wanted && !v.autostarts.possible {
		return &model.FieldError{Field: "autostart", Err: fmt.Errorf("host %s has no xendomains, which starts domains when a host boots: install the package that has it (on Debian: xen-utils-common), or leave autostart away", v.host)}
	}
	return nil
}

// autostarted tells whether the host does at its boot what the record says; where nothing has to be there, the record is right.
func (v *view) autostarted(vm model.VirtualMachine) bool {
	target, linked := v.autostarts.targets[autostartLink(vm)]
	if !vm.Autostart || vm.State != model.VMRunning {
		return vm.Autostart || linked && !vm.State.Transient()
	}
	return target == v.deployment(vm)
}

// setAutostart makes or takes away the link to the newest deployment file. A guest that is kept off, suspended or paused is not started.
func (s *site) setAutostart(ctx context.Context, vm model.VirtualMachine) error {
	deployment := ""
	if vm.Autostart && vm.PowerState == model.VMRunning {
		deployment = path.Join(s.store.Dir(model.KindVirtualMachine, vm.ID), "deployment."+strconv.Itoa(vm.Deployment))
	}
	_, err := s.run(ctx, host.Script{
		Step:       fmt.Sprintf("tell the host whether to start virtual machine %q when it boots", vm.Name),
		Text:       vmFunctions + guardFunctions + vmAutostartScript,
		Args:       []string{s.store.Dir(model.KindVirtualMachine, vm.ID), vm.UUID, deployment},
		Repeatable: true,
	})
	return err
}
