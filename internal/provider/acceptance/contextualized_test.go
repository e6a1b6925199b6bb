package acceptance_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"golang.org/x/crypto/ssh"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/lab"
)

// TestAccCloudInitGuest boots Debian with cloud-init.
func TestAccCloudInitGuest(t *testing.T) {
	contextualized{image: "debian", example: "guest-cloud-init", ip: "192.168.70.181", memory: 256, size: 1024, libc: "libc.so.6"}.test(t)
}

// TestAccNoCloudGuest boots the same Debian with a context as clouds without OpenNebula have it. The kernel's command line says so to
// cloud-init, against what the image says. The start script then runs at each boot, and not once for each context.
func TestAccNoCloudGuest(t *testing.T) {
	contextualized{
		image: "debian", example: "guest-cloud-init", ip: "192.168.70.183", memory: 256, size: 1024, libc: "libc.so.6",
		start: "#!/bin/sh\ngrep -qsx \"$SAY on $(hostname)\" /var/started || echo \"$SAY on $(hostname)\" >>/var/started\n",
		change: strings.NewReplacer(
			"  network         = true\n", "  network         = true\n  format          = \"nocloud\"\n",
			"root=LABEL=debian-root", "root=LABEL=debian-root cc: {datasource_list: [NoCloud, None], "+
				"cloud_init_modules: [write-files, resizefs, set_hostname, update_hostname, update_etc_hosts, ssh], "+
				"cloud_final_modules: [scripts-per-boot]} end_cc"),
	}.test(t)
}

// TestAccGuestByHand boots a guest of little more than busybox with musl, whose boot script has a few lines and finds the rest in its context.
func TestAccGuestByHand(t *testing.T) {
	contextualized{image: "busybox", example: "guest-by-hand", ip: "192.168.70.182", memory: 128, size: 256, libc: "linux-musl/libc.so"}.test(t)
}

// TestAccIPv6Router lets the context of one guest make it a router, and sees another one get its address from it.
func TestAccIPv6Router(t *testing.T) {
	d := connect(t)
	d.forgetConsoles("router", "host")
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	resource.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		ProtoV6ProviderFactories: factories,
		ConfigDirectory:          config.StaticDirectory("../../../examples/ipv6-router"),
		ConfigVariables: config.Variables{
			"kernel":       config.StringVariable(guestFile(t, "XEN_LAB_KERNEL")),
			"ramdisk":      config.StringVariable(guestFile(t, "XEN_LAB_RAMDISK")),
			"disk":         config.StringVariable(guestImage(t, "busybox")),
			"outer_bridge": config.StringVariable(bridge()),
			"memory":       config.IntegerVariable(128),
		},
		ConfigPlanChecks: emptyPlan,
		PostApplyFunc: func() {
			d.console("router", `^ROUTER advertises 2001:db8:0:70::/64$`)
			// The address is the prefix and what becomes of the MAC address 02:00:c0:a8:46:b8; the router is known by its own.
			d.console("host", `^ADDRESS 2001:db8:0:70:0:c0ff:fea8:46b8/64$`, `^ROUTE default via fe80::`, `^3 packets transmitted, 3 packets received`)
		},
	}}})
}

// TestAccKernelMountsTheContext runs the test of package contextiso that mounts an ISO in dom0, where there is a kernel that may.
func TestAccKernelMountsTheContext(t *testing.T) {
	d := connect(t)
	program := filepath.Join(t.TempDir(), "contextiso.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags", "-s -w", "-o", program, "../../contextiso")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	content, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	result, err := d.host.Run(t.Context(), host.Script{Step: "mount a context", Stdin: content, Text: `
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"
cat >contextiso.test
chmod +x contextiso.test
./contextiso.test -test.v -test.run '^TestKernelMountsTheContext$'`})
	if said := string(result.Stdout); err != nil || !strings.Contains(said, "--- PASS: TestKernelMountsTheContext") {
		t.Errorf("%v: %s", err, said)
	}
}

// contextualized is a guest with an image of its own, and the example that starts it.
type contextualized struct {
	image, example, ip string
	libc               string            // of the guest's shell
	memory, size       int               // MiB
	start              string            // script, with $SAY for what it says; default once for each context
	change             *strings.Replacer // of the example
}

