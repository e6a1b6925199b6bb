package provider_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestFailedCreateLeavesNothing lets a creation fail on the host, and demands that neither the host nor the state keeps anything of it.
func TestFailedCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	machine := config(plainMachine + `name = "web-1"`)
	run(t, h,
		resource.TestStep{
			PreConfig:   func() { h.FailTool("xl create", 3, "libxl: error: libxl_dm.c: device model died") },
			Config:      machine,
			ExpectError: words(`Unable to create virtual machine "web-1" on xen01`),
		},
		resource.TestStep{
			PreConfig: func() {
				if left := len(h.Domains()); left != 0 {
					t.Errorf("%d domains were left behind", left)
				}
				if err := onHost(h, "vms", "web-1"); err == nil {
					t.Error("the record of web-1 was left behind")
				}
				h.ClearFaults()
			},
			Config:           machine,
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionCreate),
		},
	)
}

func TestHostsWordsReachTheUser(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	h.FailTool("xl create", 3, "libxl: error: no grant frames left")
	run(t, h, resource.TestStep{Config: config(plainMachine), ExpectError: words("no grant frames left")})
}

// TestTakenName points to the attribute that a host refuses when a thing is made.
func TestTakenName(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	run(t, h, resource.TestStep{
		Config: on(h, fmt.Sprintf(`
resource "xen_image" "one" {
  name = "same"
  type = "OS"
  path = %q
}

resource "xen_image" "two" {
  name       = "same"
  type       = "OS"
  path       = %q
  depends_on = [xen_image.one]
}
`, disk(t, "one"), disk(t, "two"))),
		ExpectError: words(`Unable to create image "same" on xen01`),
	})
}

func TestRecordThatIsGoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q", disk(t, "root")))
	run(t, h,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:        func() { forget(t, h, "images") },
			Config:           config,
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionCreate),
		},
	)
}

// TestHostThatIsDownIsNotAbsence demands an error, and that nothing leaves the state.
func TestHostThatIsDownIsNotAbsence(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q", disk(t, "root")))
	run(t, h,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:   func() { h.FailTool("xl list", 1, "xenstore is not responding") },
			Config:      config,
			ExpectError: words(`Unable to read image "root" on xen01`),
		},
		resource.TestStep{
			PreConfig:        h.ClearFaults,
			Config:           config,
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop),
		},
	)
}

// TestDatastoreThatIsNotMountedIsNotAbsence leaves of the datastore only the folder that it is mounted on, and then not even that.
func TestDatastoreThatIsNotMountedIsNotAbsence(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q", disk(t, "root")))
	elsewhere := filepath.Join(t.TempDir(), "volume")
	done := func(errs ...error) {
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	run(t, h,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:   func() { done(os.Rename(h.Datastore(), elsewhere), os.Mkdir(h.Datastore(), 0o700)) },
			Config:      config,
			ExpectError: words("holds no datastore: mount the file system"),
		},
		resource.TestStep{
			PreConfig:        func() { done(os.Remove(h.Datastore()), os.Rename(elsewhere, h.Datastore())) },
			Config:           config,
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop),
		},
		resource.TestStep{
			PreConfig:        func() { done(os.RemoveAll(h.Datastore())) },
			Config:           config,
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionCreate),
		},
	)
}

// TestPersistentImageIsNotReplaced demands that data is given up in so many words only.
func TestPersistentImageIsNotReplaced(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	content, other := disk(t, "one"), disk(t, "two")
	config := func(path, more string) string {
		return imageConfig(h, fmt.Sprintf("name = \"data\"\ntype = \"DATABLOCK\"\npersistent = true\npath = %q\n%s", path, more))
	}
	run(t, h,
		resource.TestStep{Config: config(content, "")},
		resource.TestStep{Config: config(other, ""), ExpectError: words(`Unable to replace the persistent image "data"`)},
		resource.TestStep{Config: config(content, "format = \"qcow2\""), ExpectError: words(`Unable to replace the persistent image "data"`)},
		resource.TestStep{
			Taint:            []string{imageAddress},
			Config:           config(other, "size = 2"),
			ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionReplace),
			Check:            func(*terraformState) error { return stored(h, "two") },
		},
	)
}

// TestReplacedImage demands the order in which nothing is destroyed while it is used: the image of the first disk takes the machine with it;
// for the sake of another kernel no machine is destroyed.
func TestReplacedImage(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	run(t, h,
		resource.TestStep{Config: config(plainMachine)},
		resource.TestStep{
			Config: config(plainMachine), Taint: []string{"xen_image.root"},
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionReplace),
		},
		resource.TestStep{
			Config: config(plainMachine), Taint: []string{"xen_image.kernel"},
			ConfigPlanChecks: planned(machineAddress, plancheck.ResourceActionUpdate),
			ExpectError:      words("it is used by"),
		},
	)
}

// TestTimeoutCutsCreate lets a creation take longer than it may, and demands that it is rolled back.
func TestTimeoutCutsCreate(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	h.DelayTool("xl create", 20*time.Second)
	run(t, h, resource.TestStep{
		Config:      config(plainMachine + `timeouts = { create = "2s" }`),
		ExpectError: words("the script was ended on the host: it took longer than 2s, which is what timeouts.create allows"),
	})
}

// TestTimeoutCutsPlan lets the host take longer than a plan may look at it.
func TestTimeoutCutsPlan(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := machineConfig(t, h)
	run(t, h,
		resource.TestStep{Config: config(plainMachine)},
		resource.TestStep{
			PreConfig:   func() { h.DelayTool("xl info", 20*time.Second) },
			Config:      config(plainMachine + `timeouts = { read = "2s" }`),
			Taint:       []string{machineAddress},
			ExpectError: words("it took longer than 2s, which is what timeouts.read allows"),
		},
		resource.TestStep{PreConfig: h.ClearFaults, Config: config(plainMachine)},
	)
}
