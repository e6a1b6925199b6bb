package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

const anyHost = `data "xen_host" "test" {}`

// environ puts the host into the environment of the test.
func environ(t *testing.T, h *simhost.Host, more ...string) {
	t.Helper()
	for _, variable := range append(h.Env(), more...) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
}

func TestProviderFromEnvironment(t *testing.T) {
	h := simhost.Start(t)
	environ(t, h, "XEN_HOST_NAME=dom0", "XEN_CONNECT_TIMEOUT=20s", "XEN_MAX_SESSIONS=4", "XEN_AGENT=false", "XEN_KEEP_ALIVE=5s", "XEN_LOCK_TIMEOUT=1m")
	run(t, h, resource.TestStep{
		Config:            `provider "xen" {}` + "\n" + anyHost,
		ConfigStateChecks: []statecheck.StateCheck{has("data.xen_host.test", "name", knownvalue.StringExact("dom0"))},
	})
}

func TestProviderPassword(t *testing.T) {
	h := simhost.Start(t, simhost.NoPublicKey(), simhost.KeyboardInteractive("planted-password"))
	environ(t, h, "XEN_PASSWORD=planted-password", "XEN_PRIVATE_KEY_FILE=", "XEN_AGENT=false")
	run(t, h, resource.TestStep{
		Config:            anyHost,
		Check:             hides("planted-password"),
		ConfigStateChecks: []statecheck.StateCheck{has("data.xen_host.test", "name", knownvalue.StringExact("default"))},
	})
}

// TestProviderDefaultsForHosts gives the key in ssh and the rest in each host, and lets one host be down.
func TestProviderDefaultsForHosts(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := fmt.Sprintf(`
provider "xen" {
  hosts = {
    up   = { address = %q, port = %d, host_key = %q, datastore = %q }
    down = { address = "127.0.0.1", port = 1 }
  }
  default_host = %%q
  ssh          = { private_key_file = %q, agent = false, connect_timeout = "5s" }
}
`, h.Address(), h.Port(), h.HostKey(), h.Datastore(), h.PrivateKeyFile()) + anyHost
	run(t, h,
		resource.TestStep{Config: fmt.Sprintf(config, "up")},
		resource.TestStep{Config: fmt.Sprintf(config, "down"), ExpectError: words("Unable to read host down")},
		resource.TestStep{Config: fmt.Sprintf(config, "other"), ExpectError: words(`"other" is not one of the hosts: down, up`)},
		resource.TestStep{Config: fmt.Sprintf(config, "up")}, // for the clean-up
	)
}

// TestProviderBastions reaches a host that only the second of two bastions can reach; each is logged in to in its own way.
func TestProviderBastions(t *testing.T) {
	t.Parallel()
	near, far, h := simhost.Start(t), simhost.Start(t), simhost.Start(t)
	near.Forward("192.0.2.2:2222", fmt.Sprintf("%s:%d", far.Address(), far.Port()))
	far.Forward("192.0.2.70:22", fmt.Sprintf("%s:%d", h.Address(), h.Port()))
	config := func(farKey string) string {
		return fmt.Sprintf(`
provider "xen" {
  hosts = { xen01 = { address = "192.0.2.70", user = %q, host_key = %q, datastore = %q, private_key_file = %q } }
  ssh = {
    agent = false
    bastions = [
      { address = %q, port = %d, user = %q, host_key = %q, private_key_file = %q },
      { address = "192.0.2.2", port = 2222, user = %q, host_key = %q, private_key_file = %q },
    ]
  }
}
`, h.User(), h.HostKey(), h.Datastore(), h.PrivateKeyFile(),
			near.Address(), near.Port(), near.User(), near.HostKey(), near.PrivateKeyFile(),
			far.User(), farKey, far.PrivateKeyFile()) + anyHost
	}
	run(t, h,
		resource.TestStep{
			Config:            config(far.HostKey()),
			ConfigStateChecks: []statecheck.StateCheck{has("data.xen_host.test", "name", knownvalue.StringExact("xen01"))},
		},
		resource.TestStep{
			Config:      config("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEvpUDkGcHL1yovpPLPzJ1rPqS3LSSqJEbgaRgGZbTJm"),
			ExpectError: words("by way of the bastion " + far.User() + "@192.0.2.2:2222:"),
		},
		resource.TestStep{Config: config(far.HostKey())},
	)
}

