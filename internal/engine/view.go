package engine

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

//go:embed scripts/look.sh
var lookScript string

// view is how things stand on a host at one moment: the whole datastore, every domain and what is free, read in one round trip.
type view struct {
	host       string
	store      *datastore.Store
	snapshot   datastore.Snapshot
	domains    map[string]xl.Domain  // by UUID
	long       map[int]xl.LongDomain // by domid: those whose configuration libxl can read
	info       xl.Info
	bridges    []string
	watched    string // command lines of the xl processes that watch over our domains
	neighbours neighbours
	autostarts autostarts
	index
}

func (s *site) look(ctx context.Context) (*view, error) {
	snapshot, also, err := s.store.Load(ctx, lookScript)
	if err != nil {
		return nil, s.explainLook(ctx, err)
	}
	parts := bytes.Split(also, []byte{0})
	if len(parts) != 9 {
		return nil, fmt.Errorf("host %s answered something unexpected when its domains were listed: %q", s.name, also)
	}
	v := &view{host: s.name, store: s.store, snapshot: snapshot, bridges: parseBridges(parts[3]), watched: string(parts[4])}
	if v.domains, err = parseDomains(parts[0], parts[1]); err != nil {
		return nil, fmt.Errorf("unable to read the list of domains on host %s: %w", s.name, err)
	}
	if v.info, err = xl.ParseInfo(parts[2]); err != nil {
		return nil, fmt.Errorf("unable to read what xl info says on host %s: %w", s.name, err)
	}
	v.index = indexOf(snapshot)
	v.neighbours, v.autostarts = parseNeighbours(parts[5]), parseAutostarts(parts[6])
	if v.long, err = parseLong(parts[7]); err != nil {
		return nil, fmt.Errorf("unable to read the configurations of the domains on host %s: %w", s.name, err)
	}
	return v, nil
}

// exitXLList is the status of look.sh when xl does not answer.
const exitXLList = 50

// explainLook finds out why xl does not answer.
func (s *site) explainLook(ctx context.Context, err error) error {
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitXLList {
		return cmp.Or(s.probe(ctx), err)
	}
	return err
}

// parseDomains joins xl vm-list, which knows UUIDs, with xl list, which knows states. Both show dom0 when they are whole. A domain that only
// the first one shows went in between, or is about to.
func parseDomains(vmList, list []byte) (map[string]xl.Domain, error) {
	entries, err := xl.ParseVMList(vmList)
	if err != nil {
		return nil, err
	}
	running, err := xl.ParseList(list)
	if err != nil {
		return nil, err
	}
	byID := map[int]xl.Domain{}
	for _, domain := range running {
		byID[domain.ID] = domain
	}
	hasDom0 := slices.ContainsFunc(entries, func(e xl.VMListEntry) bool { return e.ID == 0 })
	if _, listed := byID[0]; !listed || !hasDom0 {
		return nil, errors.New("it is not whole: dom0 itself is not in it")
	}
	domains := map[string]xl.Domain{}
	for _, entry := range entries {
		domain, listed := byID[entry.ID]
		if !listed {
			domain = xl.Domain{Name: entry.Name, ID: entry.ID, State: "-----d"}
		}
		if _, twice := domains[entry.UUID]; listed || !twice {
			domains[entry.UUID] = domain
		}
	}
	return domains, nil
}

func parseLong(list []byte) (map[int]xl.LongDomain, error) {
	domains, err := xl.ParseListLong(list)
	if err != nil {
		return nil, err
	}
	byID := map[int]xl.LongDomain{}
	for _, domain := range domains {
		byID[domain.ID] = domain
	}
	return byID, nil
}

func (v *view) context(id int) (model.Context, error) {
	record, err := datastore.Decode[model.Context](v.snapshot, model.KindContext, id)
	record.Host = v.host
	return record, err
}

func (v *view) template(id int) (model.Template, error) {
	record, err := datastore.Decode[model.Template](v.snapshot, model.KindTemplate, id)
	record.Host = v.host
	return record, err
}

// virtualMachine adds to the record what the host says of its domain.
func (v *view) virtualMachine(id int) (model.VirtualMachine, error) {
	vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, id)
	if err != nil {
		return vm, err
	}
	vm.Host = v.host
	vm.DeploymentText = withoutPassword(v.snapshot.Texts[v.deployment(vm)])
	vm.DomID = v.domains[vm.UUID].ID
	vm.State = v.seen(vm)
	vm.Autostart = v.autostarted(vm)
	vm.Failure = ""
	switch vm.State {
	case model.VMFailed:
		vm.Failure = fmt.Sprintf("The guest has crashed, and its domain %d was kept, as on_crash says. The next apply destroys the domain and brings the virtual machine to its power_state; its disks stay.", vm.DomID)
	case model.VMRunning, model.VMPaused:
		vm.Learned = v.neighbours.of(vm)
	}
	err = v.inspect(&vm)
	return vm, err
}

// deployment is the path of the deployment file that the domain was last started with.
func (v *view) deployment(vm model.VirtualMachine) string {
	return path.Join(v.store.Dir(model.KindVirtualMachine, vm.ID), "deployment."+strconv.Itoa(vm.Deployment))
}

// find looks a record up by its number or its name.
func (v *view) find(kind model.Kind, nameOrNumber string) (int, error) {
	if id, err := strconv.Atoi(nameOrNumber); err == nil {
		if _, there := v.snapshot.Records[kind][id]; !there {
			return 0, fmt.Errorf("%s %d on host %s: %w", kind.Noun(), id, v.host, ErrAbsent)
		}
		return id, nil
	}
	if id, there := v.byName[kind][nameOrNumber]; there {
		return id, nil
	}
	return 0, fmt.Errorf("%s %q on host %s: %w", kind.Noun(), nameOrNumber, v.host, ErrAbsent)
}

// viewOn is a host and how things stand on it.
func (e *Engine) viewOn(ctx context.Context, hostName string) (*site, *view, error) {
	return e.lookOn(ctx, hostName, (*site).view)
}

// settledOn is viewOn for those who are about to make virtual machines.
func (e *Engine) settledOn(ctx context.Context, hostName string) (*site, *view, error) {
	return e.lookOn(ctx, hostName, (*site).settled)
}

func (e *Engine) lookOn(ctx context.Context, hostName string, look func(*site, context.Context) (*view, error)) (*site, *view, error) {
	s, err := e.site(hostName)
	if err != nil {
		return nil, nil, err
	}
	v, err := look(s, ctx)
	return s, v, err
}

// Find looks a record up by its name or number, for imports and data sources.
func (e *Engine) Find(ctx context.Context, kind model.Kind, hostName, nameOrNumber string) (model.Ref, error) {
	_, v, err := e.viewOn(ctx, hostName)
	if err != nil {
		return model.Ref{}, err
	}
	id, err := v.find(kind, nameOrNumber)
	return model.Ref{Host: hostName, ID: id}, err
}

// useOf is how a record names another that it uses.
func useOf(kind model.Kind, id int) string { return string(kind) + "/" + strconv.Itoa(id) }
