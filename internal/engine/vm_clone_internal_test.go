package engine

import (
	"slices"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

func TestOverlaysOn(t *testing.T) {
	image, other := 3, 4
	disk := func(id *int, method model.CloneMethod) []model.AttachedDisk {
		return []model.AttachedDisk{{Slot: "xvda", ImageID: id, Method: method}}
	}
	records := map[int][]byte{}
	for id, vm := range []model.VirtualMachine{
		{Header: model.Header{Name: "overlay", Uses: []string{"images/3"}}, State: model.VMPoweroff, Disks: disk(&image, model.MethodOverlay)},
		{Header: model.Header{Name: "copy", Uses: []string{"images/3"}}, State: model.VMRunning, Disks: disk(&image, model.MethodCopy)},
		{Header: model.Header{Name: "being-made", Uses: []string{"images/3"}}, State: model.VMProlog, Disks: disk(&image, "")},
		{Header: model.Header{Name: "elsewhere", Uses: []string{"images/4"}}, State: model.VMRunning, Disks: disk(&other, model.MethodOverlay)},
		{Header: model.Header{Name: "made-elsewhere", Uses: []string{"images/4"}}, State: model.VMProlog, Disks: disk(&other, "")},
		{Header: model.Header{Name: "diskless", Uses: []string{"images/3"}}, State: model.VMRunning},
	} {
		vm.ID, vm.UUID = id, "2f0a0d54-1b3c-4a0e-8f43-9d7f1a2b3c4d"
		record, err := datastore.Encode(vm)
		if err != nil {
			t.Fatal(err)
		}
		records[id] = record
	}
	v := &view{snapshot: datastore.Snapshot{Records: map[model.Kind]map[int][]byte{model.KindVirtualMachine: records}}}
	if got := v.overlaysOn(image); !slices.Equal(got, []string{"being-made", "overlay"}) {
		t.Errorf("overlays on image 3: %v", got)
	}
	if got := v.overlaysOn(5); len(got) != 0 {
		t.Errorf("overlays on image 5: %v", got)
	}
}
