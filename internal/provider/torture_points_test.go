package provider_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// operation is a change of a stack that is tortured in both directions: what makes a virtual machine unmakes it on the way back.
type operation struct {
	name  string
	base  func(t *testing.T) map[string]map[string]any // stands before and afterwards, and is not tortured
	to    map[string]map[string]any                    // what it becomes: added to the base, or instead of what stands there
	grows bool                                         // there is no way back
}

// operations are the ways in which resources come, change and go.
var operations = []operation{
	{name: "virtual machine", base: images, to: map[string]map[string]any{"xen_virtual_machine.web": machine(nil)}},
	{name: "virtual machine without a name", base: images, to: map[string]map[string]any{"xen_virtual_machine.web": machine(map[string]any{"name": nil, "nics": nil, "context": nil})}},
	{name: "change", base: running, to: map[string]map[string]any{"xen_virtual_machine.web": machine(map[string]any{
		"name": "web-2", "memory": 96, "context": map[string]any{"ROLE": "db"}, "labels": map[string]any{"stage": "test"},
		"nics": map[string]any{"eth1": map[string]any{"bridge": "br0", "ip": "192.0.2.8"}},
		"disks": map[string]any{
			"xvda": map[string]any{"image_id": ref("xen_image.system")}, "xvdb": map[string]any{"image_id": ref("xen_image.data")},
			"xvde": map[string]any{"volatile": "swap", "size": 2},
		},
	})}},
	{name: "power off", base: running, to: map[string]map[string]any{"xen_virtual_machine.web": machine(map[string]any{"power_state": "poweroff"})}},
	{name: "suspend", base: running, to: map[string]map[string]any{"xen_virtual_machine.web": machine(map[string]any{"power_state": "suspended"})}},
	{name: "restart", base: running, to: map[string]map[string]any{"xen_virtual_machine.web": machine(map[string]any{"vcpu": 2, "restart_policy": "on_change"})}},
	{name: "image", base: images, to: map[string]map[string]any{
		"xen_image.copy":  {"name": "copy", "type": "OS", "source_image_id": ref("xen_image.system")},
		"xen_image.empty": {"name": "empty", "type": "DATABLOCK", "size": 2, "fstype": "swap"},
	}},
	{name: "change of an image", base: images, to: map[string]map[string]any{"xen_image.data": {"name": "data-2", "type": "DATABLOCK", "size": 2, "persistent": true, "labels": map[string]any{"a": "b"}}}, grows: true},
	{name: "context and template", base: images, to: map[string]map[string]any{
		"xen_context.web":  {"name": "web", "variables": map[string]any{"A": "b"}, "files": map[string]any{"init.sh": map[string]any{"content": "#!/bin/sh\n"}}},
		"xen_template.web": {"name": "web", "memory": 64, "disks": map[string]any{"xvda": map[string]any{"image_id": ref("xen_image.system")}}},
	}},
}

// running is a virtual machine beside its images.
func running(t *testing.T) map[string]map[string]any {
	t.Helper()
	base := images(t)
	base["xen_virtual_machine.web"] = machine(nil)
	return base
}

// images are what virtual machines are made of: a kernel, a system, and a persistent disk.
func images(t *testing.T) map[string]map[string]any {
	t.Helper()
	return map[string]map[string]any{
		"xen_image.kernel": {"name": "kernel", "type": "KERNEL", "path": file(t, "vmlinuz", "a kernel")},
		"xen_image.system": {"name": "system", "type": "OS", "path": disk(t, "a system")},
		"xen_image.data":   {"name": "data", "type": "DATABLOCK", "size": 1, "persistent": true},
	}
}

// machine is a virtual machine with a disk of each sort, and with what else is said of it.
func machine(also map[string]any) map[string]any {
	config := map[string]any{
		"name": "web", "type": "pv", "memory": 64, "memory_max": 128, "shutdown_timeout": "10s",
		"os": map[string]any{"kernel_id": ref("xen_image.kernel")},
		"disks": map[string]any{
			"xvda": map[string]any{"image_id": ref("xen_image.system")}, "xvdb": map[string]any{"image_id": ref("xen_image.data")},
			"xvdc": map[string]any{"volatile": "swap", "size": 1},
		},
		"nics":    map[string]any{"eth0": map[string]any{"bridge": "br0", "ip": "192.0.2.7"}},
		"context": map[string]any{"ROLE": "web"},
	}
	maps.Copy(config, also)
	return config
}

// trouble is what befalls a run of Terraform from one of its steps on.
type trouble struct {
	name    string
	prepare func(h *simhost.Host) error // may be nil
	arrange func(h *simhost.Host, c *client, n int)
	clear   func(h *simhost.Host)
	steps   func(h *simhost.Host) int // how many there were
	told    string                    // what the error must say if there is one; may be nothing
}

