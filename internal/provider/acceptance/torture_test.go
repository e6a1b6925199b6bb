package acceptance_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/lab"
	"github.com/onexen/terraform-provider-xen/internal/provider/terraformtest"
)

var torture = flag.Int("torture", 0, "how often the virtual machine of TestTortureXen comes, changes and goes, each time in trouble")

const tortureConfig = `
provider "xen" {
  ssh = { keep_alive = "3s", connect_timeout = "30s" }
}

variable "stage" { type = string }

resource "xen_image" "data" {
  name       = "torture-data"
  type       = "DATABLOCK"
  persistent = true
  size       = 4
  fstype     = "ext4"
}

resource "xen_virtual_machine" "web" {
  count            = var.stage == "gone" ? 0 : 1
  name             = "torture-web"
  type             = "pv"
  memory           = 128
  os               = local.boot
  shutdown_timeout = "3s"
  disks = merge({
    xvda = { image_id = xen_image.root.id }
    xvdb = { image_id = xen_image.data.id }
  }, var.stage == "changed" ? { xvdc = { volatile = "swap", size = 4 } } : {})
  nics    = { eth0 = { bridge = local.bridge, ip = "192.168.70.180" } }
  context = { SET_HOSTNAME = "torture-web", STAGE = var.stage }
  labels  = { stage = var.stage }
}
`

// rig is a Terraform whose provider can be killed, and whose wire to the host can be cut.
type rig struct {
	dom0
	workspace terraformtest.Workspace
	running   *os.Process // Terraform, while meanwhile is called
	wire      *wire
	lab       *lab.Lab
	marked    string // digest of the persistent disk
	imported  int
}

func newRig(d dom0) *rig {
	return &rig{
		dom0:      d,
		workspace: terraformtest.New(d.T, tortureConfig+guest(d.T)),
		wire:      newWire(d.T, os.Getenv("XEN_HOST")+":"+cmp.Or(os.Getenv("XEN_PORT"), "22")),
		lab:       &lab.Lab{Folder: filepath.Dir(filepath.Dir(guestFile(d.T, "XEN_LAB_KERNEL"))), Steps: lab.NewSteps(os.Stderr)},
	}
}

// terraform runs a command, and meanwhile what is given. It returns what was printed.
func (r *rig) terraform(meanwhile func(ended <-chan struct{}), args ...string) (string, error) {
	r.Helper()
	command := r.workspace.Command(args...)
	command.Env = append(command.Env, "XEN_HOST=127.0.0.1", "XEN_PORT="+strconv.Itoa(r.wire.port()), "XEN_CONFIG_FILES="+os.DevNull)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		return "", err
	}
	r.running = command.Process
	ended, waited := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(waited)
		if meanwhile != nil {
			meanwhile(ended)
		}
	}()
	err := command.Wait()
	close(ended)
	<-waited
	return output.String(), err
}

func (r *rig) apply(stage string, meanwhile func(ended <-chan struct{})) (string, error) {
	r.Helper()
	return r.terraform(meanwhile, "apply", "-auto-approve", "-input=false", "-var", "stage="+stage)
}

// trouble is what befalls an apply.
type trouble struct {
	name string
	come func(r *rig) (met bool, err error)
}

var troubles = []trouble{
	{"provider killed", (*rig).kill},
	{"interrupted", (*rig).interrupt},
	{"connection cut", func(r *rig) (bool, error) { r.wire.cut(); return true, nil }},
	{"power cut", func(r *rig) (bool, error) { return true, r.lab.PowerCycle(context.WithoutCancel(r.Context())) }},
}

// kill kills the provider that was started last, if it still runs: Terraform has one for the plan and another one for the apply.
func (r *rig) kill() (met bool, err error) {
	text, err := os.ReadFile(r.workspace.PIDFile)
	if err != nil {
		return false, err
	}
	pid := strings.TrimSpace(string(text))
	self, err := os.Executable()
	if program, gone := os.Readlink("/proc/" + pid + "/exe"); err != nil || gone != nil || program != self {
		return false, err
	}
	number, err := strconv.Atoi(pid)
	if err != nil {
		return false, err
	}
	return true, syscall.Kill(number, syscall.SIGKILL)
}

// interrupt is Ctrl-C.
func (r *rig) interrupt() (met bool, err error) {
	if err = r.running.Signal(os.Interrupt); errors.Is(err, os.ErrProcessDone) {
		return false, nil
	}
	return err == nil, err
}

// taken is how the provider says that a virtual machine stands that Terraform does not know of, because its provider died before the answer.
var taken = regexp.MustCompile(`is taken by virtual machine (\S+/\d+):`)

// mend applies without trouble what was applied in trouble, and imports what it is told to import.
func (r *rig) mend(stage string) error {
	r.Helper()
	for {
		output, err := r.apply(stage, nil)
		if err == nil {
			return nil
		}
		told := taken.FindStringSubmatch(strings.Join(strings.Fields(strings.ReplaceAll(output, "│", " ")), " "))
		if told == nil {
			return fmt.Errorf("the next apply fails: %w\n%s", err, output)
		}
		if output, err := r.terraform(nil, "import", "-input=false", "-var", "stage="+stage, "xen_virtual_machine.web[0]", told[1]); err != nil {
			return fmt.Errorf("the import fails: %w\n%s", err, output)
		}
		r.imported++
	}
}

