package provider_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// content is a raw disk of 1 MiB that holds the text.
func content(text string) string { return text + strings.Repeat("\x00", 1<<20-len(text)) }

func TestImageOfHostsFile(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	one, two, copied := disk(t, "one"), disk(t, "two"), disk(t, "one")
	config := func(path, more string) string {
		return imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\nhost_path = %q\n%s", path, more))
	}
	declared := fmt.Sprintf("checksum = %q", sum(t, one))
	run(t, h,
		resource.TestStep{Config: config("/absent/disk.img", ""), PlanOnly: true, ExpectError: words("/absent/disk.img does not exist")},
		resource.TestStep{Config: config(one, "checksum = \"md5:"+strings.Repeat("0", 32)+"\""), ExpectError: words("wrong checksum: expected md5:")},
		resource.TestStep{
			Config: config(one, declared),
			Check:  func(*terraformState) error { return stored(h, "one") },
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "size", knownvalue.Int64Exact(1)),
				has(imageAddress, "source_checksum", knownvalue.StringExact(sum(t, one))),
			},
		},
		importStep(imageAddress, "root"),
		resource.TestStep{Config: config(copied, declared), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{
			Config: config(two, ""), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionReplace),
			Check: func(*terraformState) error { return stored(h, "two") },
		},
		resource.TestStep{Config: config(filepath.Join(h.Datastore(), "images", "3", "disk.raw"), ""), PlanOnly: true, ExpectError: words("lies in the datastore: name the image by its id, with source_image_id")},
	)
}

func TestImageOfImage(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	one, two := disk(t, "one"), disk(t, "two")
	config := func(source, more string) string {
		return on(h, fmt.Sprintf(`
resource "xen_image" "one" {
  name = "one"
  type = "OS"
  path = %q
}

resource "xen_image" "same" {
  name = "same"
  type = "DATABLOCK"
  path = %q
}

resource "xen_image" "two" {
  name       = "two"
  type       = "DATABLOCK"
  path       = %q
  persistent = true
}

resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "test" {
  name            = "copy"
  type            = "OS"
  source_image_id = xen_image.%s.id
  %s
}
`, one, disk(t, "one"), two, file(t, "vmlinuz", "kernel"), source, more))
	}
	copied := func(begin string) func(*terraformState) error {
		return func(s *terraformState) error {
			id := s.RootModule().Resources[imageAddress].Primary.ID
			return fileIs(filepath.Join(h.Datastore(), "images", strings.TrimPrefix(id, "xen01/"), "disk.raw"), 2<<20, begin)
		}
	}
	run(t, h,
		resource.TestStep{Config: config("kernel", ""), ExpectError: words(`image "kernel" has the type KERNEL, which does not fit here`)},
		resource.TestStep{
			Config: config("one", "size = 2\npersistent = true"), Check: copied("one"),
			ConfigStateChecks: []statecheck.StateCheck{has(imageAddress, "source_checksum", knownvalue.StringExact(sum(t, one)))},
		},
		importStep(imageAddress, "copy"),
		resource.TestStep{Config: config("same", "size = 2\npersistent = true"), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{Config: config("two", "size = 2\npersistent = true"), ExpectError: words(`Unable to replace the persistent image "copy"`)},
		resource.TestStep{Config: config("one", "size = 2")},
		resource.TestStep{
			Config: config("two", "size = 2"), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionReplace), Check: copied("two"),
			// Guests may have written to the source, so it is not what was delivered.
			ConfigStateChecks: []statecheck.StateCheck{has(imageAddress, "source_checksum", knownvalue.Null())},
		},
	)
}

func TestImageOfDisk(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	kernel, root := file(t, "vmlinuz", "kernel"), disk(t, "root")
	config := func(power, slot string) string {
		save := ""
		if slot != "" {
			save = fmt.Sprintf(`
resource "xen_image" "test" {
  name        = "saved"
  type        = "OS"
  source_disk = { virtual_machine_id = xen_virtual_machine.test.id, slot = %q }
}
`, slot)
		}
		return on(h, fmt.Sprintf(`
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "root" {
  name = "root"
  type = "OS"
  path = %q
}

resource "xen_virtual_machine" "test" {
  name        = "web-1"
  memory      = 64
  os          = { kernel_id = xen_image.kernel.id }
  disks       = { xvda = { image_id = xen_image.root.id, size = 2 }, xvdb = { volatile = "swap", size = 1 } }
  power_state = %q
}
%s`, kernel, root, power, save))
	}
	write := func() {
		// What looks like a qcow2 image with a backing file is nothing but bytes of a raw disk.
		f, err := os.OpenFile(filepath.Join(h.Datastore(), "vms", "1", "disk.0"), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("QFI\xfb written by the guest")
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	saved := func(*terraformState) error {
		files, err := filepath.Glob(filepath.Join(h.Datastore(), "images", "*", "disk.raw"))
		if err != nil || len(files) != 2 {
			return fmt.Errorf("%v, %w", files, err)
		}
		return fileIs(files[1], 2<<20, "QFI\xfb written by the guest")
	}
	run(t, h,
		resource.TestStep{Config: config("running", "xvda"), ExpectError: words(`virtual machine "web-1" is in the state RUNNING, and its guest may be writing to the disk: set its power_state to "poweroff"`)},
		resource.TestStep{Config: config("poweroff", "xvdz"), ExpectError: words(`virtual machine "web-1" has no disk xvdz: it has xvda, xvdb`)},
		resource.TestStep{
			PreConfig: write,
			Config:    config("poweroff", "xvda"), Check: saved,
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "size", knownvalue.Int64Exact(2)), has(imageAddress, "source_checksum", knownvalue.Null()),
			},
		},
		importStep(imageAddress, "saved"),
		resource.TestStep{Config: config("running", "xvda"), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{Config: config("poweroff", "xvdb"), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionReplace)},
	)
}