// at is trouble at a moment of one remote step.
func at(m simhost.Moment, what string, do func(h *simhost.Host, c *client)) trouble {
	return trouble{
		name:    fmt.Sprintf("%s when step is %s", what, m),
		arrange: func(h *simhost.Host, c *client, n int) { h.AtStep(n, m, func() { do(h, c) }) },
		clear:   func(h *simhost.Host) { h.AtStep(0, 0, nil) },
		steps:   (*simhost.Host).Commands,
	}
}

// fails is trouble with the tools of the host.
func fails(name string, times int) trouble {
	return trouble{
		name:    name,
		prepare: func(h *simhost.Host) error { return h.Count("mv", "rm", "mkdir", "cp", "truncate", "mkswap", "setsid") },
		arrange: func(h *simhost.Host, _ *client, n int) { h.FailRun(n, times) },
		clear:   (*simhost.Host).ClearFaults,
		steps:   func(h *simhost.Host) int { return len(h.Log()) },
		told:    "this run fails",
	}
}

// toolHangs is how long a tool may hang: longer than the provider waits for one that it has ended.
const toolHangs = 6 * time.Second

// hangs is trouble that comes while a tool of the host hangs.
func hangs(name string, d time.Duration, do func(c *client), told string) trouble {
	t := fails(name+" while tool hangs", 0)
	t.told = told
	t.arrange = func(h *simhost.Host, c *client, n int) {
		h.HangRun(n, d)
		go func() {
			for last := t.steps(h) + n; t.steps(h) < last; time.Sleep(50 * time.Millisecond) {
				select {
				case <-c.dead:
					return
				default:
				}
			}
			do(c)
		}()
	}
	return t
}

// troubles are all that can come.
func troubles() []trouble {
	list := []trouble{
		{
			name:    "no space left from step on",
			arrange: func(h *simhost.Host, _ *client, n int) { h.Full(n) },
			clear:   func(h *simhost.Host) { h.Full(0) },
			steps:   (*simhost.Host).Commands,
			told:    "File too large|write error|I/O error",
		},
		fails("tool fails once", 1),
		fails("tools fail from then on", -1),
		hangs("client killed", 2*time.Second, (*client).die, ""), // the tool goes on with its work when nobody waits for it any more
		hangs("interrupted", toolHangs, (*client).interrupt, "Terraform was interrupted"),
	}
	for name, age := range map[string]time.Duration{"clock set a month forth": 30 * 24 * time.Hour, "clock set a month back": -30 * 24 * time.Hour} {
		list = append(list, at(simhost.Ended, name, func(h *simhost.Host, _ *client) { h.Age(age) }))
	}
	for _, m := range []simhost.Moment{simhost.Asked, simhost.Torn, simhost.Begun, simhost.Ended} {
		list = append(list,
			at(m, "client killed", func(_ *simhost.Host, c *client) { c.die() }),
			at(m, "connection cut", func(h *simhost.Host, _ *client) { h.Drop() }),
			at(m, "host rebooted", func(h *simhost.Host, _ *client) { h.PowerCycle() }))
	}
	return list
}

// tally counts what the points of a group came to.
type tally struct {
	mu          sync.Mutex
	tried, lost int
	imported    int // survivors that had to be imported
}

func (c *tally) count(survived bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	if !survived {
		c.lost++
	}
}

// sample are the troubles that come to the first operation in every run of the tests.
var sample = []string{"client killed when step is torn", "client killed when step is ended"}

// TestTortureSteps lets each trouble come at each remote step of each operation, and demands that the next run of Terraform mends all.
// Without -torture it takes a few points, other ones with another -torture-seed.
func TestTortureSteps(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*tortureSeed, 0))
	all := troubles()
	groups := random.Perm(len(all) * len(operations))
	if !*tortureAll {
		t.Logf("-torture-seed %d", *tortureSeed)
		groups = slices.DeleteFunc(groups, func(group int) bool { return !slices.Contains(sample, all[group%len(all)].name) || group >= len(all) })
	}
	for _, group := range groups {
		trouble, o, step := all[group%len(all)], operations[group/len(all)], 1+random.IntN(6)
		t.Run(o.name+"/"+trouble.name, func(t *testing.T) {
			t.Parallel()
			var c tally
			if *tortureAll {
				o.torture(t, trouble, &c, 1+step%*tortureEach, math.MaxInt)
			} else {
				o.torture(t, trouble, &c, step, step)
			}
			report(t, &c)
		})
	}
}

