package simhost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// Domain is one guest domain of the simulated Xen.
type Domain struct {
	xl.Config        // as it was created; Name follows xl rename
	ID        int    // domid
	File      string // the deployment file that xl create was given
	Restored  string // the checkpoint that xl restore was given
	Monitor   int    // the first domid, by which its xl process is known; 0: it has none
	Paused    bool   // created with -p, paused since, or half-created
	Stopped   string // "poweroff", "reboot" or "crash" when on_... = "preserve" keeps it after its end
	Started   time.Time
	Ran       bool       // it was unpaused once, so that its drivers answer
	Ends      time.Time  // when the guest obeys; zero: not at all
	Vanishes  time.Time  // the guest reboots: the domain stands there shut down until then, and is absent afterwards
	Reappears time.Time  // until then it is absent; then it comes back with a new domid
	Boots     time.Time  // until then its xl process builds it, and it waits there paused without memory
	Updated   *xl.Config `json:",omitempty"` // what xl config-update gave it for its next boot
}

// The ways in which a guest ends, and the setting that says what follows, xl.cfg(5) "Event Actions".
const (
	poweroff = "poweroff"
	reboot   = "reboot"
	crash    = "crash"
)

func (d Domain) absent() bool { return !d.Reappears.IsZero() }

// action is what on_poweroff, on_reboot or on_crash says.
func (d Domain) action(reason string) string {
	set, otherwise := d.OnPoweroff, "destroy"
	switch reason {
	case reboot:
		set, otherwise = d.OnReboot, "restart"
	case crash:
		set = d.OnCrash
	}
	if set == "" {
		return otherwise
	}
	return set
}

// world is the state of the host while the lock is held.
type world struct {
	*store
	settings
	machine
	list []Domain // without the absent ones
}

// change opens the state, lets what is due happen, and runs f on it.
func (s *store) change(f func(w *world) error) error {
	return s.locked(func() error {
		w := &world{store: s}
		var err error
		if w.settings, err = s.settings(); err != nil {
			return err
		}
		if w.machine, err = s.machine(); err != nil {
			return err
		}
		if err = w.settle(time.Now()); err != nil {
			return err
		}
		return f(w)
	})
}

// settle lets happen what was due by now: guests that obey a shutdown, guests that go through the phases of a reboot.
func (w *world) settle(now time.Time) error {
	for {
		all, err := w.domains()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(d Domain) bool { return d.due(now) != nil })
		if at < 0 {
			return w.reload()
		}
		if err := all[at].due(now)(w, all[at]); err != nil {
			return err
		}
	}
}

// due is what happens next to the domain, when its time has come.
func (d Domain) due(now time.Time) func(*world, Domain) error {
	came := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case came(d.Ends):
		return func(w *world, d Domain) error { return w.end(d, poweroff) }
	case came(d.Vanishes):
		return (*world).vanish
	case came(d.Reappears):
		return (*world).restart
	case came(d.Boots):
		return func(w *world, d Domain) error {
			d.Boots, d.Paused, d.Ran = time.Time{}, false, true
			return w.put(d)
		}
	}
	return nil
}

func (w *world) reload() error {
	all, err := w.domains()
	w.list = slices.DeleteFunc(all, Domain.absent)
	return err
}

// find looks a domain up by name or by number, as xl does: a word of digits is always a number.
func (w *world) find(nameOrID string) (Domain, bool) {
	for _, d := range w.list {
		if id, number := domid(nameOrID); number && d.ID == id || !number && d.Name == nameOrID {
			return d, true
		}
	}
	return Domain{}, false
}

// add gives a new domain its id and its loop devices.
func (w *world) add(d Domain) (Domain, error) {
	d.ID = w.NextID
	d.Started = time.Now()
	w.NextID++
	for _, disk := range d.Disks {
		if !usesLoop(d.Type, disk) {
			continue
		}
		if err := w.attachLoop(d.ID, disk.Target); err != nil {
			return d, err
		}
	}
	if err := w.setMachine(w.machine); err != nil {
		return d, err
	}
	if err := errors.Join(w.put(d), os.WriteFile(w.userdata(d), nil, 0o600)); err != nil {
		return d, err
	}
	return d, w.reload()
}

// destroy removes a domain for good.
func (w *world) destroy(d Domain) error {
	w.unwatch(d)
	return w.takeDown(d)
}

// takeDown removes a domain and its devices; a loop device whose file has been deleted stays, as it does on Xen (the block script looks
// at the path again).
func (w *world) takeDown(d Domain) error {
	w.detachLoops(d.ID)
	if err := w.setMachine(w.machine); err != nil {
		return err
	}
	for _, err := range []error{w.remove(d.ID), os.Remove(w.userdata(d))} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return w.reload()
}

