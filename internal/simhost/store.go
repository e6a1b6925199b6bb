package simhost

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// store is the state that the server and every run of a tool share: plain JSON files in one folder, under one flock.
//
//	settings.json  faults.json  machine.json  log  lock
//	domains/<domid>.json  monitors/<first domid>
type store struct{ dir string }

// machine is what Xen and dom0's kernel count and hold besides domains.
type machine struct {
	NextID int // the next domid; none is used twice
	Loops  []Loop
}

func (s *store) prepare(set settings) error {
	for _, name := range []string{"domains", "monitors"} {
		if err := os.MkdirAll(s.path(name), 0o755); err != nil {
			return err
		}
	}
	return writeJSON(s.path("settings.json"), set)
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// locked runs f while nobody else reads or writes the state.
func (s *store) locked(f func() error) error {
	lock, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	for {
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return err
	}
	return f()
}

func (s *store) settings() (settings, error) {
	var set settings
	return set, readJSON(s.path("settings.json"), &set)
}

func (s *store) machine() (machine, error) {
	m := machine{NextID: 1}
	err := readJSON(s.path("machine.json"), &m)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return m, err
}

func (s *store) setMachine(m machine) error { return writeJSON(s.path("machine.json"), m) }

// domains returns every record in the order of their domids.
func (s *store) domains() ([]Domain, error) {
	entries, err := os.ReadDir(s.path("domains"))
	if err != nil {
		return nil, err
	}
	list := make([]Domain, 0, len(entries))
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		var d Domain
		if err := readJSON(filepath.Join(s.path("domains"), e.Name()), &d); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Domain) int { return a.ID - b.ID })
	return list, nil
}

func (s *store) domainFile(id int) string {
	return filepath.Join(s.dir, "domains", strconv.Itoa(id)+".json")
}

// userdata is where libxl keeps the configuration of a domain (libxl__userdata_path, libxl_dom.c); here only its name counts.
func (s *store) userdata(d Domain) string {
	return filepath.Join(filepath.Dir(s.dir), "root/var/lib/xen", fmt.Sprintf("userdata-d.%d.%s.libxl-json", d.ID, d.UUID))
}

func (s *store) put(d Domain) error  { return writeJSON(s.domainFile(d.ID), d) }
func (s *store) remove(id int) error { return os.Remove(s.domainFile(id)) }

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// writeJSON replaces a file at once, so that a killed tool leaves the old or the new one.
func writeJSON(file string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	temporary := file + ".new"
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
