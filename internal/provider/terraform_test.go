package provider_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/provider"
)

// serveVariable makes this test program the provider, for tests of what the plugin test framework has no words for.
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

// workspace is a folder that Terraform is run in.
type workspace struct{ folder, terraformrc string }

// newWorkspace makes a folder with a configuration.
func newWorkspace(t *testing.T, config string) workspace {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := workspace{folder: t.TempDir()}
	plugins := t.TempDir()
	w.terraformrc = filepath.Join(plugins, "terraformrc")
	for path, content := range map[string]string{
		filepath.Join(plugins, "terraform-provider-xen"): fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s'\n", serveVariable, self),
		w.terraformrc:                      fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", provider.Address, plugins),
		filepath.Join(w.folder, "main.tf"): "terraform {\n  required_providers {\n    xen = { source = \"onexen/xen\" }\n  }\n}\n" + config,
	} {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// terraform runs a command and returns what it printed and its exit status.
func (w workspace) terraform(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), append(args, "-no-color")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.folder, &output, &output
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+w.terraformrc)
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return output.String(), cmd.ProcessState.ExitCode()
}

// must is a command that has to succeed.
func (w workspace) must(t *testing.T, args ...string) string {
	t.Helper()
	output, status := w.terraform(t, args...)
	if status != 0 {
		t.Fatalf("terraform %v: status %d\n%s", args, status, output)
	}
	return output
}
