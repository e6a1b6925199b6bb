package xl

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const listHeader = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"

// The lists as a host with Xen 4.17.7 printed them; in list-long.json the HVM domain is made up.
func TestListsOfARealHost(t *testing.T) {
	domains, err := ParseList(fixture(t, "list.txt"))
	if want := []Domain{{"Domain-0", 0, 1536, 2, "r-----", 596.9}, {"xlfix-pv", 10, 112, 1, "--p---", 0}}; err != nil || !reflect.DeepEqual(domains, want) {
		t.Errorf("xl list: %v %+v", err, domains)
	}
	entries, err := ParseVMList(fixture(t, "vm-list.txt"))
	if want := []VMListEntry{{nilUUID, 0, "Domain-0"}, {"0e664d4f-74e4-44f0-9e96-9d9f7057a8e2", 10, "xlfix-pv"}}; err != nil || !reflect.DeepEqual(entries, want) {
		t.Errorf("xl vm-list: %v %+v", err, entries)
	}
}

func TestParseList(t *testing.T) {
	got, err := ParseList([]byte(listHeader +
		"Domain-0                                     0  1536     2     r-----     131.9\n" +
		"one-226                                     17  2048     1     -b----       4.0\n" +
		"a-name-that-is-much-longer-than-the-forty-columns-of-the-table    18   512     4     --p---       0.0\n" +
		"two words                                   19     0     1     ---sr-       1.5\n" +
		"(null)                                      20     0     1     --ps-d      12.0\n" +
		"17 2048 1 -b---- 4.0                        21    64     1     ---sc-       0.1\n"))
	want := []Domain{
		{"Domain-0", 0, 1536, 2, "r-----", 131.9},
		{"one-226", 17, 2048, 1, "-b----", 4},
		{"a-name-that-is-much-longer-than-the-forty-columns-of-the-table", 18, 512, 4, "--p---", 0},
		{"two words", 19, 0, 1, "---sr-", 1.5},
		{"(null)", 20, 0, 1, "--ps-d", 12},
		{"17 2048 1 -b---- 4.0", 21, 64, 1, "---sc-", 0.1},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("error %v\n got %+v\nwant %+v", err, got, want)
	}
	flags := func(d Domain) [4]bool { return [4]bool{d.Paused(), d.Shutdown(), d.Crashed(), d.Dying()} }
	for i, want := range [][4]bool{{}, {}, {true}, {false, true}, {true, true, false, true}, {false, true, true}} {
		if flags(got[i]) != want {
			t.Errorf("%s: paused, shutdown, crashed, dying = %v, want %v", got[i].State, flags(got[i]), want)
		}
	}
}

// A domain that is not understood must never look absent.
func TestListsRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	for _, text := range []string{
		"", "\n", "xl: command not found\n", "libxl: error: cannot open\n" + listHeader,
		listHeader + "Domain-0 0 1536 2\n", listHeader + "x y 1 2 r----- 3\n", listHeader + "x 1 2 3 running 4.0\n", listHeader + "1 2 3 r----- 4.0\n",
		listHeader + "x 1 2 3 r----- 4.0\nlibxl: warning: something\n",
	} {
		if got, err := ParseList([]byte(text)); err == nil {
			t.Errorf("ParseList(%q) = %+v", text, got)
		}
	}
	for _, text := range []string{"", "x\n", "UUID ID name\nx 1 y\n", "UUID ID name\n" + testUUID + " x y\n", "UUID ID name\n" + testUUID + "\n"} {
		if got, err := ParseVMList([]byte(text)); err == nil {
			t.Errorf("ParseVMList(%q) = %+v", text, got)
		}
	}
	for _, text := range []string{"", "x", "null", "[null]", "[{}]", `[{"domid":"1"}]`, "(domain (domid 1))", `[{"domid":1,"config":{"disks":3}}]`} {
		if got, err := ParseListLong([]byte(text)); err == nil {
			t.Errorf("ParseListLong(%q) = %+v", text, got)
		}
	}
	for _, text := range []string{"", "x", "total_memory : 1\n", "total_memory : 1\nfree_memory : many\n"} {
		if got, err := ParseInfo([]byte(text)); err == nil {
			t.Errorf("ParseInfo(%q) = %+v", text, got)
		}
	}
}

func TestParseVMList(t *testing.T) {
	got, err := ParseVMList([]byte("UUID                                  ID    name\n" +
		"00000000-0000-0000-0000-000000000000  0    Domain-0\n" +
		"5B1E7A52-90D5-4A77-9A0F-30E1A9F0C1D2  12    two words                     \n" +
		"5b1e7a52-90d5-4a77-9a0f-30e1a9f0c1d2  13    \n"))
	want := []VMListEntry{{nilUUID, 0, "Domain-0"}, {testUUID, 12, "two words"}, {testUUID, 13, ""}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("error %v, got %+v", err, got)
	}
}

