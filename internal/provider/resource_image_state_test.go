package provider_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// imageFile is the content of an image on the host.
func imageFile(t *testing.T, h *simhost.Host, number int, name string) string {
	t.Helper()
	path := filepath.Join(h.Datastore(), "images", fmt.Sprint(number), name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// fileIs checks the length of a file and the text that it begins with.
func fileIs(path string, bytes int64, begin string) error {
	content, err := os.ReadFile(path)
	switch {
	case err != nil:
		return err
	case int64(len(content)) != bytes || !strings.HasPrefix(string(content), begin):
		return fmt.Errorf("%s has %d bytes and begins with %q, not %d and %q", path, len(content), content[:min(len(content), len(begin))], bytes, begin)
	}
	return nil
}

func TestImageGrows(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := func(size, power string) string {
		return on(h, fmt.Sprintf(`
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "test" {
  name       = "data"
  type       = "DATABLOCK"
  persistent = true
  fstype     = "ext4"
  %s
}

resource "xen_virtual_machine" "test" {
  name        = "web-1"
  memory      = 64
  os          = { kernel_id = xen_image.kernel.id }
  disks       = { xvda = { image_id = xen_image.test.id } }
  power_state = %q
}
`, file(t, "vmlinuz", "kernel"), size, power))
	}
	grown := func(*terraformState) error {
		files, err := filepath.Glob(filepath.Join(h.Datastore(), "images", "*", "disk.raw"))
		if err != nil || len(files) != 1 {
			return fmt.Errorf("%v, %w", files, err)
		}
		record, err := os.ReadFile(filepath.Join(h.Datastore(), "vms", "1", "vm.json"))
		if err == nil && !strings.Contains(string(record), `"size": 5`) {
			err = fmt.Errorf("the record of the virtual machine has another size:\n%s", record)
		}
		return errors.Join(err, fileIs(files[0], 5<<20, ""))
	}
	run(t, h,
		resource.TestStep{Config: config("size = 4", "running")},
		resource.TestStep{Config: config("size = 5", "running"), ExpectError: words(`virtual machine "web-1" has it as its disk and is in the state RUNNING: power it off first`)},
		resource.TestStep{Config: config("size = 4", "poweroff")},
		resource.TestStep{
			Config:            config("size = 5", "poweroff"),
			ConfigPlanChecks:  planned(imageAddress, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{has(imageAddress, "size", knownvalue.Int64Exact(5))},
			Check:             grown,
		},
		resource.TestStep{Config: config("size = 4", "poweroff"), ExpectError: words(`The image has 5 MiB and 4 MiB are wanted`)},
		resource.TestStep{Config: config("", "poweroff"), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
	)
}

func TestImageDisabled(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	kernel, content := file(t, "vmlinuz", "kernel"), disk(t, "root")
	config := func(enabled bool, machine string) string {
		return on(h, fmt.Sprintf(`
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "test" {
  name    = "root"
  type    = "OS"
  path    = %q
  enabled = %t
}
%s
`, kernel, content, enabled, machine))
	}
	const machine = `
resource "xen_virtual_machine" "test" {
  name   = "web-1"
  memory = 64
  os     = { kernel_id = xen_image.kernel.id }
  disks  = { xvda = { image_id = xen_image.test.id } }
}
`
	stateIs := func(state string) []statecheck.StateCheck {
		return []statecheck.StateCheck{has(imageAddress, "state", knownvalue.StringExact(state))}
	}
	run(t, h,
		resource.TestStep{Config: config(false, ""), ConfigStateChecks: stateIs("DISABLED")},
		importStep(imageAddress, "root"),
		resource.TestStep{Config: config(false, machine), ExpectError: words(`disks["xvda"].image_id: image "root" is disabled`)},
		// One apply enables the image and makes what needs it.
		resource.TestStep{Config: config(true, machine), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate),
			plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("state"), knownvalue.StringExact("READY")),
		}}},
		resource.TestStep{Config: config(true, machine), ConfigStateChecks: stateIs("USED")},
		resource.TestStep{Config: config(false, machine), ExpectError: words(`image "root" is used by virtual machine "web-1": remove that use first`)},
		resource.TestStep{Config: config(true, ""), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{
			Config: config(false, ""), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionUpdate), ConfigStateChecks: stateIs("DISABLED"),
		},
	)
}

