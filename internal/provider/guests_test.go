package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestGuestExamples applies the examples whose guests obey contexts, as they stand, and looks for what their guests need on their media.
func TestGuestExamples(t *testing.T) {
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	h := simhost.Start(t)
	for _, variable := range h.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	apply := func(example string, own config.Variables, check func(media string)) resource.TestStep {
		variables := config.Variables{
			"kernel":  config.StringVariable(file(t, "vmlinuz", "kernel")),
			"ramdisk": config.StringVariable(file(t, "initrd", "ramdisk")),
			"disk":    config.StringVariable(disk(t, "root")),
		}
		for name, value := range own {
			variables[name] = value
		}
		return resource.TestStep{
			ProtoV6ProviderFactories: factories,
			ConfigDirectory:          config.StaticDirectory("../../examples/" + example),
			ConfigVariables:          variables,
			ConfigPlanChecks:         resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			PostApplyFunc:            func() { check(media(t, h)) },
		}
	}
	has := func(media string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(media, part) {
				t.Errorf("no medium has %q", part)
			}
		}
	}
	key := config.Variables{"ssh_public_key": config.StringVariable("ssh-ed25519 AAAA me")}
	renamed := config.Variables{"ssh_public_key": config.StringVariable("ssh-ed25519 AAAA me"), "hostname": config.StringVariable("other")}
	for _, test := range []struct{ example, machine string }{{"guest-cloud-init", "debian"}, {"guest-by-hand", "busybox"}} {
		t.Run(test.example, func(t *testing.T) {
			change := apply(test.example, renamed, func(media string) { has(media, "SET_HOSTNAME='other'") })
			change.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("xen_virtual_machine."+test.machine, plancheck.ResourceActionUpdate),
			}
			resource.UnitTest(t, resource.TestCase{Steps: []resource.TestStep{
				apply(test.example, key, func(media string) {
					has(media, "SET_HOSTNAME='"+test.machine+"-1'", "SSH_PUBLIC_KEY='ssh-ed25519 AAAA me'", "ETH0_IP='192.168.70.18", "START_SCRIPT_BASE64='")
				}),
				change,
			}})
		})
	}
	t.Run("ipv6-router", func(t *testing.T) {
		own := config.Variables{"inner_bridge": config.StringVariable("br0")} // the only one of the simulated host
		resource.UnitTest(t, resource.TestCase{Steps: []resource.TestStep{
			apply("ipv6-router", own, func(media string) {
				has(media, "prefix 2001:db8:0:70::/64 {", "radvd --config /mnt/radvd.conf", "ping6 -c 3 2001:db8:0:70::1")
			}),
		}})
	})
	if err := clean(h); err != nil {
		t.Error(err)
	}
}

// media is what all context media on the host hold. Disks are larger than any of them, and full of holes.
func media(t *testing.T, h *simhost.Host) string {
	t.Helper()
	disks, err := filepath.Glob(filepath.Join(h.Datastore(), "vms", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, disk := range disks {
		if info, err := os.Stat(disk); err != nil || info.Size() > 1<<20 {
			continue
		}
		content, err := os.ReadFile(disk)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 32774 && string(content[32769:32774]) == "CD001" {
			all.Write(content)
		}
	}
	return all.String()
}
