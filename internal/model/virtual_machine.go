package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DomainType is how Xen virtualises a domain.
type DomainType string

// The types of domains, xl.cfg(5).
const (
	TypePV  DomainType = "pv"
	TypePVH DomainType = "pvh"
	TypeHVM DomainType = "hvm"
)

// DomainTypes lists every type.
var DomainTypes = []DomainType{TypePV, TypePVH, TypeHVM}

// VMState is where a virtual machine stands in its life, in OpenNebula's words.
type VMState string

// The states of a virtual machine. PENDING, PROLOG, BOOT, SHUTDOWN and EPILOG are transient: found without a lock they mean that
// an operation was cut off.
const (
	VMPending   VMState = "PENDING"
	VMProlog    VMState = "PROLOG"
	VMBoot      VMState = "BOOT"
	VMRunning   VMState = "RUNNING"
	VMPoweroff  VMState = "POWEROFF"
	VMSuspended VMState = "SUSPENDED" // its memory lies in a file
	VMPaused    VMState = "PAUSED"    // its domain stands there without running; OpenNebula has no word for it
	VMShutdown  VMState = "SHUTDOWN"
	VMEpilog    VMState = "EPILOG"
	VMFailed    VMState = "FAILED" // its guest has crashed and its domain was kept
)

// Transient tells whether the state belongs to an operation that is under way or was cut off.
func (s VMState) Transient() bool {
	switch s {
	case VMPending, VMProlog, VMBoot, VMShutdown, VMEpilog:
		return true
	}
	return false
}

// VirtualMachineBody is what templates and virtual machines have in common. Nil, empty and zero mean "not said": the template's
// value holds, then the default.
type VirtualMachineBody struct {
	Type      DomainType        `json:"type,omitempty"`
	CPU       *float64          `json:"cpu,omitempty"`     // share of a processor: 0.5 is half a one
	CPUCap    *int64            `json:"cpu_cap,omitempty"` // percent of one processor; 0: no cap
	VCPU      *int64            `json:"vcpu,omitempty"`    // number of virtual processors
	VCPUMax   *int64            `json:"vcpu_max,omitempty"`
	Memory    *int64            `json:"memory,omitempty"` // MiB
	MemoryMax *int64            `json:"memory_max,omitempty"`
	OS        *OS               `json:"os,omitempty"`
	Disks     map[string]Disk   `json:"disks,omitempty"` // by slot: xvda, hda, sda
	NICs      map[string]NIC    `json:"nics,omitempty"`  // by name: eth0, eth1
	Graphics  *Graphics         `json:"graphics,omitempty"`
	ContextID *int              `json:"context_id,omitempty"`
	Context   map[string]string `json:"context,omitempty"` // merged over the context's variables

	OnPoweroff string `json:"on_poweroff,omitempty"` // one of EventActions; default destroy
	OnReboot   string `json:"on_reboot,omitempty"`   // default restart
	OnCrash    string `json:"on_crash,omitempty"`    // default destroy
}

// OS says what a domain boots. Nothing said: an HVM domain boots its first disk, a PV or PVH domain needs a kernel or a boot loader.
type OS struct {
	KernelID   *int     `json:"kernel_id,omitempty"`  // an image of type KERNEL
	RamdiskID  *int     `json:"ramdisk_id,omitempty"` // an image of type RAMDISK
	Kernel     string   `json:"kernel,omitempty"`     // absolute path on the host, in place of an image
	Ramdisk    string   `json:"ramdisk,omitempty"`    // likewise
	Cmdline    string   `json:"cmdline,omitempty"`
	Bootloader string   `json:"bootloader,omitempty"` // pygrub; PV only
	Boot       []string `json:"boot,omitempty"`       // disk, cdrom, network in order; HVM only
	Firmware   string   `json:"firmware,omitempty"`   // bios, uefi; HVM only
}

// Disk is one disk of a virtual machine: an image, a volatile one, or a file or device of the host.
type Disk struct {
	ImageID  *int   `json:"image_id,omitempty"`
	Volatile string `json:"volatile,omitempty"` // fs or swap
	Path     string `json:"path,omitempty"`     // absolute path on the host; never made and never removed
	Format   string `json:"format,omitempty"`   // of Path: raw, which is meant when nothing is said, or qcow2
	CDROM    bool   `json:"cdrom,omitempty"`    // a CD-ROM drive with Path in it, or an empty one; HVM only
	FSType   string `json:"fstype,omitempty"`   // for volatile fs
	Size     int64  `json:"size,omitempty"`     // MiB; of a volatile disk, or what a clone grows to
	ReadOnly bool   `json:"read_only,omitempty"`
	Clone    Clone  `json:"clone,omitempty"` // not said: auto
}

// Graphics is the console that is reached over the network.
type Graphics struct {
	Type     string `json:"type,omitempty"` // vnc
	Listen   string `json:"listen,omitempty"`
	Port     int64  `json:"port,omitempty"` // default 5900 + VID
	Keymap   string `json:"keymap,omitempty"`
	Password string `json:"password,omitempty"`
}