// TestProviderSSHConfig takes from a file of ssh_config(5) where a host is, by way of whom, and how both are logged in to.
func TestProviderSSHConfig(t *testing.T) {
	near, h := simhost.Start(t), simhost.Start(t)
	near.Forward("192.0.2.70:2222", fmt.Sprintf("%s:%d", h.Address(), h.Port()))
	known := filepath.Join(t.TempDir(), "known_hosts")
	file := filepath.Join(t.TempDir(), "config")
	for path, text := range map[string]string{
		known: fmt.Sprintf("rack7 %s\n[%s]:%d %s\n", h.HostKey(), near.Address(), near.Port(), near.HostKey()),
		file: fmt.Sprintf(`
Host dom0
  HostName 192.0.2.70
  Port 2222
  IdentityFile %s
  HostKeyAlias rack7
  ProxyJump gate
Host gate
  HostName %s
  Port %d
  IdentityFile %s
Host *
  User %s
  UserKnownHostsFile %s
`, h.PrivateKeyFile(), near.Address(), near.Port(), near.PrivateKeyFile(), h.User(), known),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reached := []statecheck.StateCheck{has("data.xen_host.test", "name", knownvalue.StringExact("xen01"))}
	config := func(ssh string) string {
		return fmt.Sprintf("provider \"xen\" {\n  hosts = { xen01 = { address = \"dom0\", datastore = %q } }\n  ssh = { agent = false %s }\n}\n", h.Datastore(), ssh) + anyHost
	}
	t.Setenv("XEN_CONFIG_FILES", file)
	run(t, h,
		resource.TestStep{Config: config(""), ConfigStateChecks: reached},
		resource.TestStep{Config: config(fmt.Sprintf(", config_files = [%q]", file)), ConfigStateChecks: reached},
		resource.TestStep{Config: config(", bastions = [], connect_timeout = \"1s\""), ExpectError: words("192.0.2.70:2222")},
		resource.TestStep{Config: config(", port = 2223"), ExpectError: words("by way of the bastion " + near.User() + "@")},
		resource.TestStep{Config: config(", config_files = []"), ExpectError: words("lookup dom0")},
		resource.TestStep{Config: config("")},
	)
}

func TestProviderRefusals(t *testing.T) {
	for name, test := range map[string]struct{ env, config, says string }{
		"no host":             {"", `provider "xen" {}`, "Set hosts, or the environment variable XEN_HOST"},
		"empty hosts":         {"", `provider "xen" { hosts = {} }`, "at least 1"},
		"policy":              {"", `provider "xen" { ssh = { host_key_policy = "maybe" } }`, "host_key_policy"},
		"port":                {"", `provider "xen" { ssh = { port = 70000 } }`, "between 1 and 65535"},
		"duration":            {"", `provider "xen" { lock_timeout = "soon" }`, `"soon" is not a duration`},
		"host name":           {"", `provider "xen" { hosts = { "a/b" = { address = "192.0.2.1" } } }`, "letters, digits and the characters"},
		"datastore":           {"", `provider "xen" { hosts = { a = { address = "192.0.2.1", datastore = "srv" } } }`, "srv"},
		"bastion nowhere":     {"", `provider "xen" { ssh = { bastions = [{ user = "ops" }] } }`, `attribute "address" is required`},
		"bastion's policy":    {"", `provider "xen" { ssh = { bastions = [{ address = "gw", host_key_policy = "maybe" }] } }`, "host_key_policy"},
		"no such ssh_config":  {"", `provider "xen" { hosts = { a = { address = "192.0.2.1", config_files = ["/no/such/file"] } } }`, "open /no/such/file"},
		"two hosts":           {"", `provider "xen" { hosts = { a = { address = "192.0.2.1" }, b = { address = "192.0.2.2" } } }`, "choose one of a, b"},
		"port in environment": {"XEN_PORT=ssh", `provider "xen" {}`, `Unable to use XEN_PORT`},
		"sudo in environment": {"XEN_SUDO=maybe", `provider "xen" {}`, `Unable to use XEN_SUDO`},
		"policy elsewhere":    {"XEN_HOST_KEY_POLICY=maybe", `provider "xen" {}`, `Unable to use XEN_HOST_KEY_POLICY`},
		"duration elsewhere":  {"XEN_LOCK_TIMEOUT=soon", `provider "xen" {}`, `"soon" is not a duration`},
	} {
		t.Run(name, func(t *testing.T) {
			if variable, value, set := strings.Cut(test.env, "="); set {
				t.Setenv("XEN_HOST", "192.0.2.1")
				t.Setenv(variable, value)
			}
			resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
				Config: test.config + "\n" + anyHost, ExpectError: words(test.says),
			}}})
		})
	}
}

// TestProviderWithUnknownAddress makes plans while the address of the host is not known: a new resource is planned without the host and
// made by the apply, and one that exists cannot be read, which is an error and not its absence.
func TestProviderWithUnknownAddress(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	image := strings.Replace(imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q", disk(t, "root"))),
		fmt.Sprintf("= %q", h.Address()), "= terraform_data.address.output", 1)
	config := func(address string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"address\" {\n  input = %q\n}\n", address) + image
	}
	run(t, h,
		resource.TestStep{
			Config:            config(h.Address()),
			ConfigStateChecks: []statecheck.StateCheck{has(imageAddress, "id", knownvalue.StringExact("xen01/1"))},
		},
		resource.TestStep{Config: config("localhost"), ExpectError: words("the provider's argument hosts.xen01.address is not known before the apply")},
		resource.TestStep{Config: config(h.Address())},
	)
}
