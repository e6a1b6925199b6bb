package provider_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestTortureRaces lets two Terraforms with states of their own want the same at once: one gets it, the other is told who has it, and
// nothing is left of the loser.
func TestTortureRaces(t *testing.T) {
	t.Parallel()
	hvm := func(name string, also map[string]any) map[string]any {
		config := map[string]any{"name": name, "type": "hvm", "memory": 16, "shutdown_timeout": "0s"}
		for key, value := range also {
			config[key] = value
		}
		return config
	}
	port := map[string]any{"graphics": map[string]any{"port": 5999}}
	mac := map[string]any{"nics": map[string]any{"eth0": map[string]any{"bridge": "br0", "mac": "02:00:c0:00:02:07"}}}
	disk := map[string]any{"disks": map[string]any{"xvda": map[string]any{"image_id": ref("xen_image.data")}}}
	data := map[string]map[string]any{"xen_image.data": {"name": "data", "type": "DATABLOCK", "size": 1, "persistent": true}}
	var c tally
	for name, race := range map[string]struct {
		one, other map[string]any
		told       string
		base       map[string]map[string]any // stands already, and both know it
	}{
		"name":             {hvm("web", nil), hvm("web", nil), `the name "web" is taken by virtual machine xen01/\d+`, nil},
		"VNC port":         {hvm("one", port), hvm("two", port), `the VNC port 5999 is taken by virtual machine xen01/\d+`, nil},
		"MAC":              {hvm("one", mac), hvm("two", mac), `the MAC address 02:00:c0:00:02:07 is taken by virtual machine xen01/\d+`, nil},
		"persistent image": {hvm("one", disk), hvm("two", disk), `image (xen01/\d+|"data") is persistent and in use by virtual machine (xen01/\d+|one|two)`, data},
	} {
		t.Run(name, func(t *testing.T) {
			one := newRig(t)
			other := newRigOn(one.h)
			maps.Copy(one.configs, race.base)
			if err := one.terraform(t, nil); err != nil {
				t.Fatal(err)
			}
			maps.Copy(other.configs, one.configs)
			maps.Copy(other.states, one.states)
			one.configs["xen_virtual_machine.web"], other.configs["xen_virtual_machine.web"] = race.one, race.other
			errs := make([]error, 2)
			var both sync.WaitGroup
			for i, r := range []*rig{one, other} {
				both.Go(func() { errs[i] = r.terraform(t, nil) })
			}
			both.Wait()
			winner, loser, told := one, other, errs[1]
			if errs[0] != nil {
				winner, loser, told = other, one, errs[0]
			}
			survived := (errs[0] == nil) != (errs[1] == nil) && regexp.MustCompile(race.told).MatchString(strings.ReplaceAll(told.Error(), "\n", " "))
			if !survived {
				t.Errorf("one got %v, the other %v", errs[0], errs[1])
			}
			if err := winner.check(t); err != nil || len(loser.states) > len(race.base) {
				t.Errorf("the loser has %v; %v", loser.states, err)
				survived = false
			}
			c.count(survived)
		})
	}
	report(t, &c)
}

