package engine

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

//go:embed scripts/vm_adopt.sh
var vmAdoptScript string

const defaultFirmware = "bios" // of an HVM domain

// exitNoDomain is the status of vm_adopt.sh when xl knows no domain of the name.
const exitNoDomain = 44

// FindOrAdopt looks a virtual machine up by its name or number. Where there is no record, it makes one of the domain of that name that
// somebody has made with xl: nothing about the guest changes, and its disks stay the files of whoever made them, which are never removed.
func (e *Engine) FindOrAdopt(ctx context.Context, hostName, nameOrNumber string, shutdownTimeout time.Duration) (model.Ref, error) {
	ref, err := e.Find(ctx, model.KindVirtualMachine, hostName, nameOrNumber)
	if _, noName := strconv.Atoi(nameOrNumber); !errors.Is(err, ErrAbsent) || noName == nil {
		return ref, err
	}
	s, siteErr := e.site(hostName)
	if siteErr != nil {
		return ref, siteErr
	}
	foreign, watcher, foreignErr := s.foreign(ctx, nameOrNumber)
	if errors.Is(foreignErr, ErrAbsent) {
		return ref, fmt.Errorf("%w, and xl knows no running domain of that name", err)
	}
	if foreignErr != nil {
		return ref, foreignErr
	}
	return s.adopt(ctx, foreign, watcher, shutdownTimeout)
}

// foreign is a domain as Xen knows it, and the file that the xl process which watches over it was given: empty when there is none.
func (s *site) foreign(ctx context.Context, name string) (domain xl.ForeignDomain, watcher string, err error) {
	result, err := s.host.Run(ctx, host.Script{Step: fmt.Sprintf("look at domain %q", name), Text: vmAdoptScript, Args: []string{name}, Repeatable: true})
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitNoDomain {
		return domain, "", ErrAbsent
	}
	if err != nil {
		return domain, "", err
	}
	long, process, _ := bytes.Cut(result.Stdout, []byte{0})
	if domain, err = xl.ParseForeign(long); err != nil {
		return domain, "", fmt.Errorf("unable to read the configuration of domain %q on host %s: %w", name, s.name, err)
	}
	return domain, watchedFile(string(process)), nil
}

