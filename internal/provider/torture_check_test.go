package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// folders are the names that the kinds of resources have in the datastore.
var folders = map[string]model.Kind{
	"xen_image": model.KindImage, "xen_context": model.KindContext, "xen_template": model.KindTemplate, "xen_virtual_machine": model.KindVirtualMachine,
}

// written is what a guest wrote to the persistent disks.
var written = bytes.Repeat([]byte("a guest wrote this, and nobody may lose it. "), 100)

// write lets a guest write to the disk of an image.
func (r *rig) write(t *testing.T, address string) {
	t.Helper()
	r.written = append(r.written, address)
	file, err := os.OpenFile(r.diskOf(t, address), os.O_WRONLY, 0)
	if err == nil {
		_, err = file.Write(written)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) diskOf(t *testing.T, address string) string {
	t.Helper()
	return filepath.Join(r.h.Datastore(), "images", r.number(t, address), "disk.raw")
}

func (r *rig) number(t *testing.T, address string) string {
	t.Helper()
	return path.Base(r.id(t, kindOf(address), r.states[address]))
}

// restPatience is more than a tool hangs: a look at the host goes on there when the one who wanted it was interrupted.
const restPatience = 2 * toolHangs

// check tells what is on the host that should not be, and what is not there that should be, as soon as the host has come to rest.
func (r *rig) check(t *testing.T) error {
	t.Helper()
	var err error
	for last := time.Now().Add(restPatience); time.Now().Before(last); time.Sleep(100 * time.Millisecond) {
		if err = errors.Join(r.atRest(), r.checkRecords(t), r.checkFiles(), r.checkDomains(t), r.checkWritten(t)); err == nil {
			return nil
		}
	}
	return err
}

func (r *rig) atRest() error {
	if n := r.h.Sessions(); n > 0 {
		return fmt.Errorf("%d commands still run", n)
	}
	return nil
}

// checkRecords demands a folder for each resource, and no other.
func (r *rig) checkRecords(t *testing.T) error {
	t.Helper()
	var wanted, found []string
	for address := range r.states {
		wanted = append(wanted, string(folders[kindOf(address)])+"/"+r.number(t, address))
	}
	for _, kind := range folders {
		entries, err := os.ReadDir(filepath.Join(r.h.Datastore(), string(kind)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			if entry.Name() != ".last" {
				found = append(found, string(kind)+"/"+entry.Name())
			}
		}
	}
	slices.Sort(wanted)
	slices.Sort(found)
	if !slices.Equal(wanted, found) {
		return fmt.Errorf("Terraform knows of %v, and the host has %v", wanted, found)
	}
	return nil
}

// plainFiles are those that stand beside a record without being named in it.
var plainFiles = regexp.MustCompile(`^(image|context|template|vm)\.json$|^(map|files|vm\.log|console|create\.log|restore\.log|save\.log|checkpoint)$`)

// checkFiles demands that what lies in the datastore belongs to a record, or to a domain.
func (r *rig) checkFiles() error {
	var errs []error
	attached := map[string]bool{} // a guest that was started before a change may keep a context until its next boot
	for _, domain := range r.h.Domains() {
		for _, disk := range domain.Disks {
			attached[disk.Target] = true
		}
	}
	files, _ := filepath.Glob(r.h.Datastore() + "/*/*/*")
	for _, file := range files {
		record, err := recordBeside(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if name := filepath.Base(file); !plainFiles.MatchString(name) && !record.has(file) && !attached[file] {
			errs = append(errs, fmt.Errorf("left over: %s", file))
		}
	}
	temporary, _ := filepath.Glob(r.h.Datastore() + "/tmp/*")
	for _, file := range temporary {
		errs = append(errs, fmt.Errorf("left over: %s", file))
	}
	locks, _ := filepath.Glob(r.h.Datastore() + "/locks/*-*")
	for _, lock := range locks {
		kind, id, _ := strings.Cut(filepath.Base(lock), "-")
		if _, gone := os.Stat(filepath.Join(r.h.Datastore(), kind, id)); gone != nil {
			errs = append(errs, fmt.Errorf("left over: %s", lock))
		}
	}
	return errors.Join(errs...)
}

// storedRecord is what the records of all kinds have, as far as it is of interest here.
type storedRecord struct {
	File       string               `json:"file"`
	Deployment int                  `json:"deployment"`
	Disks      []model.AttachedDisk `json:"attached_disks"`
	folder     string
}

func recordBeside(file string) (storedRecord, error) {
	records, _ := filepath.Glob(filepath.Dir(file) + "/*.json")
	if len(records) != 1 {
		return storedRecord{}, fmt.Errorf("%s lies beside no record", file)
	}
	record := storedRecord{folder: filepath.Dir(file)}
	text, err := os.ReadFile(records[0])
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil {
		return record, fmt.Errorf("%s: %w", records[0], err)
	}
	return record, nil
}

// has tells whether a file is one of those that the record names; of deployment files also earlier ones.
func (s storedRecord) has(file string) bool {
	var number int
	if _, err := fmt.Sscanf(filepath.Base(file), "deployment.%d", &number); err == nil {
		return number <= s.Deployment && filepath.Base(file) == fmt.Sprintf("deployment.%d", number)
	}
	return filepath.Base(file) == s.File || slices.ContainsFunc(s.Disks, func(disk model.AttachedDisk) bool { return disk.File == file })
}

// checkDomains demands a domain for each virtual machine that is shown as running and no other one, disks that no two domains have, and loop devices of
// disks of domains only.
func (r *rig) checkDomains(t *testing.T) error {
	t.Helper()
	var errs []error
	running := map[string]bool{}
	for address, made := range r.states {
		if kind := kindOf(address); kind == "xen_virtual_machine" {
			var uuid, state string
			shown := fields(t, unpack(t, r.schemas[kind], made.state))
			if err := errors.Join(shown["uuid"].As(&uuid), shown["state"].As(&state)); err != nil {
				return err
			}
			running[uuid] = state == string(model.VMRunning) || state == string(model.VMPaused)
		}
	}
	disks := map[string]string{}
	for _, domain := range r.h.Domains() {
		if !running[domain.UUID] {
			errs = append(errs, fmt.Errorf("the domain %s runs for nobody", domain.Name))
		}
		delete(running, domain.UUID)
		for _, disk := range domain.Disks {
			if other := disks[disk.Target]; other != "" && !disk.ReadOnly {
				errs = append(errs, fmt.Errorf("the domains %s and %s have the disk %s", other, domain.Name, disk.Target))
			}
			disks[disk.Target] = domain.Name
		}
	}
	for uuid, runs := range running {
		if runs {
			errs = append(errs, fmt.Errorf("there is no domain %s", uuid))
		}
	}
	for _, loop := range r.h.Loops() {
		if disks[loop.Path] == "" {
			errs = append(errs, fmt.Errorf("left over: %v", loop))
		}
	}
	return errors.Join(errs...)
}

// checkWritten demands that the disks that a guest wrote to are as it left them.
func (r *rig) checkWritten(t *testing.T) error {
	t.Helper()
	for _, address := range r.written {
		content, err := os.ReadFile(r.diskOf(t, address))
		if err != nil || !bytes.HasPrefix(content, written) || len(bytes.Trim(content[len(written):], "\x00")) > 0 {
			return fmt.Errorf("what the guest wrote to %s is lost: %w", address, err)
		}
	}
	return nil
}
