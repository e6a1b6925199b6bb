package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

const contextAddress = "xen_context.test"

func contextConfig(h *simhost.Host, arguments string) string {
	return on(h, fmt.Sprintf("resource \"xen_context\" \"test\" {\n%s\n}\n", arguments))
}

func TestContextLifeCycle(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	script := file(t, "init.sh", "#!/bin/sh\necho hello\n")
	config := func(name, greeting string) string {
		return contextConfig(h, fmt.Sprintf(`
  name            = %q
  network         = true
  variables       = { GREETING = %q, QUOTED = "it's \"so\"" }
  variables_wo    = { PASSWORD = "s3cret-planted" }
  ssh_public_keys = ["ssh-ed25519 AAAA somebody"]
  start_script    = "#!/bin/sh\n"
  files = {
    "motd.d.txt" = { content = "welcome\n" }
    "init.sh"    = { source = %q, executable = true }
  }
`, name, greeting, script))
	}
	run(t, h,
		resource.TestStep{
			Config: config("web", "hello"),
			ConfigStateChecks: []statecheck.StateCheck{
				has(contextAddress, "id", knownvalue.StringExact("xen01/1")),
				has(contextAddress, "variables_wo", knownvalue.Null()),
				statecheck.ExpectKnownValue(contextAddress, tfjsonpath.New("files").AtMapKey("motd.d.txt").AtMapKey("sha256"),
					knownvalue.StringExact("77f44b9024fd19a6674a62d98939f4e7f1b77f64eac4c7559414c46bdaec494c")),
				statecheck.ExpectKnownValue(contextAddress, tfjsonpath.New("files").AtMapKey("motd.d.txt").AtMapKey("content"), knownvalue.Null()),
			},
		},
		importStep(contextAddress, "xen01/web"),
		resource.TestStep{Config: config("renamed", "hello"), ConfigPlanChecks: planned(contextAddress, plancheck.ResourceActionUpdate)},
		resource.TestStep{Config: config("renamed", "bye"), ConfigPlanChecks: planned(contextAddress, plancheck.ResourceActionReplace)},
		resource.TestStep{
			PreConfig: func() {
				if err := os.WriteFile(script, []byte("#!/bin/sh\necho bye\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			Config:           config("renamed", "bye"),
			ConfigPlanChecks: planned(contextAddress, plancheck.ResourceActionReplace),
		},
	)
}

// otherSecret makes a context "web" with a secret, keeps it, imports it, and gives it another secret; neither is seen.
func otherSecret(h *simhost.Host, config func(secret string) string) []resource.TestStep {
	return []resource.TestStep{
		{Config: config("first-secret"), Check: hides("first-secret")},
		{Config: config("first-secret"), ConfigPlanChecks: planned(contextAddress, plancheck.ResourceActionNoop)},
		importStep(contextAddress, "web"),
		{
			Config: config("second-secret"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(contextAddress, plancheck.ResourceActionReplace), planHides("second-secret"),
			}},
			Check: func(state *terraformState) error {
				if err := hides("second-secret")(state); err != nil {
					return err
				}
				return onHost(h, "contexts", "second-secret")
			},
		},
	}
}

func TestContextSecrets(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := func(password string) string {
		return contextConfig(h, fmt.Sprintf("name = \"web\"\nvariables_wo = { PASSWORD = %q }", password))
	}
	run(t, h, append(otherSecret(h, config), resource.TestStep{
		Config:           contextConfig(h, `name = "web"`),
		ConfigPlanChecks: planned(contextAddress, plancheck.ResourceActionReplace),
	})...)
}

// TestContextSettings sets all that has an argument of its own, with a password that is seen nowhere, and imports it.
func TestContextSettings(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := func(password string) string {
		return contextConfig(h, fmt.Sprintf(`
  name               = "web"
  format             = "nocloud"
  hostname_from_name = true
  user               = "joe"
  password_wo        = %q
  ssh_public_keys    = ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]
  dns                = ["192.168.70.1"]
  search_domain      = "example.org"
  time_zone          = "Europe/Berlin"
  grow_rootfs        = false
  swap               = true
  user_data          = "#cloud-config\npackages: [nginx]\n"
`, password))
	}
	run(t, h, otherSecret(h, config)...)
}

// onHost looks for the text in the records of a kind.
func onHost(h *simhost.Host, kind, text string) error {
	records, err := filepath.Glob(filepath.Join(h.Datastore(), kind, "*", "*.json"))
	for _, record := range records {
		if content, _ := os.ReadFile(record); strings.Contains(string(content), text) {
			return nil
		}
	}
	return fmt.Errorf("%q stands in none of %v %w", text, records, err)
}
