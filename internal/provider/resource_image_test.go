package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

const imageAddress = "xen_image.test"

func imageConfig(h *simhost.Host, arguments string) string {
	return on(h, fmt.Sprintf("resource \"xen_image\" \"test\" {\n%s\n}\n", arguments))
}

// planned expects one action for the image.
func planned(address string, action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
}

func has(address, attribute string, value knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), value)
}

func TestImageLifeCycle(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	content := disk(t, "one")
	config := func(name, typ, labels string) string {
		return imageConfig(h, fmt.Sprintf("name = %q\ntype = %q\npath = %q\nlabels = %s", name, typ, content, labels))
	}
	run(t, h,
		resource.TestStep{
			Config: config("root", "OS", "{}"),
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "id", knownvalue.StringExact("xen01/1")),
				has(imageAddress, "host", knownvalue.StringExact("xen01")),
				has(imageAddress, "state", knownvalue.StringExact("READY")),
				has(imageAddress, "size", knownvalue.Int64Exact(1)),
				has(imageAddress, "format", knownvalue.StringExact("raw")),
				has(imageAddress, "persistent", knownvalue.Bool(false)),
			},
		},
		resource.TestStep{
			Config:           config("renamed", "DATABLOCK", `{ team = "web" }`),
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "name", knownvalue.StringExact("renamed")),
				has(imageAddress, "type", knownvalue.StringExact("DATABLOCK")),
				has(imageAddress, "labels", knownvalue.MapExact(map[string]knownvalue.Check{"team": knownvalue.StringExact("web")})),
			},
		},
		importStep(imageAddress, "renamed"),
		importStep(imageAddress, "xen01/renamed"),
		importStep(imageAddress, "xen01/1"),
	)
}

// importStep demands that a configuration that made a thing does not change it after an import.
func importStep(address, id string) resource.TestStep {
	return resource.TestStep{
		ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: id,
	}
}

func TestImageContent(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	content, copied := disk(t, "one"), disk(t, "one")
	config := func(path string) string {
		return imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q", path))
	}
	run(t, h,
		resource.TestStep{Config: config(content)},
		resource.TestStep{Config: config(copied), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
		importStep(imageAddress, "root"),
		resource.TestStep{
			PreConfig:        func() { remove(t, content) },
			Config:           config(content),
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop),
		},
		resource.TestStep{
			PreConfig:        func() { overwrite(t, content, "two") },
			Config:           config(content),
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionReplace),
			Check:            func(*terraformState) error { return stored(h, "two") },
		},
		resource.TestStep{
			PreConfig: func() { overwrite(t, copied, "two") },
			Config:    imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q\nchecksum = \"%s\"", copied, sum(t, disk(t, "two")))),
			// The checksum says nothing new about the content.
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionUpdate),
		},
	)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	content, err := os.ReadFile(disk(t, text))
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stored looks for the text at the beginning of the one image on the host.
func stored(h *simhost.Host, text string) error {
	files, err := filepath.Glob(filepath.Join(h.Datastore(), "images", "*", "disk.*"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("%d images on the host, %w", len(files), err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	if got := string(content[:len(text)]); got != text {
		return fmt.Errorf("the host has %q, not %q", got, text)
	}
	return nil
}
