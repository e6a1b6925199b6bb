package engine

import (
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// TestHalfMadeDomain tells a domain whose xl create was killed from one that somebody paused.
func TestHalfMadeDomain(t *testing.T) {
	t.Parallel()
	store, err := datastore.New(host.New(host.Config{Name: "xen01"}), "/srv/xen")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		record  model.VMState
		seconds float64
		want    model.VMState
	}{
		{model.VMPoweroff, 0, model.VMPoweroff},
		{model.VMPoweroff, 1.5, model.VMPaused},
		{model.VMPaused, 0, model.VMPaused},
		{model.VMRunning, 0, model.VMPaused},
	} {
		vm := model.VirtualMachine{Header: model.Header{ID: 1}, UUID: "u", State: test.record}
		v := &view{store: store, domains: map[string]xl.Domain{"u": {ID: 5, State: "--p---", Seconds: test.seconds}}}
		if state := v.seen(vm); state != test.want {
			t.Errorf("a paused domain after %g s, with a record that says %s, is %s", test.seconds, test.record, state)
		}
	}
}
