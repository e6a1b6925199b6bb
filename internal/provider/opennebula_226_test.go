package provider_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// TestOpenNebula226 writes a machine that OpenNebula once deployed as HCL. Xen's own parser must read the same domain from both
// files, apart from the differences that stand here with their reasons.
func TestOpenNebula226(t *testing.T) {
	t.Parallel()
	justified := map[string]string{
		`.b_info.sched_params.weight: none | 256`: `OpenNebula wrote the weight as a comment and set it after the start; xl reads cpu_weight itself`,
		`.nics[0].ip: "192.168.70.150" | none`:    `ip= makes the bridge script add firewall rules on the host, which nobody asked for`,
		`.b_info.type.hvm.serial: none | "pty"`:   `the guest's serial line is there for xl console`,
		`.b_info.max_vcpus: none | 1`:             `stated, so that the file does not depend on xl's default`,
		`.b_info.avail_vcpus[0]: none | 0`:        `stated, as max_vcpus`,
	}
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
		Config: `
output "file" {
  value = provider::xen::deployment_file({
    name   = "one-226"
    type   = "hvm"
    cpu    = 1
    memory = 2048
    os     = { boot = ["disk"] }
    disks = {
      xvdb = { file = "/var/lib/one/opennebula/var//datastores/0/226/disk.0" }
      xvda = { file = "/var/lib/one/opennebula/var//datastores/0/226/disk.1" }
      xvdc = { file = "/var/lib/one/opennebula/var//datastores/0/226/disk.2", cdrom = true }
    }
    nics     = { eth0 = { bridge = "br0", ip = "192.168.70.150" } }
    graphics = { listen = "0.0.0.0", port = 6126 }
  })
}
`,
		Check: func(s *terraform.State) error {
			ours, ok := s.RootModule().Outputs["file"].Value.(string)
			if !ok {
				return fmt.Errorf("the output is %v", s.RootModule().Outputs["file"].Value)
			}
			theirs, err := os.ReadFile("../xl/testdata/opennebula-226.cfg")
			if err != nil {
				return err
			}
			for _, difference := range differences(understood(t, string(theirs)), understood(t, ours)) {
				if justified[difference] == "" {
					t.Errorf("xl reads another domain, theirs | ours: %s", difference)
				}
				delete(justified, difference)
			}
			for difference := range justified {
				t.Errorf("this difference is no longer there: %s", difference)
			}
			return nil
		},
	}}})
}

// xlParser is Xen's own parser; it is read before TestMain clears the environment.
var xlParser = os.Getenv("XEN_XL_PARSER")

// understood is each value that Xen's own parser reads from a deployment file, by its path in xl's JSON. Disks stand in the order of
// their slots: their order in the file means nothing.
func understood(t *testing.T, text string) map[string]string {
	t.Helper()
	if xlParser == "" {
		t.Skip("XEN_XL_PARSER is not set; `make test` provides it")
	}
	// Not t.TempDir: xl takes an argument with an equals sign for a line of configuration, and folders named for tests may have one.
	folder, err := os.MkdirTemp("", "xl") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "domain.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(xlParser, path).Output()
	if err != nil {
		t.Fatalf("xl refuses the file: %v\n%s", err, text)
	}
	var domain map[string]any
	if err := json.Unmarshal(output, &domain); err != nil {
		t.Fatal(err)
	}
	if disks, ok := domain["disks"].([]any); ok {
		slices.SortFunc(disks, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	values := map[string]string{}
	flatten(values, "", domain)
	delete(values, ".c_info.uuid") // xl invents one where none is given
	return values
}

func flatten(values map[string]string, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			flatten(values, path+"."+key, inner)
		}
	case []any:
		for i, inner := range value {
			flatten(values, fmt.Sprintf("%s[%d]", path, i), inner)
		}
	default:
		text, _ := json.Marshal(value) // what came from JSON goes back to it
		values[path] = string(text)
	}
}

// differences lists where two domains differ, "<path>: <theirs> | <ours>".
func differences(theirs, ours map[string]string) []string {
	var found []string
	for path, value := range theirs {
		if ours[path] != value {
			found = append(found, fmt.Sprintf("%s: %s | %s", path, value, cmp.Or(ours[path], "none")))
		}
	}
	for path, value := range ours {
		if _, there := theirs[path]; !there {
			found = append(found, fmt.Sprintf("%s: none | %s", path, value))
		}
	}
	return found
}
