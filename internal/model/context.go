package model

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

var variablePattern = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// CheckVariable refuses a context variable that a shell could not source.
func CheckVariable(key, value string) error {
	if !variablePattern.MatchString(key) {
		return fmt.Errorf("%q is not the name of a context variable: upper-case letters, digits and underscores, not beginning with a digit", key)
	}
	if strings.ContainsRune(value, 0) {
		return fmt.Errorf("the value of %s holds a NUL character, which a shell variable cannot hold", key)
	}
	return checkOneGate(key)
}

// ContextFile is a file that is put on the context ISO.
type ContextFile struct {
	Name       string `json:"name"`
	Executable bool   `json:"executable,omitempty"`
	Bytes      int64  `json:"bytes"`
	SHA256     string `json:"sha256"`

	// Open gives the content on its way to the host; on the host it is files/<name>.
	Open func() (io.ReadCloser, error) `json:"-"`
}

// ContextSpec is what a user asks of a context.
type ContextSpec struct {
	ContextSettings
	Name            string // default context-<number>
	Variables       map[string]string
	Secrets         map[string]string      // variables that must not be seen in state or plan
	Password        string                 // likewise
	CryptedPassword string                 // likewise, as crypt(5) has it
	Files           map[string]ContextFile // keyed by name
	Network         bool                   // add ETHn_* from the nics of the virtual machine
	Labels          map[string]string
}

// Check returns the first thing wrong with the specification and the attribute it concerns.
func (s ContextSpec) Check() *FieldError {
	if s.Name != "" {
		if err := CheckName(s.Name); err != nil {
			return fieldError("name", "%s", err)
		}
	}
	for attribute, variables := range map[string]map[string]string{"variables": s.Variables, "variables_wo": s.Secrets} {
		for key, value := range variables {
			if err := CheckVariable(key, value); err != nil {
				return fieldError(attribute+"."+key, "%s", err)
			}
		}
	}
	for _, name := range sortedKeys(s.Files) {
		if err := s.checkFile(name); err != nil {
			return fieldError("files."+name, "%s", err)
		}
	}
	return cmp.Or(s.check(), s.checkPasswords(), s.checkOnce())
}

// checkFile adds to the rules for names what a guest that runs the file, or looks for its own files, makes of them.
func (s ContextSpec) checkFile(name string) error {
	if err := CheckContextFileName(name); err != nil {
		return err
	}
	switch {
	case s.Files[name].Executable && strings.Contains(name, " "):
		return fmt.Errorf("the guest finds what it runs in a list of names that are separated by spaces, so the name %q of an executable file can hold none", name)
	case s.Format == ContextNoCloud && slices.Contains([]string{"user-data", "meta-data", "vendor-data", "network-config"}, strings.ToLower(name)):
		return fmt.Errorf("the name %q is taken by cloud-init's own files", name)
	}
	return nil
}

// CheckContextFileName refuses names that cannot stand at the root of the context ISO.
func CheckContextFileName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not a file name", name)
	case len(name) > 64:
		return fmt.Errorf("the name %q is longer than the 64 characters that a Joliet name may have", name)
	case strings.ContainsAny(name, "/\\*:;?\"<>|") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf(`the name %q holds one of the characters / \ * : ; ? " < > | or a control character`, name)
	case slices.Contains([]string{"context.sh", "token.txt"}, strings.ToLower(name)):
		return fmt.Errorf("the name %q is taken by the context itself", name)
	}
	return nil
}

// Context is the record of a context, contexts/<id>/context.json. It is never changed but for its name and labels.
type Context struct {
	Header
	ContextSettings
	Variables map[string]string `json:"variables,omitempty"`
	Secrets   map[string]string `json:"secrets,omitempty"`
	Files     []ContextFile     `json:"files,omitempty"`
	Network   bool              `json:"network"`
	Ready     bool              `json:"ready"` // its files are all on the host
	Created   time.Time         `json:"created"`
}
