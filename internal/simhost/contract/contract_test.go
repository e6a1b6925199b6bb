package contract_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
	"github.com/onexen/terraform-provider-xen/internal/simhost/contract"
)

func TestTheSimulatedHostKeepsTheContract(t *testing.T) {
	h := simhost.Start(t, simhost.GuestIgnoresShutdown(), simhost.NoPVDrivers())
	for _, entry := range h.Env() {
		key, value, _ := strings.Cut(entry, "=")
		t.Setenv(key, value)
	}
	file := filepath.Join(t.TempDir(), "placeholder")
	if err := os.WriteFile(file, []byte("placeholder"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XEN_LAB_KERNEL", file)
	t.Setenv("XEN_LAB_RAMDISK", file)
	keep(t)
}

// The variables of the lab point this test at a real Xen host; without them there is none to ask. An emulated host needs
// ten minutes and more: give go test a -timeout of 40m.
func TestRealXenKeepsTheContract(t *testing.T) {
	if os.Getenv("XEN_HOST") == "" || os.Getenv("XEN_LAB_KERNEL") == "" {
		t.Skip("XEN_HOST and XEN_LAB_KERNEL name no real Xen host")
	}
	keep(t)
}

// keep runs the scenario on the host that the environment names, in a folder of its own there.
func keep(t *testing.T) {
	t.Helper()
	run := connect(t)
	out, err := run(t.Context(), "mktemp -d /var/tmp/contract.XXXXXX", "")
	dir := strings.TrimSpace(out.Stdout)
	if err != nil || out.Status != 0 || dir == "" {
		t.Fatalf("Unable to make a folder on the host: %v %s", err, out.Stderr)
	}
	t.Cleanup(func() { clean(t, run, dir) })
	for name, variable := range map[string]string{"kernel": "XEN_LAB_KERNEL", "ramdisk": "XEN_LAB_RAMDISK"} {
		content, err := os.ReadFile(os.Getenv(variable))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := run(t.Context(), "cat >"+dir+"/"+name, string(content)); err != nil || out.Status != 0 {
			t.Fatalf("Unable to send %s: %v %s", name, err, out.Stderr)
		}
	}
	started := time.Now()
	err = contract.Run(t.Context(), run, dir, contract.Steps(), func(step, what string) { t.Errorf("%s: %s", step, what) })
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d steps in %v", len(contract.Steps()), time.Since(started).Round(time.Second))
}

// clean ends what a broken run left, whatever the test's context says by then.
func clean(t *testing.T, run contract.Runner, dir string) {
	t.Helper()
	const script = `for d in $(xl list | awk '$1 ~ /^contract-/ { print $2 }'); do xl destroy "$d"; done; rm -rf `
	if out, err := run(context.Background(), script+dir, ""); err != nil || out.Status != 0 {
		t.Errorf("Unable to clean up: %v %s", err, out.Stderr)
	}
}

// connect logs in to the host that the environment names.
func connect(t *testing.T) contract.Runner {
	t.Helper()
	key, err := os.ReadFile(os.Getenv("XEN_PRIVATE_KEY_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(os.Getenv("XEN_HOST_KEY")))
	if err != nil {
		t.Fatal(err)
	}
	port := os.Getenv("XEN_PORT")
	if _, err := strconv.Atoi(port); err != nil {
		port = "22"
	}
	client, err := ssh.Dial("tcp", net.JoinHostPort(os.Getenv("XEN_HOST"), port), &ssh.ClientConfig{
		User: os.Getenv("XEN_USER"), Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(hostKey),
		HostKeyAlgorithms: []string{hostKey.Type()}, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return func(_ context.Context, command, stdin string) (contract.Output, error) {
		s, err := client.NewSession()
		if err != nil {
			return contract.Output{}, err
		}
		defer func() { _ = s.Close() }()
		var stdout, stderr bytes.Buffer
		s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &stdout, &stderr
		err = s.Run("export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin\n" + command)
		out := contract.Output{Stdout: stdout.String(), Stderr: stderr.String()}
		var exit *ssh.ExitError
		if errors.As(err, &exit) {
			out.Status, err = exit.ExitStatus(), nil
		}
		t.Logf("$ %s\n%d\n%s%s", command, out.Status, out.Stdout, out.Stderr)
		return out, err
	}
}