// TestTortureSlowHolder lets one Terraform be slow with a virtual machine that another one wants to change: that one is told who has it and
// since when, gives up in time, and has changed nothing. When the first is done it is its turn; when the first is dead, it is told how.
func TestTortureSlowHolder(t *testing.T) {
	t.Parallel()
	var c tally
	for _, dies := range []bool{false, true} {
		slow := newRig(t, simhost.ShutdownDelay(6*time.Second))
		other := newRigOn(slow.h)
		slow.configs["xen_virtual_machine.web"] = map[string]any{"name": "web", "type": "hvm", "memory": 16, "shutdown_timeout": "60s"}
		if err := slow.terraform(t, nil); err != nil {
			t.Fatal(err)
		}
		maps.Copy(other.states, slow.states)
		other.configs["xen_virtual_machine.web"] = map[string]any{"name": "renamed", "type": "hvm", "memory": 16, "shutdown_timeout": "0s"}
		clear(slow.configs)
		begun, ended := make(chan *client, 1), make(chan error, 1)
		go func() { ended <- slow.terraform(t, func(c *client) { begun <- c }) }()
		holder := <-begun
		for !ran(slow.h, "xl", "shutdown") {
			time.Sleep(50 * time.Millisecond)
		}
		other.patience = "1s"
		err := other.terraform(t, nil)
		told := regexp.MustCompile(`virtual machine 1 is locked by .+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)
		survived := err != nil && told.MatchString(strings.Join(strings.Fields(err.Error()), " "))
		if !survived {
			t.Errorf("the other one got %v", err)
		}
		if dies {
			holder.die()
		}
		if err := <-ended; (err != nil) != dies {
			t.Errorf("the slow one got %v", err)
			survived = false
		}
		slow.h.Set(simhost.ShutdownDelay(0))
		other.patience = ""
		if dies {
			if err := other.terraform(t, nil); err == nil || !strings.Contains(err.Error(), "terraform apply -replace") {
				t.Errorf("of what the dead one left, the other one is told %v", err)
				survived = false
			}
			other.tainted["xen_virtual_machine.web"] = true // what -replace does
		}
		if err := errors.Join(other.terraform(t, nil), other.nothingToDo(t), other.check(t)); err != nil {
			t.Errorf("when the slow one is done (dead: %t): %v", dies, err)
			survived = false
		}
		c.count(survived)
	}
	report(t, &c)
}

// ran tells whether a tool ran on the host with these first arguments.
func ran(h *simhost.Host, argv ...string) bool {
	return slices.ContainsFunc(h.Log(), func(r simhost.Ran) bool { return len(r.Argv) >= len(argv) && slices.Equal(r.Argv[:len(argv)], argv) })
}

// TestTortureUpload kills the client or cuts the connection at random bytes of an upload. The next apply goes on, and what is stored is what
// was sent.
func TestTortureUpload(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	random := rand.New(rand.NewPCG(*tortureSeed, 0))
	points := few(2, 30)
	var c tally
	r := newRig(t)
	for range points {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		at := 1 + random.Int64N(size+30_000) // what comes before the content, too
		kill := c.tried%2 == 0
		r.configs["xen_image.system"] = map[string]any{"name": "system", "type": "OS", "path": file(t, "disk.img", string(content)), "format": "raw"}
		first := r.terraform(t, func(c *client) {
			if kill {
				c.fuse.Store(at)
			} else {
				r.h.DropAfter(at)
			}
		})
		r.h.DropAfter(-1)
		err := r.again(t)
		if err == nil {
			err = errors.Join(r.nothingToDo(t), r.check(t))
		}
		if err == nil {
			if stored, readErr := os.ReadFile(r.diskOf(t, "xen_image.system")); readErr != nil || !bytes.Equal(stored, content) {
				err = fmt.Errorf("what is stored is not what was sent: %w", readErr)
			}
		}
		c.count(err == nil)
		if err != nil {
			t.Errorf("at byte %d, kill %t, after %v: %v", at, kill, first, err)
		}
		clear(r.configs)
		if err := errors.Join(r.terraform(t, nil), r.check(t)); err != nil {
			t.Fatal(err)
		}
	}
	report(t, &c)
}

// TestTortureSoak makes one virtual machine and destroys it again and again with one client: nothing may add up.
// It runs alone, because it counts what the whole process holds.
func TestTortureSoak(t *testing.T) {
	cycles := few(12, 1000)
	var c tally
	r := newRig(t)
	worker := r.connect(t)
	var goroutines, files int
	for cycle := range cycles {
		for _, configs := range []map[string]map[string]any{{"xen_virtual_machine.web": {"type": "hvm", "memory": 16, "shutdown_timeout": "0s"}}, {}} {
			r.configs = configs
			actions, err := r.decide(t)
			if err == nil {
				err = r.carryOut(t, worker, actions, 1)
			}
			if err != nil {
				t.Fatalf("cycle %d: %v", cycle, err)
			}
		}
		if cycle == 10 {
			goroutines, files = inUse(t)
		}
		c.count(cycle < 10 || soon(func() bool {
			now, open := inUse(t)
			return now <= goroutines+20 && open <= files+10
		}))
	}
	if err := r.check(t); err != nil || c.lost > 0 {
		now, open := inUse(t)
		t.Errorf("after %d cycles there are %d goroutines and %d open files, %d and %d after the tenth; %v", cycles, now, open, goroutines, files, err)
	}
	report(t, &c)
}

// inUse counts the goroutines and the open files of this process, the simulated host's among them.
func inUse(t *testing.T) (goroutines, files int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NumGoroutine(), len(open)
}

// soon waits some seconds for what may still be ending.
func soon(holds func() bool) bool {
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// TestTortureCrowd makes virtual machines with as many hands as Terraform has with -parallelism=20 while others are destroyed, and demands
// that what the provider holds meanwhile does not grow with their number, and is given back. It runs alone like the soak.
func TestTortureCrowd(t *testing.T) {
	count := few(5, 500)
	r := newRig(t, simhost.Memory(1<<20, 1536))
	crowd := func(prefix string) map[string]map[string]any {
		configs := map[string]map[string]any{}
		for i := range count {
			configs[fmt.Sprintf("xen_virtual_machine.%s%d", prefix, i)] = map[string]any{"name": fmt.Sprintf("%s-%d", prefix, i), "type": "hvm", "memory": 16, "shutdown_timeout": "0s"}
		}
		return configs
	}
	c := tally{tried: 2 * count}
	before := held()
	for _, prefix := range []string{"old", "new"} {
		r.configs = crowd(prefix)
		most := watch(t, r.h)
		if err := r.terraformWith(t, 20, nil); err != nil {
			c.lost++
			t.Errorf("making %s: %v", prefix, err)
		}
		if sessions, goroutines := most(); sessions > 9 || goroutines > before.goroutines+400 {
			c.lost++
			t.Errorf("at most %d sessions and %d goroutines at once", sessions, goroutines-before.goroutines)
		}
		if err := r.check(t); err != nil {
			c.lost++
			t.Error(err)
		}
	}
	clear(r.configs)
	if err := r.terraformWith(t, 20, nil); err != nil {
		t.Error(err)
	}
	if err := r.check(t); err != nil {
		c.lost++
		t.Error(err)
	}
	after := held()
	if after.goroutines > before.goroutines+20 || after.memory > before.memory+20<<20 {
		c.lost++
		t.Errorf("%d goroutines and %d MiB are still held", after.goroutines-before.goroutines, (after.memory-before.memory)>>20)
	}
	t.Logf("%d virtual machines: %d goroutines and %d KiB more than before", 2*count, after.goroutines-before.goroutines, (after.memory-before.memory)>>10)
	report(t, &c)
}

// holding is what the process holds.
type holding struct {
	goroutines int
	memory     int64 // bytes that are in use
}

// held waits until what has ended is gone.
func held() holding {
	time.Sleep(time.Second)
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return holding{runtime.NumGoroutine(), int64(memory.HeapAlloc)} //nolint:gosec // no heap has 2^63 bytes
}

// watch looks at what a run holds, until it is asked for the most.
func watch(t *testing.T, h *simhost.Host) (most func() (sessions, goroutines int)) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	var sessions, goroutines int
	go func() {
		defer close(done)
		for {
			sessions, goroutines = max(sessions, h.Sessions()), max(goroutines, runtime.NumGoroutine())
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() (int, int) {
		close(stop)
		<-done
		return sessions, goroutines
	}
}
