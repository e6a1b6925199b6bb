package model

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kind names a sort of record; it is also the folder of these records in a datastore.
type Kind string

// The kinds of records.
const (
	KindImage          Kind = "images"
	KindTemplate       Kind = "templates"
	KindContext        Kind = "contexts"
	KindVirtualMachine Kind = "vms"
)

// Kinds lists every kind in the order in which they depend on each other.
var Kinds = []Kind{KindImage, KindContext, KindTemplate, KindVirtualMachine}

// Noun is the kind in the words of an error text.
func (k Kind) Noun() string {
	return map[Kind]string{KindImage: "image", KindTemplate: "template", KindContext: "context", KindVirtualMachine: "virtual machine"}[k]
}

// Ref names one record: the host's name in the provider configuration and the number in that host's datastore.
type Ref struct {
	Host string
	ID   int
}

// String is the Terraform id, "<host>/<number>".
func (r Ref) String() string { return r.Host + "/" + strconv.Itoa(r.ID) }

// ParseRef reads "<host>/<number>".
func ParseRef(s string) (Ref, error) {
	host, rest, ok := strings.Cut(s, "/")
	id, err := strconv.Atoi(rest)
	if !ok || host == "" || err != nil || id < 0 || strconv.Itoa(id) != rest {
		return Ref{}, fmt.Errorf("%q is not an id of the form <host>/<number>, for example %q", s, "xen01/7")
	}
	return Ref{Host: host, ID: id}, nil
}

const maxNameLength = 128

var (
	allDigits     = regexp.MustCompile(`^[0-9]+$`)
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
	bridgePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$`)
)

// CheckName refuses names that xl or a file system would misread. xl takes an all-digit name for a domain id (xl(1)), and a name
// stands in log file names, so it holds letters, digits, dot, underscore, plus and hyphen only.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a name must not be empty")
	case len(name) > maxNameLength:
		return fmt.Errorf("a name has at most %d characters, this one has %d", maxNameLength, len(name))
	case allDigits.MatchString(name):
		return fmt.Errorf("the name %q has digits only, and xl would take it for a domain id: add a letter", name)
	case !namePattern.MatchString(name):
		return fmt.Errorf("the name %q may hold letters, digits and the characters . _ + - only, and begins with a letter or digit", name)
	}
	return nil
}

// CheckBridge refuses what cannot be the name of a network interface of Linux (at most 15 characters).
func CheckBridge(name string) error {
	if !bridgePattern.MatchString(name) {
		return fmt.Errorf("%q is not the name of a bridge: at most 15 letters, digits and the characters . _ -", name)
	}
	return nil
}
