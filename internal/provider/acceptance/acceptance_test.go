// Package acceptance_test applies stacks to a real Xen host and looks at what the host and its guests say. The host is the one of the
// environment (XEN_HOST and so on), the guests are the lab's (XEN_LAB_KERNEL and so on); `make testacc` sets both.
package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/provider"
)

// guestPatience is how long a guest may take to its first words; an emulated host is slow.
const guestPatience = 20 * time.Minute

var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"xen": providerserver.NewProtocol6WithError(provider.New("test")()),
}

var emptyPlan = resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{tellChanges{}, plancheck.ExpectEmptyPlan()}}

// tellChanges tells what of each attribute a plan would change: that a plan is not empty says too little.
type tellChanges struct{}

func (tellChanges) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	var changes []error
	for _, change := range req.Plan.ResourceChanges {
		before, _ := change.Change.Before.(map[string]any)
		planned, _ := change.Change.After.(map[string]any)
		unknown, _ := change.Change.AfterUnknown.(map[string]any)
		after := maps.Clone(planned)
		for name, whole := range unknown {
			if whole == true {
				after[name] = "(known after apply)"
			}
		}
		for name := range after {
			if !change.Change.Actions.NoOp() && !reflect.DeepEqual(before[name], after[name]) {
				changes = append(changes, fmt.Errorf("%s: %s: %v -> %v", change.Address, name, before[name], after[name]))
			}
		}
	}
	resp.Error = errors.Join(changes...)
}

// dom0 is the real host, asked past the provider.
type dom0 struct {
	*testing.T
	host *host.Host
}

// connect finds the host in the environment, or skips like every acceptance test without TF_ACC.
func connect(t *testing.T) dom0 {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests need a real Xen host: make testacc")
	}
	port, err := strconv.Atoi(os.Getenv("XEN_PORT"))
	if err != nil {
		port = 22
	}
	h := host.New(host.Config{
		Address: os.Getenv("XEN_HOST"), Port: port, User: os.Getenv("XEN_USER"),
		PrivateKeyFiles: []string{os.Getenv("XEN_PRIVATE_KEY_FILE")}, HostKey: os.Getenv("XEN_HOST_KEY"),
	})
	t.Cleanup(func() { _ = h.Close() })
	d := dom0{T: t, host: h}
	before := d.things()
	t.Cleanup(func() {
		if after := d.things(); after != before {
			t.Errorf("on the host there was:\n%s\nand now there is:\n%s", before, after)
		}
	})
	return d
}

// sh runs a script on dom0 and gives what it printed.
func (d dom0) sh(script string, args ...string) string {
	d.Helper()
	result, err := d.host.Run(context.WithoutCancel(d.Context()), host.Script{Step: "look at dom0", Text: script, Args: args, Repeatable: true})
	if err != nil {
		d.Error(err)
	}
	return strings.TrimSpace(string(result.Stdout))
}

// things lists the domains, the loop devices and the files of the datastore; what a test makes must be gone after it.
func (d dom0) things() string {
	d.Helper()
	return d.sh(`xl list | awk 'NR > 2 { print "domain", $1 }'
losetup -a
cd -- "$1" 2>/dev/null && find images templates contexts vms tmp locks -type f ! -name .last ! -name records || true`, os.Getenv("XEN_DATASTORE"))
}

// console waits until the log of a guest's console matches all patterns, and returns the log.
func (d dom0) console(name string, patterns ...string) string {
	d.Helper()
	deadline := time.Now().Add(guestPatience)
	for {
		log := strings.ReplaceAll(d.sh(`cat -- "/var/log/xen/console/guest-$1.log" 2>/dev/null || true`, name), "\r", "")
		missing := ""
		for _, pattern := range patterns {
			if !regexp.MustCompile("(?m)" + pattern).MatchString(log) {
				missing = pattern
			}
		}
		switch {
		case missing == "":
			return log
		case time.Now().After(deadline):
			d.Fatalf("the console of %s does not show %s within %s:\n%s", name, missing, guestPatience, log)
		}
		time.Sleep(3 * time.Second)
	}
}

// forgetConsoles removes what earlier guests of these names said.
func (d dom0) forgetConsoles(names ...string) {
	d.Helper()
	d.sh(`for name; do rm -f -- "/var/log/xen/console/guest-$name.log"; done`, names...)
}

// guestFile is the path of a file that the lab makes for its guests.
func guestFile(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set: it names a file of the guests that the lab makes", variable)
	}
	return path
}

// guest is the lab's guest as resources that tests build on.
func guest(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, image := range []struct{ name, typ, variable string }{
		{"kernel", "KERNEL", "XEN_LAB_KERNEL"}, {"ramdisk", "RAMDISK", "XEN_LAB_RAMDISK"}, {"root", "OS", "XEN_LAB_DISK"},
	} {
		fmt.Fprintf(&text, "resource \"xen_image\" %q {\n  name = \"guest-%s\"\n  type = %q\n  path = %q\n}\n", image.name, image.name, image.typ, guestFile(t, image.variable))
	}
	return text.String() + `
locals {
  boot = {
    kernel_id  = xen_image.kernel.id
    ramdisk_id = xen_image.ramdisk.id
    cmdline    = "console=hvc0 root=LABEL=guest-root"
  }
  bridge = "` + bridge() + `"
}
`
}

func bridge() string {
	if name := os.Getenv("XEN_LAB_BRIDGE"); name != "" {
		return name
	}
	return "br0"
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

// words matches the words in their order, whatever line breaks and frames Terraform puts between them.
func words(text string) *regexp.Regexp {
	fields := strings.Fields(text)
	for i, field := range fields {
		fields[i] = regexp.QuoteMeta(field)
	}
	return regexp.MustCompile(strings.Join(fields, `[\s│╷╵]+`))
}
