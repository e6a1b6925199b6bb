package xl

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// element is one domain of the fixture, which a real Xen 4.17 printed.
func element(t *testing.T, number int) string {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal(fixture(t, "list-long.json"), &all); err != nil {
		t.Fatal(err)
	}
	return "[" + string(all[number]) + "]\n"
}

func TestParseForeign(t *testing.T) {
	got, err := ParseForeign([]byte(element(t, 1)))
	want := ForeignDomain{ID: 3, Config: Config{
		Name: "one-226", UUID: testUUID, Type: TypeHVM, Memory: 512, MaxMemory: 1024, VCPUs: 2, MaxVCPUs: 3, CPUWeight: 256,
		Boot: "c", Firmware: "bios",
		Disks: []Disk{
			{VDev: "xvda", Target: "/srv/xen/vms/226/disk.0", Format: "raw"},
			{VDev: "xvdb", Target: "/srv/xen/vms/226/disk.1", Format: "qcow2"},
			{VDev: "hdc", Target: "/srv/xen/vms/226/disk.2", Format: "raw", ReadOnly: true, CDROM: true},
			{VDev: "hdd", Format: "raw", ReadOnly: true, CDROM: true},
		},
		NICs:       []NIC{{MAC: "02:00:c0:a8:46:96", IP: "192.168.70.150", Bridge: "br0", Model: "e1000", MTU: 1400}},
		VNC:        &VNC{Listen: "127.0.0.1", Display: 226, Keymap: "de"},
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("error %v\n got %+v\nwant %+v", err, got, want)
	}
	got, err = ParseForeign([]byte(element(t, 2)))
	if err != nil || got.Config.Kernel != "/boot/vmlinuz-6.1.0-56-amd64" || got.Config.CPUWeight != 128 || got.Config.NICs[0].VifName != "xlfix0" {
		t.Errorf("error %v, got %+v", err, got)
	}
	if want := []string{"nics.rate_bytes_per_interval"}; !slices.Equal(got.Beyond, want) {
		t.Errorf("beyond is %q, not %q", got.Beyond, want)
	}
}

// TestForeignDomainNamesWhatIsBeyond adds to a domain what no deployment file of ours holds.
func TestForeignDomainNamesWhatIsBeyond(t *testing.T) {
	hvm := element(t, 1)
	for want, change := range map[string][2]string{
		"pcidevs":                   {`"on_reboot"`, `"pcidevs": [{"bus": 0}], "on_reboot"`},
		"b_info.type.hvm.vga.kind":  {`"vga": {`, `"vga": {"kind": "std"`},
		"b_info.type.hvm.usb":       {`"keymap"`, `"usb": "True", "keymap"`},
		"b_info.nested_hvm":         {`"claim_mode"`, `"nested_hvm": "True", "claim_mode"`},
		"disks.script":              {`"vdev": "xvda"`, `"script": "block-drbd", "vdev": "xvda"`},
		"disks.format":              {`"format": "qcow2"`, `"format": "vhd"`},
		"disks.backend_domname":     {`"vdev": "xvda"`, `"backend_domname": "storage", "vdev": "xvda"`},
		"on_soft_reset":             {`"soft_reset"`, `"preserve"`},
		"b_info.vcpu_hard_affinity": {`"claim_mode"`, `"vcpu_hard_affinity": [[0]], "claim_mode"`},
	} {
		got, err := ParseForeign([]byte(strings.Replace(hvm, change[0], change[1], 1)))
		if len(got.Beyond) != 1 || got.Beyond[0] != want {
			t.Errorf("error %v, beyond is %q, not %s", err, got.Beyond, want)
		}
	}
	for _, text := range []string{"", "[]", `[{"domid":1},{"domid":2}]`, `{"domid":1,"config":{"b_info":{"kernel":1}}}`} {
		if got, err := ParseForeign([]byte(text)); err == nil {
			t.Errorf("ParseForeign(%q) = %+v", text, got)
		}
	}
}

func FuzzParseForeign(f *testing.F) {
	f.Add([]byte(`{"domid":0}`))
	f.Add([]byte(`[{"domid":1,"config":{"disks":[{}],"nics":[null],"vfbs":[{"vnc":null}],"b_info":{"type.hvm":{"vnc":{}}}}}]`))
	f.Add([]byte(`{"domid":1,"config":null}`))
	f.Add([]byte(`[[{"domid":1}]]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := ParseForeign(text); err == nil && d.ID < 0 && !strings.Contains(string(text), "-") {
			t.Errorf("%+v", d)
		}
	})
}