// server serves files from memory, and everything behind /cut only in part.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]string
	asked map[string]int
}

func startServer(t *testing.T) *server {
	s := &server{files: map[string]string{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		text, there := s.files[r.URL.Path]
		s.asked[r.URL.Path]++
		switch {
		case !there:
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/cut"):
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
			_, _ = w.Write([]byte(text[:len(text)/2]))
			panic(http.ErrAbortHandler)
		default:
			_, _ = w.Write([]byte(text))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) put(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files[name] = text; text == "" {
		delete(s.files, name)
	}
}

func TestImageFetchedByHost(t *testing.T) {
	t.Parallel()
	h, s := simhost.Start(t), startServer(t)
	s.put("/disk.img", content("one"))
	s.put("/cut/disk.img", content("one"))
	config := func(path, from, more string) string {
		return imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = \"%s%s\"\nfetch_from = %q\n%s", s.URL, path, from, more))
	}
	nothing := func() {
		if left, _ := filepath.Glob(filepath.Join(h.Datastore(), "images", "*", "*")); len(left) > 0 {
			t.Errorf("left on the host: %v", left)
		}
	}
	run(t, h,
		resource.TestStep{Config: config("/absent?token=planted", "host", ""), ExpectError: words("404")},
		resource.TestStep{PreConfig: nothing, Config: config("/cut/disk.img", "host", ""), ExpectError: words("Unable to create image \"root\" on xen01")},
		resource.TestStep{PreConfig: nothing, Config: config("/disk.img", "host", `checksum = "sha256:`+strings.Repeat("0", 64)+`"`), ExpectError: words("wrong checksum: expected sha256:000")},
		resource.TestStep{
			PreConfig: nothing,
			Config:    config("/disk.img", "host", ""),
			Check:     func(*terraformState) error { return stored(h, "one") },
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "source_checksum", knownvalue.StringExact(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content("one")))))),
			},
		},
		importStep(imageAddress, "root"),
		resource.TestStep{Config: config("/disk.img", "client", ""), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionUpdate)},
	)
}

// TestChecksumFromList follows a list of checksums on a server.
func TestChecksumFromList(t *testing.T) {
	t.Parallel()
	h, s := simhost.Start(t), startServer(t)
	list := func(text string) string {
		return fmt.Sprintf("%X  disk.img\n%s  other.img\n", sha512.Sum512([]byte(content(text))), strings.Repeat("0", 128))
	}
	config := imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = \"%s/disk.img\"\nchecksum = \"%s/SHA512SUMS\"", s.URL, s.URL))
	holds := func(text string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() {
				s.put("/disk.img", content(text))
				s.put("/SHA512SUMS", list(text))
			},
			Config: config,
			Check:  func(*terraformState) error { return stored(h, text) },
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "source_checksum", knownvalue.StringExact(fmt.Sprintf("sha512:%x", sha512.Sum512([]byte(content(text)))))),
			},
		}
	}
	replaced := holds("two")
	replaced.ConfigPlanChecks = planned(imageAddress, plancheck.ResourceActionReplace)
	run(t, h,
		resource.TestStep{Config: config, PlanOnly: true, ExpectError: words("404")},
		resource.TestStep{
			PreConfig: func() { s.put("/SHA512SUMS", strings.Repeat("0", 128)+"  other.img\n") },
			Config:    config, PlanOnly: true, ExpectError: words(`has no checksum of "disk.img": it has those of other.img`),
		},
		resource.TestStep{
			PreConfig: func() { s.put("/SHA512SUMS", list("one")); s.put("/disk.img", content("wrong")) },
			Config:    config, ExpectError: words("wrong checksum: expected sha512:"),
		},
		holds("one"),
		importStep(imageAddress, "root"),
		replaced,
		resource.TestStep{PreConfig: func() { s.put("/SHA512SUMS", "") }, Config: config, ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionNoop)},
	)
}

// TestImageOfOtherFormat has the host convert what other virtualisers use.
func TestImageOfOtherFormat(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed")
	}
	raw, vmdk := disk(t, "one"), filepath.Join(t.TempDir(), "disk.vmdk")
	if said, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", raw, vmdk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	config := func(format string) string {
		return imageConfig(h, fmt.Sprintf("name = \"root\"\ntype = \"OS\"\npath = %q\n%s", vmdk, format))
	}
	run(t, h,
		resource.TestStep{Config: config(""), PlanOnly: true, ExpectError: words(`the content is a VMDK image, which Xen cannot use as it is: set format to "qcow2" or "raw"`)},
		resource.TestStep{
			Config: config(`format = "raw"`),
			Check:  func(*terraformState) error { return stored(h, "one") },
			ConfigStateChecks: []statecheck.StateCheck{
				has(imageAddress, "source_checksum", knownvalue.StringExact(sum(t, vmdk))), has(imageAddress, "size", knownvalue.Int64Exact(1)),
			},
		},
		importStep(imageAddress, "root"),
		resource.TestStep{
			Config: config(`format = "qcow2"`), ConfigPlanChecks: planned(imageAddress, plancheck.ResourceActionReplace),
			Check: func(*terraformState) error { return stored(h, "QFI\xfb") },
		},
	)
}