// watchedFile finds the file in the command line of xl create, a word on each line: what comes first after create and its options.
func watchedFile(process string) string {
	words := strings.Split(process, "\n")
	at := slices.Index(words, "create") + 1
	for ; at > 0 && at < len(words); at++ {
		if word := words[at]; word != "" && !strings.HasPrefix(word, "-") && !strings.ContainsAny(word, ` "\`) {
			return word
		}
	}
	return ""
}

// adopt makes a record of a domain of somebody else.
func (s *site) adopt(ctx context.Context, foreign xl.ForeignDomain, watcher string, shutdownTimeout time.Duration) (model.Ref, error) {
	v, err := s.fresh(ctx)
	if err != nil {
		return model.Ref{}, err
	}
	for _, id := range v.numbers(model.KindVirtualMachine) {
		vm, err := datastore.Decode[model.VirtualMachine](v.snapshot, model.KindVirtualMachine, id)
		if err == nil && vm.UUID == foreign.Config.UUID {
			return model.Ref{Host: s.name, ID: id}, nil // one of ours, whose domain got another name
		}
	}
	vm, err := adopted(foreign)
	if err != nil {
		return model.Ref{}, fmt.Errorf("domain %q on host %s cannot be adopted: %w", foreign.Config.Name, s.name, err)
	}
	vm.Watcher, vm.ShutdownTimeout = watcher, shutdownTimeout
	id, err := s.carryOut(ctx, creation{
		kind: model.KindVirtualMachine,
		record: func(id int) (model.Header, any, error) {
			vm.ID, vm.Host = id, s.name
			if g := vm.Effective.Graphics; g != nil && g.Port == 0 {
				g.Port = model.VNCBasePort + int64(id) // from the next boot on
			}
			vm.Claims = claimsOf(vm, nil)
			return vm.Header, vm, nil
		},
		begun: func() {},
	})
	return model.Ref{Host: s.name, ID: id}, err
}

// adopted translates Xen's words into OpenNebula's, and refuses what these have no words for: a virtual machine that is started again
// would lack it.
func adopted(foreign xl.ForeignDomain) (model.VirtualMachine, error) {
	c := foreign.Config
	if foreign.ID == 0 {
		return model.VirtualMachine{}, errors.New("it is dom0, the host itself")
	}
	if err := model.CheckName(c.Name); err != nil {
		return model.VirtualMachine{}, fmt.Errorf("%w; give it another name with xl rename first", err)
	}
	body := bodyOf(c, foreign.FindsVNC)
	vm := model.VirtualMachine{
		Header: model.Header{Name: c.Name}, UUID: c.UUID, State: model.VMRunning, PowerState: model.VMRunning, Adopted: true,
		Body: body, Effective: withDefaults(body), Created: time.Now().UTC().Truncate(time.Second),
	}
	if err := CheckBody(body, true); err != nil {
		return vm, err
	}
	for _, disk := range c.Disks { // in the order of the domain, which is that of its devices
		vm.Disks = append(vm.Disks, hostDisk(disk.VDev, body.Disks[disk.VDev], body.Type))
	}
	if g := vm.Effective.Graphics; g != nil {
		vm.VNCPort = g.Port
	}
	again := PlainDomain{Name: c.Name, UUID: c.UUID, Body: vm.Effective, Disks: vm.Disks}
	if os := body.OS; os != nil {
		again.Kernel, again.Ramdisk = os.Kernel, os.Ramdisk
	}
	beyond := append(lost(c, again.config()), foreign.Beyond...)
	if len(beyond) > 0 {
		return vm, fmt.Errorf("it has what a xen_virtual_machine has not, and what it would lose when it is started again: %s. Make it anew without that, or leave it to xl", strings.Join(beyond, ", "))
	}
	return vm, nil
}

// bodyOf is the domain in OpenNebula's words. What is the default is left out, as people do.
func bodyOf(c xl.Config, findsVNC bool) model.VirtualMachineBody {
	body := model.VirtualMachineBody{
		Type: model.DomainType(c.Type), Memory: &c.Memory, Disks: map[string]model.Disk{}, NICs: map[string]model.NIC{},
		OnPoweroff: unless(c.OnPoweroff, "destroy"), OnReboot: unless(c.OnReboot, "restart"), OnCrash: unless(c.OnCrash, "destroy"),
	}
	if c.VCPUs != 1 {
		body.VCPU = new(int64(c.VCPUs))
	}
	if c.MaxVCPUs != c.VCPUs {
		body.VCPUMax = new(int64(c.MaxVCPUs))
	}
	if c.CPUCap != 0 {
		body.CPUCap = new(int64(c.CPUCap))
	}
	if c.MaxMemory != c.Memory {
		body.MemoryMax = &c.MaxMemory
	}
	if c.CPUWeight != 0 && c.CPUWeight != creditPerCPU {
		share := float64(c.CPUWeight) / creditPerCPU
		body.CPU = &share
	}
	os := model.OS{
		Kernel: c.Kernel, Ramdisk: c.Ramdisk, Cmdline: c.Cmdline, Bootloader: c.Bootloader, Boot: bootDevices(c.Boot),
		Firmware: unless(c.Firmware, defaultFirmware),
	}
	if !reflect.DeepEqual(os, model.OS{}) {
		body.OS = &os
	}
	for _, disk := range c.Disks {
		body.Disks[disk.VDev] = model.Disk{
			Path: disk.Target, Format: unless(disk.Format, model.FormatRaw), CDROM: disk.CDROM, ReadOnly: disk.ReadOnly && !disk.CDROM,
		}
	}
	for i, nic := range c.NICs {
		mine := model.NIC{Bridge: nic.Bridge, MAC: nic.MAC, Model: nic.Model, MTU: int64(nic.MTU), Script: nic.Script}
		if ip, err := netip.ParseAddr(nic.IP); err == nil && ip.Is4() {
			mine.IP = nic.IP
		}
		body.NICs["eth"+strconv.Itoa(i)] = mine
	}
	if vnc := c.VNC; vnc != nil {
		body.Graphics = &model.Graphics{Listen: unless(vnc.Listen, defaultListen), Keymap: vnc.Keymap, Password: vnc.Password}
		if !findsVNC {
			body.Graphics.Port = model.VNCBasePort + int64(vnc.Display)
		}
	}
	return body
}

// unless is the value, and nothing where it is the usual one.
func unless(value, usual string) string {
	if value == usual {
		return ""
	}
	return value
}

// lost names what the deployment file of the virtual machine would not say.
func lost(was, again xl.Config) (names []string) {
	was.CPUWeight, again.CPUWeight = cmp.Or(was.CPUWeight, creditPerCPU), cmp.Or(again.CPUWeight, creditPerCPU)
	was.Firmware, again.Firmware = cmp.Or(was.Firmware, defaultFirmware), cmp.Or(again.Firmware, defaultFirmware)
	if was.Type == xl.TypeHVM {
		was.Serial = cmp.Or(was.Serial, again.Serial) // another port does no harm
	}
	was.VNC, again.VNC = nil, nil // read as a whole
	was.NICs = slices.Clone(was.NICs)
	for i := range was.NICs {
		was.NICs[i].IP = "" // only the bridge script's firewall knows it
	}
	a, b := reflect.ValueOf(was), reflect.ValueOf(again)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, fmt.Sprintf("%s = %v", strings.ToLower(a.Type().Field(i).Name), a.Field(i).Interface()))
		}
	}
	return names
}