// directory holds the example, changed if it has to be.
func (c contextualized) directory(t *testing.T) string {
	t.Helper()
	example := filepath.Join("../../../examples", c.example)
	if c.change == nil {
		return example
	}
	changed := t.TempDir()
	files, err := filepath.Glob(example + "/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(changed, filepath.Base(file)), []byte(c.change.Replace(string(text))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return changed
}

// test starts the guest and asks it over SSH what has become of its context; then the context changes, which reboots the guest, and at
// last the guest reboots by itself, without a change.
func (c contextualized) test(t *testing.T) {
	d := connect(t)
	d.forgetConsoles(c.image)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "onexen")
	begin := time.Now()
	reached := func(what string) { t.Logf("%4.0f s  %s", time.Since(begin).Seconds(), what) }
	first, second := newKey(t), newKey(t)
	directory, start := c.directory(t), cmp.Or(c.start, "#!/bin/sh\necho $SAY on $(hostname) >>/var/started\n")
	step := func(number string, key ssh.Signer) resource.TestStep {
		return resource.TestStep{
			ProtoV6ProviderFactories: factories,
			ConfigDirectory:          config.StaticDirectory(directory),
			ConfigVariables: config.Variables{
				"kernel":         config.StringVariable(guestFile(t, "XEN_LAB_KERNEL")),
				"ramdisk":        config.StringVariable(guestFile(t, "XEN_LAB_RAMDISK")),
				"disk":           config.StringVariable(guestImage(t, c.image)),
				"ssh_public_key": config.StringVariable(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))),
				"hostname":       config.StringVariable("acc-" + number),
				"start_script":   config.StringVariable(strings.ReplaceAll(start, "$SAY", number)),
				"ip":             config.StringVariable(c.ip),
				"size":           config.IntegerVariable(c.size),
				"memory":         config.IntegerVariable(c.memory),
				"bridge":         config.StringVariable(bridge()),
			},
			ConfigPlanChecks: emptyPlan,
		}
	}
	says := func(key ssh.Signer, hostname, started string) {
		t.Helper()
		want := fmt.Sprintf("hostname %s\nswap 64 MiB\nroot has grown\n%s\n%s", hostname, c.libc, started)
		d.awaitGuest(c.ip, key, want, `echo "hostname $(hostname)"
awk 'NR > 1 { printf "swap %.0f MiB\n", $3 / 1024 }' /proc/swaps
df -k / | awk -v mib="$1" '$6 == "/" && $2 > mib * 900 { print "root has grown" }'
grep -oE 'libc\.so\.6|linux-musl/libc\.so' /proc/$$/maps | sort -u
cat /var/started`, fmt.Sprint(c.size))
	}

	create := step("one", first)
	create.PostApplyFunc = func() {
		reached("the guest is started")
		says(first, "acc-one", "one on acc-one\n")
		reached("it is what its context says")
	}
	change := step("two", second)
	change.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
		plancheck.ExpectResourceAction("xen_virtual_machine."+c.image, plancheck.ResourceActionUpdate),
		plancheck.ExpectResourceAction("xen_image.root", plancheck.ResourceActionNoop),
	}
	change.PostApplyFunc = func() {
		reached("the context has changed, the guest is started again")
		says(second, "acc-two", "one on acc-one\ntwo on acc-two\n")
		reached("it is what its new context says")

		boot := `cat /proc/sys/kernel/random/boot_id`
		before, err := d.inGuest(c.ip, second, boot)
		if err != nil {
			t.Fatal(err)
		}
		d.sh(`xl reboot "$1"`, c.image)
		for deadline := time.Now().Add(guestPatience); ; time.Sleep(3 * time.Second) {
			now, err := d.inGuest(c.ip, second, boot)
			if err == nil && now != before {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the guest has not rebooted: %v", err)
			}
		}
		says(second, "acc-two", "one on acc-one\ntwo on acc-two\n")
		reached("it is that after a reboot, too, and has run nothing again")
	}
	resource.Test(t, resource.TestCase{Steps: []resource.TestStep{create, change}})
	reached("all is destroyed")
}

// guestImage is the disk of a guest that obeys contexts, which the lab builds when it was never built.
func guestImage(t *testing.T, name string) string {
	t.Helper()
	path, err := (&lab.Lab{Steps: lab.NewSteps(t.Output())}).GuestImage(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// awaitGuest asks a guest until its answer is the one wanted.
func (d dom0) awaitGuest(address string, key ssh.Signer, want, script string, args ...string) {
	d.Helper()
	for deadline := time.Now().Add(guestPatience); ; time.Sleep(3 * time.Second) {
		said, err := d.inGuest(address, key, script, args...)
		if err == nil && said == want {
			return
		}
		if time.Now().After(deadline) {
			d.Fatalf("within %s the guest %s did not say\n%s\nbut %q, %v", guestPatience, address, want, said, err)
		}
	}
}

// inGuest runs a script in a guest, as root with the key, over a connection from dom0, and gives what it printed.
func (d dom0) inGuest(address string, key ssh.Signer, script string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	stream, err := d.host.Dial(ctx, address+":22")
	if err != nil {
		return "", err
	}
	defer stream.Close()
	return lab.Ask(ctx, stream, &ssh.ClientConfig{
		User:              "root",
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback:   ssh.InsecureIgnoreHostKey(), // the guest has made it a moment ago
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}, "sh -s "+strings.Join(args, " "), script)
}
