package engine

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// index is what every read asks of a snapshot, collected once: a plan over a thousand records must not decode a thousand for each.
type index struct {
	byName map[model.Kind]map[string]int // numbers
	uses   map[string][]string           // names of the virtual machines that use a record, sorted
	claims map[string]bool               // of all records
	loose  map[string][]string           // files of disks, and records that were not finished, by the folder of their virtual machine; sorted
}

func indexOf(snapshot datastore.Snapshot) index {
	x := index{byName: map[model.Kind]map[string]int{}, uses: map[string][]string{}, claims: map[string]bool{}, loose: map[string][]string{}}
	for kind, records := range snapshot.Records {
		x.byName[kind] = map[string]int{}
		for id := range records {
			header, err := datastore.Decode[model.Header](snapshot, kind, id)
			if err != nil {
				continue // a damaged record is reported when it is asked for
			}
			x.byName[kind][header.Name] = id
			for _, claim := range header.Claims {
				x.claims[claim] = true
			}
			for _, use := range header.Uses {
				x.uses[use] = append(x.uses[use], header.Name)
			}
		}
	}
	for _, users := range x.uses {
		slices.Sort(users)
	}
	for _, file := range slices.Sorted(maps.Keys(snapshot.Files)) {
		if folder, name := path.Split(file); strings.HasPrefix(name, "disk.") || name == "vm.json.new" {
			x.loose[path.Clean(folder)] = append(x.loose[path.Clean(folder)], file)
		}
	}
	return x
}