func TestParseListLong(t *testing.T) {
	got, err := ParseListLong(fixture(t, "list-long.json"))
	want := []LongDomain{
		{ID: 0, Name: "Domain-0", UUID: nilUUID, Type: "pv", MemoryMiB: 1536, MaxMemoryMiB: 1536}, // libxl does not say dom0's processors here
		{
			ID: 3, Name: "one-226", UUID: testUUID, Type: "hvm", MemoryMiB: 512, MaxMemoryMiB: 1024, VCPUs: 2, MaxVCPUs: 3,
			Disks: []Disk{
				{VDev: "xvda", Target: "/srv/xen/vms/226/disk.0", Format: "raw"},
				{VDev: "xvdb", Target: "/srv/xen/vms/226/disk.1", Format: "qcow2"},
				{VDev: "hdc", Target: "/srv/xen/vms/226/disk.2", Format: "raw", ReadOnly: true, CDROM: true},
				{VDev: "hdd", Format: "raw", ReadOnly: true, CDROM: true},
			},
			NICs: []NIC{{MAC: "02:00:c0:a8:46:96", IP: "192.168.70.150", Bridge: "br0", Model: "e1000", Type: "ioemu", Script: "/etc/xen/scripts/vif-bridge", MTU: 1400}},
			VNC:  &VNC{Listen: "127.0.0.1", Display: 226, Keymap: "de"},
		},
		{
			ID: 10, Name: "xlfix-pv", UUID: "0e664d4f-74e4-44f0-9e96-9d9f7057a8e2", Type: "pv", MemoryMiB: 112, MaxMemoryMiB: 128, VCPUs: 1, MaxVCPUs: 2,
			Disks: []Disk{
				{VDev: "xvda", Target: "/root/xlfix dir/disk=0 'x'.img", Format: "raw"},
				{VDev: "xvdb", Target: "/root/xlfix dir/ro.img", Format: "raw", ReadOnly: true},
			},
			NICs: []NIC{{MAC: "02:00:c0:a8:46:96", IP: "192.168.70.150", Bridge: "br0", Type: "vif", VifName: "xlfix0", MTU: 1400}},
			VNC:  &VNC{Listen: "127.0.0.1", Display: 77, Keymap: "de"},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("error %v\n got %+v\nwant %+v", err, got, want)
	}
	if got, err := ParseListLong([]byte("[]\n")); err != nil || len(got) != 0 {
		t.Errorf("no domains: %v %+v", err, got)
	}
	if got, err := ParseListLong([]byte(`{"domid":5,"config":{"c_info":{"name":"one"}}}`)); err != nil || len(got) != 1 || got[0].Name != "one" {
		t.Errorf("one element: %v %+v", err, got)
	}
}

func TestParseInfo(t *testing.T) {
	info, err := ParseInfo(fixture(t, "info.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		info.Host, info.Release, info.Machine, info.XenVersion, info.Scheduler, info.CPUs, info.CoresPerSocket, info.ThreadsPerCore, info.CPUMHz > 1000,
		info.TotalMemoryMiB, info.FreeMemoryMiB, info.SharingFreedMiB, info.HasCap("hvm"), info.HasCap("hap"), info.HasCap("pv"), info.HasCap("hvm_directio"),
		strings.Contains(info.XenCommandLine, "dom0_mem=1536M"), len(info.XenCaps) > 2, info.Values["xen_major"],
	}
	want := []any{
		"xen-lab", "6.1.0-56-amd64", "x86_64", "4.17.7", "credit2", 2, 2, 1, true,
		int64(4095), int64(2458), int64(0), true, true, true, false,
		true, true, "4",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(listHeader + "a 1 2 3 r----- 4.0\n"))
	f.Add([]byte(listHeader + " 1 2 3 r----- 4.0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		domains, err := ParseList(text)
		lines := strings.Count(strings.TrimRight(string(text), " \t\n"), "\n")
		if err == nil && len(domains) > lines {
			t.Errorf("%d domains of %d lines: %q", len(domains), lines, text)
		}
	})
}

func FuzzParseVMList(f *testing.F) {
	f.Add([]byte("UUID ID name\n" + testUUID + " 1 x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := ParseVMList(text)
		for _, e := range entries {
			if err != nil || !uuidForm.MatchString(e.UUID) {
				t.Errorf("error %v with %+v", err, e)
			}
		}
	})
}

func FuzzParseListLong(f *testing.F) {
	f.Add(fixture(f, "list-long.json"))
	f.Add([]byte(`{"domid":0}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if domains, err := ParseListLong(text); err != nil && domains != nil {
			t.Errorf("error %v with %+v", err, domains)
		}
	})
}

func FuzzParseInfo(f *testing.F) {
	f.Add(fixture(f, "info.txt"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if info, err := ParseInfo(text); err == nil && info.Values["free_memory"] == "" {
			t.Errorf("no free_memory in %q", text)
		}
	})
}