// VirtualMachineSpec is what a user asks of a virtual machine.
type VirtualMachineSpec struct {
	Name            string // default one-<VID>
	TemplateID      *int
	Body            VirtualMachineBody
	PowerState      VMState       // VMRunning, VMPoweroff, VMSuspended or VMPaused
	ShutdownTimeout time.Duration // how long a guest may take to shut down before it is destroyed
	NeverForce      bool          // a guest that does not shut down in time stays as it is
	RestartTrigger  string        // another one than before reboots the guest
	Autostart       bool          // the host starts it when it boots, while its power state is VMRunning
	WaitFor         *WaitFor      // nil: a guest is not waited for
	Labels          map[string]string
	Foreseen        map[string]CloneMethod // by slot: how the plan says that the disk is made; the others are made as the host can
	RestartPolicy   RestartPolicy          // not said: never
	FollowTemplate  bool                   // a changed template changes the virtual machine
	Template        *VirtualMachineBody    // for foreseeing: the template as it is going to be; nil: as it stands on the host
}

// AttachedDisk is a disk as it stands on the host.
type AttachedDisk struct {
	Slot     string      `json:"slot"`                   // vdev
	File     string      `json:"file"`                   // absolute path on the host
	Own      bool        `json:"own,omitempty"`          // made for this virtual machine and removed with it
	ImageID  *int        `json:"image_id,omitempty"`     // where its content came from
	Method   CloneMethod `json:"clone_method,omitempty"` // how it was made; empty for the context, and until it is made
	Base     string      `json:"base,omitempty"`         // absolute path of the image's file that an overlay stands on
	Format   string      `json:"format"`                 // of File: an overlay is qcow2 whatever its image is
	ReadOnly bool        `json:"read_only,omitempty"`
	CDROM    bool        `json:"cdrom,omitempty"`
	Size     int64       `json:"size,omitempty"` // MiB
	Context  bool        `json:"context,omitempty"`
}

// VirtualMachine is the record of a virtual machine, vms/<vid>/vm.json.
type VirtualMachine struct {
	Header
	UUID            string             `json:"uuid"` // the identity of its domain on the host
	State           VMState            `json:"state"`
	TemplateID      *int               `json:"template_id,omitempty"`
	Body            VirtualMachineBody `json:"body"`      // as the user wrote it
	Effective       VirtualMachineBody `json:"effective"` // with template and defaults
	Disks           []AttachedDisk     `json:"attached_disks,omitempty"`
	VNCPort         int64              `json:"vnc_port,omitempty"`
	Deployment      int                `json:"deployment"` // n of deployment.<n>
	ShutdownTimeout time.Duration      `json:"shutdown_timeout,omitempty"`
	NeverForce      bool               `json:"never_force,omitempty"`
	PowerState      VMState            `json:"power_state"`
	RestartTrigger  string             `json:"restart_trigger,omitempty"`
	Autostart       bool               `json:"autostart,omitempty"`
	WaitFor         *WaitFor           `json:"wait_for,omitempty"`
	ConsoleName     string             `json:"console_name,omitempty"`   // the domain's name when it was made, which the log of its console has
	ContextSHA256   string             `json:"context_sha256,omitempty"` // of the ISO
	ContextMD5      string             `json:"context_md5,omitempty"`    // likewise
	ContextDigest   string             `json:"context_digest,omitempty"` // by which an ISO of other content is known before it is made
	Failure         string             `json:"failure,omitempty"`        // why the state is FAILED
	Adopted         bool               `json:"adopted,omitempty"`        // its domain was made by somebody else
	Watcher         string             `json:"watcher,omitempty"`        // of an adopted one: the file that xl create was given, by which the xl process that watches over the domain is known
	Created         time.Time          `json:"created"`
	Running

	Learned        map[string][]string `json:"-"` // by network card: addresses that the host has seen, while the guest runs
	DomID          int                 `json:"-"` // 0 when there is no domain
	DeploymentText string              `json:"-"` // the deployment file without its password
}

// Sound tells what a record lacks without which its domain would look gone.
func (vm VirtualMachine) Sound() error {
	if len(vm.UUID) != 36 || strings.ToLower(vm.UUID) != vm.UUID {
		return fmt.Errorf("its UUID is %q", vm.UUID)
	}
	if vm.State == "" {
		return errors.New("it has no state")
	}
	return nil
}

// Addresses are the IP addresses of its network cards, in the order of their names: the one that a card was given, then those that the
// host has seen.
func (vm VirtualMachine) Addresses() []string {
	addresses := []string{}
	for _, name := range sortedKeys(vm.Effective.NICs) {
		all := vm.Learned[name]
		all = append(vm.Effective.NICs[name].IPs(), all...)
		for _, ip := range all {
			if !slices.Contains(addresses, ip) {
				addresses = append(addresses, ip)
			}
		}
	}
	return addresses
}