// end does what follows when the guest powers off, reboots or crashes. Where no xl process watches over the domain, it stays.
func (w *world) end(d Domain, reason string) error {
	d.Ends = time.Time{}
	action := d.action(reason)
	if !w.watched(d) {
		action = "preserve"
	}
	switch action {
	case "preserve":
		w.unwatch(d)
		d.Stopped, d.Monitor = reason, 0
		return w.put(d)
	case "restart":
		d.Stopped, d.Vanishes = reboot, time.Now().Add(w.RebootGap/4)
		return w.put(d)
	}
	return w.destroy(d)
}

// vanish is the second phase of a reboot: the old domain is gone, the new one not yet there.
func (w *world) vanish(d Domain) error {
	if err := w.takeDown(d); err != nil {
		return err
	}
	d.Stopped, d.Reappears, d.Vanishes = "", d.Vanishes.Add(w.RebootGap), time.Time{}
	return w.put(d)
}

// restart brings a rebooting guest back, or loses it when a disk is missing, as Xen does.
func (w *world) restart(d Domain) error {
	if err := w.remove(d.ID); err != nil {
		return err
	}
	if d.Updated != nil {
		d.Config, d.Updated = *d.Updated, nil
	}
	if slices.ContainsFunc(d.Disks, missing) {
		w.unwatch(d)
		return nil
	}
	d.Boots, d.Reappears = d.Reappears.Add(w.RebootGap/4), time.Time{}
	d.Paused, d.Ran = true, false
	_, err := w.add(d)
	return err
}

// missing tells that the file of a disk is not there.
func missing(d xl.Disk) bool {
	_, err := os.Stat(d.Target)
	return d.Target != "" && err != nil
}

// freeMiB is xl info's free_memory.
func (w *world) freeMiB() int64 {
	free := w.MemoryMiB - w.Dom0MiB
	for _, d := range w.list {
		free -= xl.MemoryNeededMiB(d.Config)
	}
	return max(free, 0)
}

// Loop is one loop device of dom0.
type Loop struct {
	Index    int // 0 is /dev/loop0
	Path     string
	Dev, Ino uint64
	Domain   int
}

// usesLoop tells which disks libxl gives to the block script: raw ones in regular files, but no CD-ROM of an HVM guest.
func usesLoop(typ string, d xl.Disk) bool {
	if d.Target == "" || d.Format == "qcow2" || d.CDROM && typ == xl.TypeHVM {
		return false
	}
	info, err := os.Stat(d.Target)
	return err == nil && info.Mode().IsRegular()
}

func (w *world) attachLoop(id int, path string) error {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	free := 0
	for slices.ContainsFunc(w.Loops, func(l Loop) bool { return l.Index == free }) {
		free++
	}
	w.Loops = append(w.Loops, Loop{Index: free, Path: path, Dev: st.Dev, Ino: st.Ino, Domain: id})
	return nil
}

func (w *world) detachLoops(id int) {
	w.Loops = slices.DeleteFunc(w.Loops, func(l Loop) bool { return l.Domain == id && !l.deleted() })
}

// deleted tells that the file behind the device is no longer at its path.
func (l Loop) deleted() bool {
	var st syscall.Stat_t
	return syscall.Stat(l.Path, &st) != nil || st.Ino != l.Ino || st.Dev != l.Dev
}

// Domains lists the domains but dom0, as xl list would.
func (h *Host) Domains() []Domain {
	var list []Domain
	h.mustChange(func(w *world) error {
		list = w.list
		return nil
	})
	return list
}

// Loops lists the loop devices of dom0.
func (h *Host) Loops() []Loop {
	var list []Loop
	h.mustChange(func(w *world) error {
		list = w.Loops
		return nil
	})
	return list
}

// FreeMemory is what xl info calls free_memory, in MiB.
func (h *Host) FreeMemory() int64 {
	var free int64
	h.mustChange(func(w *world) error {
		free = w.freeMiB()
		return nil
	})
	return free
}

// PowerOff makes the guest of that name or domid power itself off.
func (h *Host) PowerOff(name string) { h.endGuest(name, poweroff) }

// Crash makes the guest crash.
func (h *Host) Crash(name string) { h.endGuest(name, crash) }

// Reboot makes the guest reboot: its name is absent for a while, then it has a new domid.
func (h *Host) Reboot(name string) { h.endGuest(name, reboot) }

// Destroy removes a domain as xl destroy by another administrator does.
func (h *Host) Destroy(name string) {
	h.mustFind(name, func(w *world, d Domain) error { return w.destroy(d) })
}

func (h *Host) endGuest(name, reason string) {
	h.mustFind(name, func(w *world, d Domain) error { return w.end(d, reason) })
}

func (h *Host) mustFind(name string, f func(*world, Domain) error) {
	h.mustChange(func(w *world) error {
		d, ok := w.find(name)
		if !ok {
			return fmt.Errorf("there is no domain %q", name)
		}
		return f(w, d)
	})
}

// mustChange panics when the state cannot be used: only a broken test gets there.
func (h *Host) mustChange(f func(*world) error) {
	if err := h.store.change(f); err != nil {
		panic(fmt.Sprintf("simhost: %v", err))
	}
}