var anyNumber = regexp.MustCompile(`\d+`)

// stands is what is on the host, whatever numbers it has, and however often it was started: each start leaves its deployment file.
func (r *rig) stands() string {
	r.Helper()
	lines := strings.Split(anyNumber.ReplaceAllString(r.things(), "N"), "\n")
	slices.Sort(lines)
	lines = slices.CompactFunc(lines, func(a, b string) bool { return a == b && strings.Contains(a, "/deployment.") })
	return strings.Join(lines, "\n")
}

// within tells whether there is nothing more than is wanted, and of everything something: a guest that was not started anew has its former
// context still.
func within(got, want string) bool {
	left := map[string]int{}
	for _, line := range strings.Split(want, "\n") {
		left[line]++
	}
	there := map[string]bool{}
	for _, line := range strings.Split(got, "\n") {
		left[line]--
		there[line] = true
	}
	for line, number := range left {
		if number < 0 || !there[line] {
			return false
		}
	}
	return true
}

// digest is that of the persistent disk.
func (r *rig) digest() string {
	r.Helper()
	return r.sh(`cd -- "$1"/images && sha256sum <"$(dirname "$(grep -l '"torture-data"' */image.json)")"/disk.raw`, os.Getenv("XEN_DATASTORE"))
}

// check demands that nothing is left to do, that the host has what it should have and no more, and that the persistent disk is what it was.
func (r *rig) check(stage, want string) error {
	r.Helper()
	if output, err := r.terraform(nil, "plan", "-detailed-exitcode", "-input=false", "-var", "stage="+stage); err != nil {
		return fmt.Errorf("the last plan is not empty: %w\n%s", err, output)
	}
	if got := r.digest(); got != r.marked {
		return fmt.Errorf("the persistent disk changed from %s to %s", r.marked, got)
	}
	got := r.stands()
	for until := time.Now().Add(30 * time.Second); !within(got, want) && time.Now().Before(until); got = r.stands() {
		time.Sleep(time.Second)
	}
	if !within(got, want) {
		return fmt.Errorf("on the host should be\n%s\nand there is\n%s", want, got)
	}
	return nil
}

// TestTortureXen lets trouble come at moments that are spread over the creation, the change and the destruction of a virtual machine on a
// real host, whose power is cut through QEMU. The next apply has to mend all.
func TestTortureXen(t *testing.T) {
	if *torture == 0 {
		t.Skip("an hour of a lab of its own: make torture-xen")
	}
	r := newRig(connect(t))
	stages := []string{"running", "changed", "gone"}
	want, takes := map[string]string{}, map[string]time.Duration{}
	if output, err := r.apply("gone", nil); err != nil {
		t.Fatal(output)
	}
	r.sh(`cd -- "$1"/images && printf 'a guest wrote this' | dd of="$(dirname "$(grep -l '"torture-data"' */image.json)")"/disk.raw bs=1 seek=2000000 conv=notrunc,fsync 2>/dev/null`, os.Getenv("XEN_DATASTORE"))
	r.marked = r.digest()
	for _, stage := range stages {
		begun := time.Now()
		if output, err := r.apply(stage, nil); err != nil {
			t.Fatal(output)
		}
		takes[stage], want[stage] = time.Since(begun), r.stands()
		t.Logf("until it is %s: %s", stage, takes[stage].Round(100*time.Millisecond))
	}
	t.Cleanup(func() {
		if output, err := r.terraform(nil, "destroy", "-auto-approve", "-input=false", "-var", "stage=gone"); err != nil {
			t.Error(output)
		}
	})
	tried, lost := map[string]int{}, map[string]int{}
	for round := range *torture {
		trouble := troubles[round%len(troubles)]
		for i, stage := range stages {
			// Terraform has started after half a second; from then on each round tears at other moments, all before an apply that is quicker ends.
			moment := 500*time.Millisecond + time.Duration(float64(takes[stage])*(float64(round)+float64(i)/3+0.5)/float64(*torture)*0.7)
			met := false
			first, err := r.apply(stage, func(ended <-chan struct{}) {
				select {
				case <-ended:
				case <-time.After(moment):
					var err error
					if met, err = trouble.come(r); err != nil {
						t.Errorf("%s: %v", trouble.name, err)
					}
				}
			})
			if met {
				tried[trouble.name]++
			}
			t.Logf("round %d, until it is %s, %s after %s: met %t, %v", round, stage, trouble.name, moment.Round(100*time.Millisecond), met, err)
			if err := errors.Join(r.mend(stage), r.check(stage, want[stage])); err != nil {
				lost[trouble.name]++
				t.Fatalf("until it is %s, %s after %s: %v\nthe apply in trouble had said:\n%s", stage, trouble.name, moment, err, first)
			}
		}
	}
	for _, trouble := range troubles {
		fmt.Printf("%-20s %3d tried %3d survived %3d lost\n", trouble.name, tried[trouble.name], tried[trouble.name]-lost[trouble.name], lost[trouble.name])
	}
	fmt.Printf("%d virtual machines had to be imported\n", r.imported)
}
