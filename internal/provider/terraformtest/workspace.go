// Package terraformtest runs a real Terraform whose provider is the test program that imports this package, as a process of its own.
package terraformtest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/provider"
)

// serveVariable makes the test program the provider.
const serveVariable = "XENTEST_SERVE"

func init() {
	if os.Getenv(serveVariable) == "" {
		return
	}
	if err := provider.Serve(context.Background(), "test", false); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// Workspace is a folder that Terraform is run in.
type Workspace struct {
	Folder      string
	PIDFile     string // holds the process id of the provider that was started last
	terraformrc string
}

// New makes a folder with a configuration, to which it adds where the provider comes from.
func New(t *testing.T, config string) Workspace {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	w := Workspace{Folder: t.TempDir(), PIDFile: filepath.Join(plugins, "pid"), terraformrc: filepath.Join(plugins, "terraformrc")}
	for path, content := range map[string]string{
		filepath.Join(plugins, "terraform-provider-xen"): fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\n%s=1 exec '%s'\n", w.PIDFile, serveVariable, self),
		w.terraformrc:                      fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", provider.Address, plugins),
		filepath.Join(w.Folder, "main.tf"): "terraform {\n  required_providers {\n    xen = { source = \"onexen/xen\" }\n  }\n}\n" + config,
	} {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// Command is a command of Terraform that is about to run there.
func (w Workspace) Command(args ...string) *exec.Cmd {
	command := exec.Command(cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), append(args, "-no-color")...)
	command.Dir = w.Folder
	command.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+w.terraformrc)
	return command
}
