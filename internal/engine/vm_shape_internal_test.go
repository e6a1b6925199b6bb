package engine

import (
	"reflect"
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

func of[T any](value T) *T { return &value }

// running is a domain with one of everything.
func running(typ model.DomainType) shape {
	context := model.AttachedDisk{Slot: "xvdz", File: "/vms/1/disk.9", Own: true, Format: "raw", ReadOnly: true, Context: true}
	if typ == model.TypeHVM {
		context.Slot, context.CDROM = "hdc", true
	}
	return shape{
		body: model.VirtualMachineBody{
			Type: typ, Memory: of(int64(128)), MemoryMax: of(int64(256)), VCPU: of(int64(1)), VCPUMax: of(int64(2)),
			OS:       &model.OS{KernelID: of(1), Cmdline: "quiet"},
			NICs:     map[string]model.NIC{"eth0": {Bridge: "br0", MAC: "02:00:c0:00:02:01", IP: "192.0.2.1"}},
			Graphics: &model.Graphics{Type: "vnc", Listen: "127.0.0.1", Port: 5901},
		},
		disks: []model.AttachedDisk{
			{Slot: "xvda", File: "/vms/1/disk.0", Own: true, Format: "raw"},
			{Slot: "xvdb", File: "/vms/1/disk.1", Own: true, Format: "raw"},
			{Slot: "xvde", File: "/images/4/disk.iso", Format: "raw", ReadOnly: true},
			context,
		},
	}
}

func TestTransit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		typ     model.DomainType
		change  func(s *shape)
		steps   []string
		pending []string
	}{
		"nothing":                 {change: func(*shape) {}},
		"memory":                  {change: func(s *shape) { s.body.Memory = of(int64(200)) }, steps: []string{"memory 200"}},
		"memory above":            {change: func(s *shape) { s.body.Memory, s.body.MemoryMax = of(int64(300)), of(int64(300)) }, pending: []string{"memory", "memory_max"}},
		"less memory and maximum": {change: func(s *shape) { s.body.Memory, s.body.MemoryMax = of(int64(64)), of(int64(64)) }, steps: []string{"memory 64"}, pending: []string{"memory_max"}},
		"processors":              {change: func(s *shape) { s.body.VCPU = of(int64(2)) }, steps: []string{"processors 2"}},
		"processors above":        {change: func(s *shape) { s.body.VCPU, s.body.VCPUMax = of(int64(3)), of(int64(3)) }, pending: []string{"vcpu", "vcpu_max"}},
		"share":                   {change: func(s *shape) { s.body.CPU = of(0.5) }, steps: []string{"share sched-credit2 128 0"}},
		"default share":           {change: func(s *shape) { s.body.CPU = of(1.0) }},
		"cap":                     {change: func(s *shape) { s.body.CPUCap = of(int64(50)) }, steps: []string{"share sched-credit2 256 50"}},
		"disk comes": {
			change: func(s *shape) {
				s.disks = append(s.disks, model.AttachedDisk{Slot: "xvdc", File: "/vms/1/disk.2", Own: true, Format: "qcow2"})
			},
			steps: []string{"attach xvdc format=qcow2,vdev=xvdc,access=rw,target=/vms/1/disk.2 /vms/1/disk.2"},
		},
		"disk goes":         {change: func(s *shape) { s.disks = append(s.disks[:1:1], s.disks[2:]...) }, steps: []string{"detach xvdb /vms/1/disk.1"}},
		"shared disk goes":  {change: func(s *shape) { s.disks = append(s.disks[:2:2], s.disks[3:]...) }, steps: []string{"detach xvde "}},
		"disk changes":      {change: func(s *shape) { s.disks[1].File = "/vms/1/disk.7" }, steps: []string{"detach xvdb /vms/1/disk.1", "attach xvdb format=raw,vdev=xvdb,access=rw,target=/vms/1/disk.7 /vms/1/disk.7"}},
		"disk read-only":    {change: func(s *shape) { s.disks[1].ReadOnly = true }, steps: []string{"detach xvdb /vms/1/disk.1", "attach xvdb format=raw,vdev=xvdb,access=ro,target=/vms/1/disk.1 /vms/1/disk.1"}},
		"context of pv":     {change: func(s *shape) { s.disks[3].File = "/vms/1/disk.10" }, pending: []string{"context"}},
		"context of hvm":    {typ: model.TypeHVM, change: func(s *shape) { s.disks[3].File = "/vms/1/disk.10" }, steps: []string{"insert hdc /vms/1/disk.10"}},
		"no context of hvm": {typ: model.TypeHVM, change: func(s *shape) { s.disks = s.disks[:3] }, pending: []string{"context"}},
		"first drive of hvm": {typ: model.TypeHVM, change: func(s *shape) {
			s.disks = append(s.disks, model.AttachedDisk{Slot: "hdd", File: "/images/9/disk.iso", ReadOnly: true, CDROM: true})
		}, pending: []string{"disks.hdd"}},
		"card comes": {change: func(s *shape) {
			s.body.NICs = map[string]model.NIC{"eth0": s.body.NICs["eth0"], "eth1": {Bridge: "br1", MAC: "02:00:00:00:00:02", MTU: 1400}}
		}, steps: []string{"plug 02:00:00:00:00:02 br1 mac=02:00:00:00:00:02,bridge=br1,mtu=1400"}},
		"card goes":    {change: func(s *shape) { s.body.NICs = nil }, steps: []string{"unplug 02:00:c0:00:02:01"}},
		"card changes": {change: func(s *shape) { s.body.NICs = map[string]model.NIC{"eth0": {Bridge: "br1", MAC: "02:00:C0:00:02:01"}} }, steps: []string{"unplug 02:00:c0:00:02:01", "plug 02:00:c0:00:02:01 br1 mac=02:00:c0:00:02:01,bridge=br1"}},
		"address of card only": {change: func(s *shape) {
			s.body.NICs = map[string]model.NIC{"eth0": {Bridge: "br0", MAC: "02:00:c0:00:02:01", IP: "192.0.2.9"}}
		}},
		"boot": {change: func(s *shape) { s.body.OS = &model.OS{KernelID: of(2), Cmdline: "debug"} }, pending: []string{"os.cmdline", "os.kernel_id"}},
		"graphics": {change: func(s *shape) {
			s.body.Graphics = &model.Graphics{Type: "vnc", Listen: "127.0.0.1", Port: 5902, Password: "x"}
		}, pending: []string{"graphics.password_wo", "graphics.port"}},
		"type": {
			change:  func(s *shape) { *s = running(model.TypeHVM); s.body.Memory = of(int64(200)) },
			pending: []string{"memory", "type"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.typ == "" {
				test.typ = model.TypePV
			}
			now, want := running(test.typ), running(test.typ)
			test.change(&want)
			way, err := transit(now, want, "credit2")
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for _, step := range way.steps {
				steps = append(steps, strings.Join(step, " "))
			}
			if !reflect.DeepEqual(steps, test.steps) || !reflect.DeepEqual(way.pending, test.pending) {
				t.Errorf("steps %q and pending %q, want %q and %q", steps, way.pending, test.steps, test.pending)
			}
			again, err := transit(way.after, want, "credit2")
			if err != nil || len(again.steps) > 0 || !reflect.DeepEqual(again.pending, test.pending) {
				t.Errorf("after the steps there is still to do %q and pending %q, %v", again.steps, again.pending, err)
			}
		})
	}
}

func TestTransitUnderAnotherScheduler(t *testing.T) {
	t.Parallel()
	want := running(model.TypePV)
	want.body.CPU, want.body.CPUCap = of(0.5), of(int64(10))
	way, err := transit(running(model.TypePV), want, "null")
	if err != nil || len(way.steps) > 0 || !reflect.DeepEqual(way.pending, []string{"cpu", "cpu_cap"}) {
		t.Errorf("steps %q, pending %q, %v", way.steps, way.pending, err)
	}
}