// report prints the line of a group.
func report(t *testing.T, c *tally) {
	t.Helper()
	if *tortureAll {
		fmt.Printf("%-75s %4d tried %4d survived (%d by an import) %4d lost\n", strings.TrimPrefix(t.Name(), "TestTorture"), c.tried, c.tried-c.lost, c.imported, c.lost)
	}
}

// torture leads the operation there and back with the trouble at the first of the steps, then at further ones, until there is no such step.
func (o operation) torture(t *testing.T, trouble trouble, c *tally, first, last int) {
	t.Helper()
	r := o.begin(t, trouble)
	for step, reached := first, true; reached && step <= last; step += *tortureEach {
		reached = false
		for _, there := range []bool{true, false} {
			if !there && o.grows {
				r = o.begin(t, trouble)
				continue
			}
			if r.configs = maps.Clone(r.base); there {
				maps.Copy(r.configs, o.to)
			}
			met, err := r.suffer(t, trouble, step)
			c.imported += r.imported
			r.imported = 0
			reached = reached || met
			if met || err != nil {
				c.count(err == nil)
			}
			if err != nil {
				t.Errorf("%s, step %d, forth %t: %v", trouble.name, step, there, err)
				r = o.begin(t, trouble)
			}
		}
	}
}

// begin makes the base on a new host.
func (o operation) begin(t *testing.T, trouble trouble) *rig {
	t.Helper()
	r := newRig(t, simhost.CreateTakes(100*time.Millisecond))
	r.base = o.base(t)
	r.configs = r.base
	if err := r.terraform(t, nil); err != nil {
		t.Fatal(err)
	}
	r.write(t, "xen_image.data")
	if trouble.prepare != nil {
		if err := trouble.prepare(r.h); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// suffer applies the configurations in trouble, and once more without. Then all is as if there had been none.
func (r *rig) suffer(t *testing.T, trouble trouble, step int) (met bool, err error) {
	t.Helper()
	before := 0
	first := r.terraform(t, func(c *client) {
		before = trouble.steps(r.h)
		trouble.arrange(r.h, c, step)
	})
	met = trouble.steps(r.h)-before >= step
	trouble.clear(r.h)
	switch {
	case !met && first != nil:
		return met, fmt.Errorf("without trouble: %w", first)
	case first != nil && !errors.Is(first, errKilled) && !regexp.MustCompile(trouble.told).MatchString(first.Error()):
		return met, fmt.Errorf("the error does not tell the cause: %w", first)
	case met:
		if err := r.again(t); err != nil {
			return met, fmt.Errorf("after %w, the next apply fails: %w", first, err)
		}
	}
	if err := r.nothingToDo(t); err != nil {
		return met, fmt.Errorf("after %w: %w", first, err)
	}
	return met, r.check(t)
}

// taken is how the provider says that a record stands that Terraform does not know of, because its client died between the last step of
// the creation and the answer.
var taken = regexp.MustCompile(`(\w+\.\w+): .*\b(xen01/\d+)\b.*import that one`)

// again applies once more, and imports what it is told to import.
func (r *rig) again(t *testing.T) error {
	t.Helper()
	err := r.terraform(t, nil)
	for err != nil {
		told := taken.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
		if told == nil {
			return err
		}
		c := r.connect(t)
		resp, importErr := c.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: kindOf(told[1]), ID: told[2]})
		c.die()
		if importErr != nil || len(resp.ImportedResources) != 1 {
			return fmt.Errorf("%w: the import fails: %w", err, importErr)
		}
		r.imported++
		r.states[told[1]] = existing{state: resp.ImportedResources[0].State, private: resp.ImportedResources[0].Private}
		err = r.terraform(t, nil)
	}
	return nil
}

func (r *rig) nothingToDo(t *testing.T) error {
	t.Helper()
	c := r.connect(t)
	defer c.die()
	left, err := r.decide(t)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the last plan is not empty: %v", left)
	}
	return err
}

// What a removal leaves that was cut off goes when somebody finds the record gone: nothing else may ever be changed on the host.
func TestRemovalThatWasCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.configs = map[string]map[string]any{"xen_image.data": {"name": "data", "type": "DATABLOCK", "size": 1}}
	if err := r.terraform(t, nil); err != nil {
		t.Fatal(err)
	}
	number := r.number(t, "xen_image.data")
	gone := filepath.Join(r.h.Datastore(), "tmp", "deleted.images."+number+".1")
	if err := os.Rename(filepath.Join(r.h.Datastore(), "images", number), gone); err != nil {
		t.Fatal(err)
	}
	clear(r.configs)
	if err := r.nothingToDo(t); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", gone, err)
	}
}
