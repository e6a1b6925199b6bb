package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// viewOf is how things stand on a host that holds one record of each kind.
func viewOfRecords(t testing.TB, record []byte) *view {
	t.Helper()
	store, err := datastore.New(host.New(host.Config{Name: "xen01"}), "/srv/xen")
	if err != nil {
		t.Fatal(err)
	}
	snapshot := datastore.Snapshot{Host: "xen01", Root: "/srv/xen", Records: map[model.Kind]map[int][]byte{}, Files: map[string]datastore.File{}, Texts: map[string]string{}}
	for _, kind := range model.Kinds {
		snapshot.Records[kind] = map[int][]byte{1: record}
	}
	domain := xl.Domain{ID: 7, Name: "web", State: "-b----"}
	return &view{
		host: "xen01", store: store, snapshot: snapshot, index: indexOf(snapshot),
		domains: map[string]xl.Domain{ourUUID: domain}, long: map[int]xl.LongDomain{7: {ID: 7, UUID: ourUUID}},
	}
}

// FuzzRecords reads records as anybody may have left them on a host: one that is there is read or is an error that names its file.
func FuzzRecords(f *testing.F) {
	one := 1
	vm := model.VirtualMachine{
		Header: model.Header{ID: 1, Name: "web"}, UUID: ourUUID, State: model.VMRunning,
		Body:  model.VirtualMachineBody{Disks: map[string]model.Disk{"xvda": {ImageID: &one}}, NICs: map[string]model.NIC{"eth0": {Bridge: "br0"}}},
		Disks: []model.AttachedDisk{{Slot: "xvda", File: "/srv/xen/vms/1/disk.0", Own: true, Format: "raw"}},
	}
	vm.Effective = vm.Body
	for _, record := range []any{vm, model.Image{Header: model.Header{ID: 1, Name: "a"}, Type: model.ImageOS, State: model.ImageReady, File: "disk.raw", Bytes: 5}, model.Header{ID: 1, Name: "a"}} {
		text, err := datastore.Encode(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
		for _, change := range [][2]string{
			{`"disk.raw"`, `"../../../../etc/shadow"`}, {`"disk.raw"`, `".."`}, {`"RUNNING"`, `"FLYING"`}, {`"RUNNING"`, `null`}, {ourUUID, ""}, {`"id": 1`, `"id": 1e400`},
			{`"id": 1`, `"id": 2`}, {`"bytes": 5`, `"bytes": 9223372036854775807`}, {`"deployment": 0`, `"deployment": -9223372036854775808`}, {`"eth0"`, `"eth99999999999999999999"`},
			{`"xvda": {`, `"": {`}, {`"name"`, `"NAME": {}, "name"`},
		} {
			f.Add([]byte(strings.ReplaceAll(string(text), change[0], change[1])))
		}
	}
	for _, text := range []string{"", "null", "{}", "[]", "0", `"x"`, "{\"id\":1}", "{\"id\":1,\"labels\":{\"a\":null},\"claims\":[null]}", strings.Repeat("[", 20000), "\x01\x01\x01", "{\"id\":1,\"version\":99,\"name\":\"newer\"}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		v := viewOfRecords(t, record)
		image, imageErr := v.image(1)
		vm, vmErr := v.virtualMachine(1)
		_, contextErr := v.context(1)
		_, templateErr := v.template(1)
		for kind, err := range map[string]error{"images/1/image.json": imageErr, "vms/1/vm.json": vmErr, "contexts/1/context.json": contextErr, "templates/1/template.json": templateErr} {
			if err != nil && (errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "/srv/xen/"+kind+" on host xen01: restore it")) {
				t.Errorf("%s is read as %v", kind, err)
			}
		}
		if imageErr == nil && !strings.HasPrefix(v.imageFile(image), "/srv/xen/images/1") {
			t.Errorf("the file of the image is %s", v.imageFile(image))
		}
		if vmErr == nil && vm.UUID == "" {
			t.Error("a virtual machine without an identity was taken")
		}
	})
}

// FuzzLook gives the readers of what tools print on a host anything at all.
func FuzzLook(f *testing.F) {
	f.Add([]byte(vmListHead+vmListDom0), []byte(listHead+listDom0))
	f.Add([]byte("neigh 192.168.70.9 dev br0 lladdr 02:00:00:00:00:01 STALE\nlease 1 2\n/local/domain/5/attr/eth1/ip = \"x\"\n"), []byte("xendomains\n'/etc/xen/auto/one-1.x' -> '/srv'\n"))
	f.Add([]byte("neigh"), []byte("'"))
	f.Add([]byte("/local/domain/99999999999999999999/attr/eth1/ip = \n"), []byte("2: br0: <BROADCAST>"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		vm := model.VirtualMachine{DomID: 5, Effective: model.VirtualMachineBody{NICs: map[string]model.NIC{"eth0": {MAC: "02:00:00:00:00:01"}}}}
		parseNeighbours(one).of(vm)
		parseAutostarts(two)
		parseBridges(two)
		domains, err := parseDomains(one, two)
		if err == nil && len(domains) == 0 {
			t.Errorf("not even dom0 is in %q and %q", one, two)
		}
	})
}
