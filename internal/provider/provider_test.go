package provider_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/onexen/terraform-provider-xen/internal/provider"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "XEN_") || strings.HasPrefix(name, "TF_VAR_") {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("CHECKPOINT_DISABLE", "1")
	_ = os.Setenv("XEN_CONFIG_FILES", os.DevNull)                  // not whoever runs the tests
	cache, err := os.MkdirTemp("", "terraform-provider-xen-test-") // of the hashes of files
	if err != nil {
		panic(err)
	}
	_ = os.Setenv("XDG_CACHE_HOME", cache)
	status := m.Run()
	_ = os.RemoveAll(cache)
	os.Exit(status)
}

var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"xen": providerserver.NewProtocol6WithError(provider.New("test")()),
}

// run runs the steps against the hosts and looks afterwards whether anything was left behind.
func run(t *testing.T, h *simhost.Host, steps ...resource.TestStep) {
	t.Helper()
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps:                    steps,
		CheckDestroy:             func(*terraform.State) error { return clean(h) },
	})
}

// clean tells what is left of records and domains on the host.
func clean(h *simhost.Host) error {
	for _, kind := range []string{"images", "contexts", "templates", "vms"} {
		left, err := filepath.Glob(filepath.Join(h.Datastore(), kind, "*", "*"))
		if err != nil || len(left) > 0 {
			return fmt.Errorf("left behind on the host: %v %w", left, err)
		}
	}
	for _, domain := range h.Domains() {
		if domain.ID != 0 {
			return fmt.Errorf("domain %s still runs", domain.Name)
		}
	}
	return nil
}

// on is a configuration whose provider has the simulated host under the name xen01.
func on(h *simhost.Host, config string) string {
	return fmt.Sprintf(`
provider "xen" {
  hosts = {
    xen01 = {
      address          = %q
      port             = %d
      user             = %q
      private_key_file = %q
      host_key         = %q
      datastore        = %q
      agent            = false
    }
  }
}
`, h.Address(), h.Port(), h.User(), h.PrivateKeyFile(), h.HostKey(), h.Datastore()) + config
}

// file writes a local file and returns its path.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// disk writes a local raw disk of 1 MiB that holds the text.
func disk(t *testing.T, text string) string {
	t.Helper()
	return file(t, "disk.img", text+strings.Repeat("\x00", 1<<20-len(text)))
}

// words matches the words in their order, whatever line breaks and frames Terraform puts between them.
func words(text string) *regexp.Regexp {
	fields := strings.Fields(text)
	for i, field := range fields {
		fields[i] = regexp.QuoteMeta(field)
	}
	return regexp.MustCompile(strings.Join(fields, `[\s│╷╵]+`))
}

// terraformState is what checks of a step are given.
type terraformState = terraform.State

// sum is the checksum of a local file, as the argument checksum takes it.
func sum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(content))
}

// forget removes the records of a kind from the host.
func forget(t *testing.T, h *simhost.Host, kind string) {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(h.Datastore(), kind, "*"))
	if err != nil || len(records) == 0 {
		t.Fatalf("%d records of %s, %v", len(records), kind, err)
	}
	for _, record := range records {
		if err := os.RemoveAll(record); err != nil {
			t.Fatal(err)
		}
	}
}
