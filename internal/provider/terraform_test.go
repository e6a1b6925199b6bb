package provider_test

import (
	"errors"
	"os/exec"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/provider/terraformtest"
)

// workspace is a folder that Terraform is run in, for tests of what the plugin test framework has no words for.
type workspace struct{ terraformtest.Workspace }

func newWorkspace(t *testing.T, config string) workspace {
	t.Helper()
	return workspace{terraformtest.New(t, config)}
}

// terraform runs a command and returns what it printed and its exit status.
func (w workspace) terraform(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := w.Command(args...)
	output, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(output), cmd.ProcessState.ExitCode()
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
