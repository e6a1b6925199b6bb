package xl

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

const testUUID = "5b1e7a52-90d5-4a77-9a0f-30e1a9f0c1d2"

// vm226 is the machine of testdata/opennebula-226.cfg as we would write it.
func vm226() Config {
	return Config{
		Name: "one-226", UUID: testUUID, Type: TypeHVM, Memory: 2048, MaxMemory: 2048, VCPUs: 1, MaxVCPUs: 1, CPUWeight: 256, Boot: "c",
		Disks: []Disk{
			{VDev: "xvdb", Target: "/var/lib/one/opennebula/var//datastores/0/226/disk.0", Format: "raw"},
			{VDev: "xvda", Target: "/var/lib/one/opennebula/var//datastores/0/226/disk.1", Format: "raw"},
			{VDev: "xvdc", Target: "/var/lib/one/opennebula/var//datastores/0/226/disk.2", Format: "raw", ReadOnly: true, CDROM: true},
		},
		NICs:       []NIC{{MAC: "02:00:c0:a8:46:96", IP: "192.168.70.150", Bridge: "br0"}},
		VNC:        &VNC{Listen: "0.0.0.0", Display: 226},
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
	}
}

// The emitted text is an interface: users see it as deployment_file and compare it with xl.cfg(5).
func TestEncodeIsTheDocumentedText(t *testing.T) {
	c := vm226()
	c.NICs[0].Type, c.NICs[0].Model = "ioemu", "e1000"
	c.VNC.Password = `a"b\c`
	c.Serial = "pty"
	want := `name = "one-226"
uuid = "5b1e7a52-90d5-4a77-9a0f-30e1a9f0c1d2"
type = "hvm"
memory = 2048
maxmem = 2048
vcpus = 1
maxvcpus = 1
cpu_weight = 256
boot = "c"
disk = [
  "format=raw,vdev=xvdb,access=rw,target=/var/lib/one/opennebula/var//datastores/0/226/disk.0",
  "format=raw,vdev=xvda,access=rw,target=/var/lib/one/opennebula/var//datastores/0/226/disk.1",
  "format=raw,vdev=xvdc,access=ro,devtype=cdrom,target=/var/lib/one/opennebula/var//datastores/0/226/disk.2",
]
vif = [
  "mac=02:00:c0:a8:46:96,ip=192.168.70.150,bridge=br0,type=ioemu,model=e1000",
]
vnc = 1
vnclisten = "0.0.0.0"
vncdisplay = 226
vncunused = 0
vncpasswd = "a\"b\\c"
serial = "pty"
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
`
	for range 3 {
		if text, err := c.Encode(); err != nil || string(text) != want {
			t.Fatalf("error %v, text:\n%s", err, text)
		}
	}
}

func TestEncodePutsGraphicsWhereEachTypeHasThem(t *testing.T) {
	pv := Config{Name: "p", UUID: testUUID, Type: TypePV, Memory: 64, Kernel: "/k", VNC: &VNC{Listen: "127.0.0.1", Display: 3, Keymap: "de"}}
	text, err := pv.Encode()
	if want := `"vnc=1,vnclisten=127.0.0.1,vncdisplay=3,vncunused=0,keymap=de"`; err != nil || !strings.Contains(string(text), "vfb = [\n  "+want) {
		t.Errorf("pv: error %v, no vfb %s in:\n%s", err, want, text)
	}
	pv.Type = TypePVH
	if _, err := pv.Encode(); err == nil || !strings.Contains(err.Error(), "no graphics") {
		t.Errorf("pvh with VNC: %v", err)
	}
	// libxl turns VNC on for an HVM guest whose file says nothing of it.
	text, err = Config{Name: "h", Type: TypeHVM, Memory: 64}.Encode()
	if err != nil || !strings.Contains(string(text), "\nvnc = 0\n") {
		t.Errorf("hvm without VNC: error %v, text:\n%s", err, text)
	}
}