// TestImageMends changes the content behind Terraform's back, and demands that the image becomes READY after a look at it only.
func TestImageMends(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	config := imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q", disk(t, "root")))
	var content []byte
	stored := func() string { return imageFile(t, h, 1, "disk.raw") }
	mends := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate),
		plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("state"), knownvalue.StringExact("READY")),
	}}
	ready := []statecheck.StateCheck{has(imageAddress, "state", knownvalue.StringExact("READY"))}
	run(t, h,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig: func() {
				if err := os.Chtimes(stored(), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
					t.Fatal(err)
				}
			},
			Config: config, ConfigPlanChecks: mends, ConfigStateChecks: ready,
		},
		resource.TestStep{Config: config, ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{
			PreConfig: func() {
				var err error
				if content, err = os.ReadFile(stored()); err != nil {
					t.Fatal(err)
				}
				overwrite(t, stored(), "rotten")
				if err := os.Chtimes(stored(), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
					t.Fatal(err)
				}
			},
			Config: config, ExpectError: words("could not be verified, so it stays out of use: restore its file and apply again, or make the image anew with `terraform apply -replace=ADDRESS`"),
		},
		resource.TestStep{
			PreConfig: func() { remove(t, stored()) },
			Config:    config, ExpectError: words("is missing"),
		},
		resource.TestStep{
			PreConfig: func() {
				if err := os.WriteFile(filepath.Join(h.Datastore(), "images", "1", "disk.raw"), content, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			Config: config, ConfigPlanChecks: mends, ConfigStateChecks: ready,
		},
	)
}

// TestSameContentIsSentOnce makes two images of one file in one apply, and then lets one of them have its own.
func TestSameContentIsSentOnce(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	content := disk(t, "same")
	config := func(more string) string {
		return on(h, fmt.Sprintf(`
resource "xen_image" "test" {
  count = 3
  name  = "root-${count.index}"
  type  = "OS"
  path  = %q
}

resource "xen_image" "own" {
  name = "own"
  type = "DATABLOCK"
  path = %q
  %s
}
`, content, content, more))
	}
	// files tells whether every image has the content, and whether so many have one file together.
	files := func(shared int) func(*terraformState) error {
		return func(*terraformState) error {
			all, err := filepath.Glob(filepath.Join(h.Datastore(), "images", "*", "disk.raw"))
			links := 0
			for _, name := range all {
				info, err := os.Stat(name)
				if err != nil {
					return err
				}
				if stat, ok := info.Sys().(*syscall.Stat_t); ok {
					links = max(links, int(stat.Nlink))
				}
				if err := fileIs(name, 1<<20, "same"); err != nil {
					return err
				}
			}
			if len(all) != 4 || links != shared {
				err = fmt.Errorf("%d images, and one file is that of %d of them, not %d", len(all), links, shared)
			}
			return err
		}
	}
	run(t, h,
		resource.TestStep{Config: config(""), Check: files(4)},
		resource.TestStep{Config: config("persistent = true"), ConfigPlanChecks: planned("xen_image.own", plancheck.ResourceActionUpdate), Check: files(3)},
	)
}

// TestToolThatTheHostLacks demands that the plan says so.
func TestToolThatTheHostLacks(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t, simhost.NoTool("qemu-img"), simhost.NoTool("curl"), simhost.NoTool("wget"))
	absent := slices.IndexFunc(model.FileSystems[1:], func(name string) bool {
		_, err := exec.LookPath("mkfs." + name)
		return err != nil && name != "swap"
	})
	if absent < 0 {
		t.Fatal("this machine can make every file system, so none is missing on the simulated host")
	}
	fstype := model.FileSystems[1+absent]
	datablock := func(more string) string {
		return imageConfig(h, "name = \"data\"\ntype = \"DATABLOCK\"\nsize = 4\n"+more)
	}
	for config, tool := range map[string]string{
		datablock(fmt.Sprintf("fstype = %q", fstype)): "mkfs." + fstype,
		datablock("format = \"qcow2\""):               "qemu-img",
		imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q\nformat = \"qcow2\"", disk(t, "root"))): "qemu-img",
		imageConfig(h, "name = \"root\"\ntype = \"OS\"\npath = \"https://192.0.2.1/a\"\nfetch_from = \"host\""):       "curl nor wget",
	} {
		run(t, h, resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile("There is (no|neither) " + tool + " on host xen01")})
	}
	if _, err := os.Stat(h.Datastore()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the plan left a datastore behind: %v", err)
	}
}
