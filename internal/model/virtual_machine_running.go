package model

// RestartPolicy says what becomes of changes that a running guest takes at its next boot only.
type RestartPolicy string

// The policies. RestartNever is what is meant when nothing is said.
const (
	RestartNever    RestartPolicy = "never"
	RestartOnChange RestartPolicy = "on_change"
)

// RestartPolicies lists every policy.
var RestartPolicies = []RestartPolicy{RestartNever, RestartOnChange}

// Running is what a record says of a virtual machine beyond what its next boot needs, and what was found out when it was read.
type Running struct {
	RestartPolicy    RestartPolicy       `json:"restart_policy,omitempty"`
	FollowTemplate   bool                `json:"follow_template,omitempty"`
	Template         *VirtualMachineBody `json:"template,omitempty"`          // as it was when it was last laid under the virtual machine
	Boot             *Boot               `json:"boot,omitempty"`              // what the domain still has of its boot; nil: all that it is to have
	DeploymentSHA256 string              `json:"deployment_sha256,omitempty"` // of the deployment file; empty in records of older versions
	ContextBytes     int64               `json:"context_bytes,omitempty"`     // length of the ISO
	ContextModified  int64               `json:"context_modified,omitempty"`  // when the ISO was written, in seconds since 1970

	Pending []string            `json:"-"` // attributes that wait for the next boot, sorted
	Drift   map[string]string   `json:"-"` // by attribute: what was changed on the host by somebody else
	Seen    *VirtualMachineBody `json:"-"` // as the user wrote it, but for what was changed on the host by somebody else
}

// Boot is what a domain has until it boots again. A domain with another number has booted since.
type Boot struct {
	DomID int                `json:"domid"`
	Body  VirtualMachineBody `json:"body"`
	Disks []AttachedDisk     `json:"disks,omitempty"`
}