func TestEncodeRefuses(t *testing.T) {
	disk := func(d Disk) func(*Config) { return func(c *Config) { c.Disks = []Disk{d} } }
	nic := func(n NIC) func(*Config) { return func(c *Config) { c.NICs = []NIC{n} } }
	vnc := func(v VNC) func(*Config) { return func(c *Config) { c.VNC = &v } }
	cases := map[string]struct {
		change func(*Config)
		says   string
	}{
		"digits as a name":        {func(c *Config) { c.Name = "226" }, "domain id"},
		"no name":                 {func(c *Config) { c.Name = "" }, "name"},
		"a slash in the name":     {func(c *Config) { c.Name = "../etc" }, "name"},
		"an option as a name":     {func(c *Config) { c.Name = "-F" }, "name"},
		"an unknown type":         {func(c *Config) { c.Type = "kvm" }, "type"},
		"a uuid that is none":     {func(c *Config) { c.UUID = "1" }, "uuid"},
		"no memory":               {func(c *Config) { c.Memory = 0 }, "memory"},
		"less than memory":        {func(c *Config) { c.MaxMemory = 1 }, "maxmem"},
		"fewer than vcpus":        {func(c *Config) { c.VCPUs, c.MaxVCPUs = 4, 2 }, "maxvcpus"},
		"a weight too high":       {func(c *Config) { c.CPUWeight = 70000 }, "cpu_weight"},
		"a newline in cmdline":    {func(c *Config) { c.Kernel, c.Cmdline = "/k", "a\nb" }, "control"},
		"a cmdline not UTF-8":     {func(c *Config) { c.Kernel, c.Cmdline = "/k", "\xff" }, "UTF-8"},
		"a cmdline without one":   {func(c *Config) { c.Cmdline = "quiet" }, "kernel"},
		"a relative kernel":       {func(c *Config) { c.Kernel = "vmlinuz" }, "absolute"},
		"unknown boot letters":    {func(c *Config) { c.Boot = "a" }, "boot"},
		"an unknown firmware":     {func(c *Config) { c.Firmware = "coreboot" }, "firmware"},
		"a pv without kernel":     {func(c *Config) { c.Type = TypePV }, "bootloader"},
		"a pvh without kernel":    {func(c *Config) { c.Type = TypePVH }, "kernel"},
		"boot order of a pv":      {func(c *Config) { c.Type, c.Kernel, c.Boot = TypePV, "/k", "c" }, "hvm"},
		"a bootloader of an hvm":  {func(c *Config) { c.Bootloader = "pygrub" }, "pv"},
		"an unknown action":       {func(c *Config) { c.OnCrash = "explode" }, "on_crash"},
		"a comma in a target":     {disk(Disk{VDev: "xvda", Target: "/a,access=ro"}), "comma"},
		"a newline in a target":   {disk(Disk{VDev: "xvda", Target: "/a\nb"}), "control"},
		"a relative target":       {disk(Disk{VDev: "xvda", Target: "disk.0"}), "absolute"},
		"a disk without a target": {disk(Disk{VDev: "xvda"}), "target"},
		"a format that is none":   {disk(Disk{VDev: "xvda", Target: "/a", Format: "vmdk"}), "vmdk"},
		"a vdev that is none":     {disk(Disk{VDev: "vda", Target: "/a"}), "vda"},
		"a read-only first disk":  {disk(Disk{VDev: "xvda", Target: "/a", ReadOnly: true}), "read-only"},
		"a MAC that is none":      {nic(NIC{MAC: "02:00:zz"}), "MAC"},
		"a short MAC":             {nic(NIC{MAC: "02:00:01:02:03"}), "MAC"},
		"a multicast MAC":         {nic(NIC{MAC: "03:00:01:02:03:04"}), "multicast"},
		"an IP that is none":      {nic(NIC{IP: "1.2.3"}), "ip"},
		"a comma in a bridge":     {nic(NIC{Bridge: "br0,script=/x"}), "bridge"},
		"a long interface name":   {nic(NIC{VifName: "sixteen-letters-"}), "interface"},
		"a rate that is none":     {nic(NIC{Rate: "fast"}), "rate"},
		"an MTU too small":        {nic(NIC{MTU: 1}), "mtu"},
		"emulation in a pv":       {func(c *Config) { c.Type, c.Kernel, c.NICs = TypePV, "/k", []NIC{{Model: "e1000"}} }, "emulated"},
		"a VNC name":              {vnc(VNC{Listen: "localhost"}), "IPv4"},
		"a VNC IPv6 address":      {vnc(VNC{Listen: "::1"}), "IPv4"},
		"a display too high":      {vnc(VNC{Display: 60000}), "display"},
		"a comma in a password":   {vnc(VNC{Password: "gEh,eIm"}), "commas"},
		"a password too long":     {vnc(VNC{Password: "gEheIm-und-lang"}), "8 characters"},
		"a password not UTF-8":    {vnc(VNC{Password: "gEh\xffeIm"}), "UTF-8"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := Config{Name: "x1", UUID: testUUID, Type: TypeHVM, Memory: 64}
			c.change(&config)
			text, err := config.Encode()
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v does not say %q; text:\n%s", err, c.says, text)
			}
			if strings.Contains(err.Error(), "gEh") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// What we write, the real xl and our own parser understand as what was meant.
func TestEncodeMeansTheSameToXL(t *testing.T) {
	for seed := range uint64(250) {
		c := randomConfig(rand.New(rand.NewPCG(seed, 226)))
		checkMeaning(t, c)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkMeaning(t *testing.T, c Config) {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatalf("Encode: %v\n%+v", err, c)
	}
	want := c.withDefaults()
	if parsed, err := ParseConfig(text); err != nil || !reflect.DeepEqual(parsed, want) {
		t.Fatalf("ParseConfig: %v\n got %+v\nwant %+v\n%s", err, parsed, want, text)
	}
	understood, remarks, err := realXL(t, text)
	if err != nil || remarks != "" {
		t.Fatalf("xl: %v, %s\n%s", err, remarks, text)
	}
	for i := range want.NICs { // xl prints the bytes of an interval; TestRateMeansTheSameToXL has the figures
		if i < len(understood.NICs) && (want.NICs[i].Rate == "") == (understood.NICs[i].Rate == "") {
			understood.NICs[i].Rate = want.NICs[i].Rate
		}
	}
	if want.UUID == "" {
		understood.UUID = "" // xl invents one
	}
	if !reflect.DeepEqual(understood, want) {
		t.Fatalf("xl understood\n     %+v\nwant %+v\n%s", understood, want, text)
	}
}

// hostile are characters that mean something to xl, to a shell, or to a disk specification.
var hostile = []rune("'\"\\$`=:;#[]{}|&<>*?~!%+@ abnrtvx012/-_.éß中😀\u00a0\u2028")

func randomText(r *rand.Rand, longest int) string {
	letters := make([]rune, r.IntN(longest+1))
	for i := range letters {
		letters[i] = hostile[r.IntN(len(hostile))]
	}
	return string(letters)
}

func randomConfig(r *rand.Rand) Config {
	one := func(words ...string) string { return words[r.IntN(len(words))] }
	c := Config{
		Name: one("one-226", "a", "web.1", "0x10", "X+y_z"), UUID: one(testUUID, strings.ToUpper(testUUID), ""), Type: one(TypePV, TypePVH, TypeHVM),
		Memory: 1 + r.Int64N(9999), VCPUs: r.IntN(9), CPUWeight: r.IntN(3) * 300, CPUCap: r.IntN(2) * 50,
		OnPoweroff: one(append(actions, "")...), OnReboot: one(actions...), OnCrash: one(actions...),
	}
	c.MaxMemory = one2(r, 0, c.Memory+r.Int64N(5000))
	c.MaxVCPUs = one2(r, 0, max(c.VCPUs, 1)+r.IntN(5))
	if c.Type != TypeHVM || r.IntN(2) == 0 {
		c.Kernel, c.Ramdisk, c.Cmdline = "/k"+randomText(r, 20), one("", "/r"+randomText(r, 20)), randomText(r, 60)
	}
	switch c.Type {
	case TypeHVM:
		c.Boot, c.Firmware, c.Serial = one("", "c", "dc", "ncd"), one("", "bios", "uefi"), one("", "pty", "file:/x y")
	case TypePV:
		if r.IntN(2) == 0 {
			c.Kernel, c.Ramdisk, c.Bootloader = "", "", one("pygrub", "/usr/lib/x y")
		}
	}
	if c.Type != TypePVH && r.IntN(3) > 0 {
		c.VNC = &VNC{Listen: one("", "127.0.0.1", "0.0.0.0"), Display: r.IntN(59000), Keymap: one("", "de", "en-us")}
		c.VNC.Password = strings.Trim(strings.ReplaceAll(randomText(r, 2), ",", ""), " ")
	}
	for i := range r.IntN(6) {
		d := Disk{VDev: fmt.Sprintf("xvd%c", 'a'+i), Target: "/d" + randomText(r, 30), Format: one("", "raw", "qcow2"), ReadOnly: r.IntN(2) == 0}
		if c.Type == TypeHVM {
			d.CDROM = i < ideDisks && r.IntN(2) == 0
			d.ReadOnly = d.CDROM || i >= ideDisks && d.ReadOnly
			d.VDev = one("xvd", "hd", "xvd", "sd")[:] + string(rune('a'+i))
			if strings.HasPrefix(d.VDev, "hd") && i >= ideDisks {
				d.VDev = "x" + "vd" + string(rune('a'+i))
			}
			if d.CDROM && r.IntN(3) == 0 {
				d.Target, d.Format = "", "raw"
			}
		}
		c.Disks = append(c.Disks, d)
	}
	for range r.IntN(4) {
		n := NIC{
			MAC: one("", "02:00:C0:a8:46:96"), IP: one("", "192.168.70.150", "fe80::1"), Bridge: one("", "br0", "xenbr0.12"), Type: one("", "vif"),
			VifName: one("", "web-1.0"), Rate: one("", "10Mb/s", "1GB/s@20ms"), MTU: r.IntN(2) * 9000,
			Script: one("", "/s"+strings.ReplaceAll(randomText(r, 9), ",", "")),
		}
		if c.Type == TypeHVM {
			n.Type, n.Model = one("", "vif", "ioemu"), one("", "e1000", "rtl8139")
		}
		c.NICs = append(c.NICs, n)
	}
	return c
}

func one2[T any](r *rand.Rand, a, b T) T {
	if r.IntN(2) == 0 {
		return a
	}
	return b
}

func TestRateMeansTheSameToXL(t *testing.T) {
	for rate, means := range map[string]string{"10Mb/s": "62500 bytes in 50000 us", "1GB/s@20ms": "20000000 bytes in 20000 us", "100KB/s": "5000 bytes in 50000 us"} {
		text, err := Config{Name: "r", Type: TypeHVM, Memory: 64, NICs: []NIC{{Rate: rate}}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if understood, remarks, err := realXL(t, text); err != nil || remarks != "" || understood.NICs[0].Rate != means {
			t.Errorf("%s: xl: %v %s %+v", rate, err, remarks, understood.NICs)
		}
	}
}

// FuzzEncode puts any text where users may put theirs: it is refused, or xl and ParseConfig read
// back what was meant.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "/a", `/a"b'c\d$e`, "/ x", "/a,b", "/a\nb", "/é中", "/\u2028", "/a=b", "/a]", "/a#b", "\x00", "/x "} {
		f.Add(s, s, s, "x", s)
	}
	f.Fuzz(func(t *testing.T, kernel, cmdline, target, name, password string) {
		c := Config{
			Name: name, UUID: testUUID, Type: TypePV, Memory: 64, Kernel: kernel, Cmdline: cmdline,
			Disks: []Disk{{VDev: "xvda", Target: target}}, VNC: &VNC{Password: password},
		}
		if _, err := c.Encode(); err != nil {
			return
		}
		if os.Getenv("XEN_XL_PARSER") != "" {
			checkMeaning(t, c)
		}
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err := ParseConfig(text); err != nil || !reflect.DeepEqual(parsed, c.withDefaults()) {
			t.Fatalf("ParseConfig: %v\n%+v\n%s", err, parsed, text)
		}
	})
}
