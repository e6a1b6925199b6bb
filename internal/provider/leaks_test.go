package provider_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// planted are the secrets of the test, each told from all others.
var planted = map[string]string{
	"key passphrase":    "planted-passphrase",
	"SSH password":      "planted-password",
	"context variable":  "planted-variable",
	"context file":      "planted-content",
	"VNC password":      "plntdVNC",
	"URL password":      "planted-url-password",
	"URL token":         "planted-url-token",
	"checksum password": "planted-sums-password",
}

// leaks names the secrets in a text.
func leaks(text string, but ...string) (found []string) {
	for name, secret := range planted {
		if strings.Contains(text, secret) && !strings.Contains(strings.Join(but, " "), name) {
			found = append(found, name)
		}
	}
	return found
}

// watchProcesses looks for secrets in the command lines and environments of what runs on this machine, which is host and client in one. The
// test's own Terraform gets its secrets in files.
func watchProcesses(t *testing.T) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		seen := map[string]bool{}
		for {
			select {
			case <-done:
				return
			default:
			}
			time.Sleep(20 * time.Millisecond)
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, file := range files {
				text, _ := os.ReadFile(file)
				for _, name := range leaks(string(text)) {
					if !seen[name] {
						t.Errorf("the %s stands in the process list: %q", name, bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
					}
					seen[name] = true
				}
			}
		}
	})
	return func() { close(done); all.Wait() }
}

// TestSecretsLeakNowhere plants a secret in every argument that may hold one, lets things succeed and fail, and looks for them in the state,
// the plan, the log at its finest, what Terraform prints, the process list, and files of the host that others could read.
func TestSecretsLeakNowhere(t *testing.T) {
	h := simhost.Start(t, simhost.EncryptedKey(planted["key passphrase"]))
	disks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != planted["URL password"] && password != planted["checksum password"] {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(make([]byte, 1<<20))
	}))
	defer disks.Close()
	address := strings.Replace(disks.URL, "http://", "http://me:"+planted["URL password"]+"@", 1) + "/disk.raw?token=" + planted["URL token"]
	config := strings.Replace(on(h, ""), "agent            = false", fmt.Sprintf("agent = false\nprivate_key_passphrase = %q\npassword = %q", planted["key passphrase"], planted["SSH password"]), 1)
	good := config + fmt.Sprintf(`
variable "address" {
  sensitive = true
  default   = %q
}

resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = %q
}

resource "xen_image" "client" {
  name = "client"
  type = "OS"
  path = var.address
}

resource "xen_image" "host" {
  name       = "host"
  type       = "OS"
  path       = var.address
  fetch_from = "host"
}

data "xen_image" "client" {
  name       = xen_image.client.name
  depends_on = [xen_image.client]
}

output "shown" {
  value = data.xen_image.client.path
}

resource "xen_context" "web" {
  variables_wo = { PASSWORD = %q }
  files        = { "secret" = { content = %q } }
}

resource "xen_virtual_machine" "web" {
  name       = "web"
  type       = "hvm"
  memory     = 64
  graphics   = { password_wo = %q }
  disks      = { xvda = { image_id = xen_image.client.id } }
  context_id = xen_context.web.id
}
`, address, file(t, "vmlinuz", "kernel"), planted["context variable"], planted["context file"], planted["VNC password"])
	bad := fmt.Sprintf(`
variable "refused" {
  sensitive = true
  default   = %q
}

resource "xen_image" "wrong_sum" {
  name     = "wrong"
  type     = "OS"
  path     = var.address
  checksum = "sha256:%064d"
}

resource "xen_image" "refused" {
  name       = "refused"
  type       = "OS"
  path       = var.refused
  fetch_from = "host"
}

resource "xen_image" "refused_client" {
  name = "refused-client"
  type = "OS"
  path = var.refused
}

resource "xen_virtual_machine" "second" {
  name     = "second"
  type     = "hvm"
  memory   = 64
  graphics = { password_wo = %q }
}
`, strings.Replace(address, planted["URL password"], planted["URL token"], 1), 0, planted["VNC password"])
	worse := fmt.Sprintf(`
variable "sums" {
  sensitive = true
  default   = %q
}

resource "xen_image" "no_sum" {
  name     = "nosum"
  type     = "OS"
  path     = var.address
  checksum = var.sums
}
`, strings.Replace(disks.URL, "http://", "http://me:"+planted["checksum password"]+"@", 1)+"/SHA256SUMS")

	stop := watchProcesses(t)
	defer stop()
	w := newWorkspace(t, good)
	log := filepath.Join(w.Folder, "log")
	t.Setenv("TF_LOG", "TRACE")
	t.Setenv("TF_LOG_PATH", log)
	output := w.must(t, "apply", "-auto-approve")
	w.must(t, "plan", "-out=plan.bin")
	plan := w.must(t, "show", "-json", "plan.bin")

	h.FailTool("xl create", 3, "libxl: error: no grant frames left")
	w.add(t, bad)
	failures, status := w.terraform(t, "apply", "-auto-approve")
	for _, expected := range []string{"no grant frames left", "wrong checksum", "error: 401", `"401 Unauthorized"`} {
		if status == 0 || !strings.Contains(strings.Join(strings.Fields(failures), " "), expected) { // Terraform breaks lines
			t.Errorf("status %d, without %s:\n%s", status, expected, failures)
		}
	}
	w.add(t, worse)
	more, status := w.terraform(t, "plan")
	if status == 0 || !strings.Contains(more, "SHA256SUMS") {
		t.Errorf("status %d\n%s", status, more)
	}
	state, err := os.ReadFile(filepath.Join(w.Folder, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	h.ClearFaults()

	// Terraform itself writes down what an ordinary argument is set to: whoever has a password in a URL marks it as sensitive, and it is in the state.
	const ordinary = "URL password URL token"
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	said := providerLines(string(text))
	if said == "" {
		t.Error("the log has nothing of the provider")
	}
	for where, found := range map[string][]string{
		"what Terraform printed":       leaks(output),
		"the errors":                   leaks(failures + more),
		"the state":                    leaks(string(state), ordinary),
		"the plan":                     leaks(withoutConfiguration(t, plan), ordinary),
		"the log":                      leaks(said),
		"files that others could read": readable(t, h.Datastore()),
	} {
		if len(found) > 0 {
			t.Errorf("%s: %v", where, found)
		}
	}
}

// add writes another file of configuration.
func (w workspace) add(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.Folder, "more.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// withoutConfiguration leaves out of a plan what Terraform itself copies from the configuration, and variables.
func withoutConfiguration(t *testing.T, plan string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(plan), &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "configuration")
	delete(all, "variables")
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// providerLines are those of the log that the provider and its framework wrote.
func providerLines(log string) string {
	var lines strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, "provider.terraform-provider-xen") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// readable looks for secrets in files that not only their owner can read.
func readable(t *testing.T, root string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			for _, name := range leaks(string(text)) {
				found = append(found, name+" in "+path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
