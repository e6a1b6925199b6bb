package xl

import (
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The deployment file that OpenNebula 4.6 wrote for VM 226 and ours for the same machine mean one
// domain, to us and to the real xl.
func TestVM226MeansOneDomain(t *testing.T) {
	legacy, err := os.ReadFile("testdata/opennebula-226.cfg")
	if err != nil {
		t.Fatal(err)
	}
	want := vm226()
	want.UUID = "" // the old file has none: every create made another one
	if parsed, err := ParseConfig(legacy); err != nil || !reflect.DeepEqual(parsed, want) {
		t.Fatalf("ParseConfig of the legacy file: %v\n got %+v\nwant %+v", err, parsed, want)
	}
	ours, err := vm226().Encode()
	if err != nil {
		t.Fatal(err)
	}
	fromLegacy, remarks, err := realXL(t, legacy)
	if err != nil || remarks != "" {
		t.Fatalf("xl, legacy file: %v %s", err, remarks)
	}
	fromOurs, remarks, err := realXL(t, ours)
	if err != nil || remarks != "" {
		t.Fatalf("xl, our file: %v %s", err, remarks)
	}
	// The differences, each on purpose.
	fromLegacy.UUID = testUUID                   // xl invents one for the legacy file; ours is the machine's identity
	fromLegacy.CPUWeight = 256                   // the legacy file has it in a comment, for `xl sched-credit` after the start
	fromLegacy.VCPUs, fromLegacy.MaxVCPUs = 1, 1 // xl's default, which our file states
	if !reflect.DeepEqual(fromOurs, fromLegacy) {
		t.Errorf("xl understood\nours   %+v\nlegacy %+v", fromOurs, fromLegacy)
	}
}

const prologue = "name = 'x'\ntype = 'hvm'\nmemory = 64\n"

// Files that administrators have, each of which xl and ParseConfig must read alike.
var administratorsFiles = map[string]string{
	"builder":                 "name='x'\nbuilder='hvm'\nmemory='64'\n",
	"builder generic":         "name='x'\nbuilder='generic'\nmemory=64\nkernel='/k'\n",
	"no type is pv":           "name=\"x\"\nmemory=64\nkernel=\"/k\"\nramdisk='/r'\n",
	"root and extra":          "name='x'\nkernel='/k'\nmemory=64\nroot='/dev/xvda1'\nextra='ro quiet'\n",
	"root alone":              "name='x'\nkernel='/k'\nmemory=64\nroot='/dev/xvda1'\n",
	"extra alone":             "name='x'\nkernel='/k'\nmemory=64\nextra='ro quiet'\n",
	"octal and hexadecimal":   "name='x'\ntype='hvm'\nmemory='0512'\nmaxmem=0x800\nvcpus='03'\n",
	"later lines win":         prologue + "memory=128\nmemory=256\n",
	"+= on text":              prologue + "serial='pt'\nserial+='y'\n",
	"+= on a list":            prologue + "disk=['/a,raw,hda,w']\ndisk+=['/b,raw,hdb,w',]\n",
	"semicolons":              "name='x';type='hvm';memory=64;vcpus=2\n",
	"no newline at the end":   "name='x'\ntype='hvm'\nmemory=64",
	"comments and tabs":       "# a comment\n\tname\t=\t'x' # another\n\ntype='hvm'\nmemory=64\n",
	"escapes":                 prologue + `serial = "a\"b\'c\\d\te"` + "\n",
	"quotes inside quotes":    prologue + `serial = 'a"b'` + "\n",
	"lists over lines":        prologue + "vif = [\n\n 'mac=02:00:c0:a8:46:96' ,\n # c\n 'bridge=br1',\n\n]\n",
	"an empty list":           prologue + "disk = [ ]\nvif=[]\n",
	"unknown keys":            prologue + "xen_platform_pci = 1\nusbdevice='tablet'\npci=['01:00.0']\n",
	"vnc off":                 prologue + "vnc = 0\nvnclisten='0.0.0.0'\n",
	"vnc on":                  prologue + "vnc='1'\nvnclisten='0.0.0.0'\nvncunused='0'\nvncdisplay='0x10'\nvncpasswd='s'\nkeymap='de'\n",
	"a pv with vfb":           "name='x'\nkernel='/k'\nmemory=64\nvfb=['type=vnc,vnclisten=0.0.0.0,vncunused=0,vncdisplay=5,vncpasswd= s ,keymap=de']\n",
	"actions":                 prologue + "on_poweroff='preserve'\non_reboot='rename-restart'\non_crash='coredump-destroy'\n",
	"capacity":                prologue + "vcpus=2\nmaxvcpus=4\ncpu_weight=300\ncap=50\nmaxmem=128\n",
	"bios":                    prologue + "bios='ovmf'\n",
	"disk, key=value":         prologue + "disk=['format=qcow2, vdev=xvda, access=rw, target=/a b=c']\n",
	"disk, target not last":   prologue + "disk=['target=/a,vdev=xvda']\ndisk=['vdev=xvda,target=/a']\n",
	"disk, positions":         prologue + "disk=['/a,raw,hda,w','/b,qcow2,hdb,rw','/c,,hde,r','/d,raw,xvdf']\n",
	"disk, prefixes":          prologue + "disk=['phy:/a,hda,w','file:/b,hdb,r','tap:aio:/c,xvdc,w','tap2:qcow2:/d,xvdd,w','raw:/e,xvde,w','ioemu:file:/f,xvdf,w','tapdisk:aio:/g,xvdg,w']\n",
	"disk, CD-ROM":            prologue + "disk=['file:/a,hda:cdrom,r','file:/a,hdb:cdrom,w',',raw,hdc,cdrom','format=raw,vdev=hdd,access=ro,devtype=cdrom,target=']\n",
	"disk, words":             prologue + "disk=['/a,raw,hda,rw,discard','direct-io-safe,vdev=hdb,target=/b','backendtype=qdisk,vdev=xvdc,target=/c','/d,raw,xvdd:disk,w']\n",
	"disk, white space":       prologue + "disk=['\tformat=raw, vdev=xvda, target=/a ',' /b ,raw,xvdb, r']\n",
	"disk, a notes' trick":    prologue + "disk=['file:/a,xvdc:cdrom:cdrom,r']\n",
	"vif, white space":        prologue + "vif=[' mac=02:00:c0:a8:46:96, ip=10.0.0.1,bridge= br0 ','']\n",
	"vif, everything":         prologue + "vif=['mac=02:00:c0:a8:46:96,ip=10.0.0.1,bridge=br0,type=ioemu,model=e1000,script=/s,vifname=v,mtu=9000']\n",
	"UTF-8":                   "name='x'\nkernel='/é中'\nmemory=64\n",
	"a list replaces a value": prologue + "disk=''\ndisk=['/a,raw,hda,w']\n",
}

func TestParseConfigReadsWhatXLReads(t *testing.T) {
	for name, text := range administratorsFiles {
		t.Run(name, func(t *testing.T) {
			parsed, err := ParseConfig([]byte(text))
			if strings.Contains(name, "not last") { // target= takes the rest, so the first of the two lists has no vdev; the second replaces it
				err = nil
			}
			if err != nil {
				t.Fatal(err)
			}
			understood, _, err := realXL(t, []byte(text))
			if err != nil {
				t.Fatalf("xl refuses it: %v", err)
			}
			if parsed.UUID == "" {
				understood.UUID = ""
			}
			if !reflect.DeepEqual(parsed, understood) {
				t.Errorf("ParseConfig %+v\nxl          %+v", parsed, understood)
			}
		})
	}
}

// Parts of disk specifications in any order: whatever both we and xl take, means the same to both.
func TestParseDiskUnderstandsWhatXLUnderstands(t *testing.T) {
	parts := []string{
		"format=raw,", "format=qcow2,", "vdev=hda,", "vdev=xvdb,", "access=rw,", "access=ro,", "devtype=cdrom,", "devtype=disk,", "backendtype=phy,", "discard,",
		"/a b,", "/dev/x:y,", "raw,", "qcow2,", "hdc,", "hdc:cdrom,", "xvda:disk,", "r,", "w,", "rw,", "cdrom,", ",", " ", "\t",
		"file:", "phy:", "tap:", "aio:", "raw:", "qcow2:", "nonsense:", "colour=red,", "target=/a b", "target=", "target=/z,",
	}
	alike := 0
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 17))
		spec := ""
		for range 2 + r.IntN(4) {
			spec += parts[r.IntN(len(parts))]
		}
		text := []byte(prologue + "disk=['" + spec + "']\n")
		parsed, err := ParseConfig(text)
		understood, _, refused := realXL(t, text)
		if err != nil || refused != nil {
			continue
		}
		if alike++; !reflect.DeepEqual(parsed.Disks, understood.Disks) {
			t.Errorf("%q: we understand %+v, xl %+v", spec, parsed.Disks, understood.Disks)
		}
	}
	if alike < 20 {
		t.Errorf("only %d specifications were taken by both", alike)
	}
}

// What xl refuses is an error here, too.
func TestParseConfigRefusesWhatXLRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a bare word":                 prologue + "on_crash=destroy\n",
		"a key in capitals":           prologue + "Vcpus=2\n",
		"an unknown escape":           prologue + `serial="\d"` + "\n",
		"a type in capitals":          "name='x'\ntype='HVM'\nmemory=64\n",
		"a hexadecimal escape":        prologue + `serial="\x41"` + "\n",
		"a newline in a string":       prologue + "serial='a\nb'\n",
		"a carriage return":           "name='x'\r\ntype='hvm'\r\nmemory=64\r\n",
		"a comment as the last bytes": prologue + "# end",
		"an open list":                prologue + "disk=['/a,raw,hda,w'\n",
		"an open string":              prologue + "serial='a",
		"two values":                  prologue + "serial='a' 'b'\n",
		"two commas":                  prologue + "disk=['/a,raw,hda,w',,]\n",
		"no name":                     "type='hvm'\nmemory=64\n",
		"an unknown type":             "name='x'\ntype='kvm'\nmemory=64\n",
		"an unknown builder":          "name='x'\nbuilder='kvm'\nmemory=64\n",
		"a uuid that is none":         prologue + "uuid='x'\n",
		"an unknown action":           prologue + "on_crash='explode'\n",
		"a shared disk":               prologue + "disk=['/a,raw,hda,w!']\n",
		"a disk without vdev":         prologue + "disk=['/a']\n",
		"a disk without target":       prologue + "disk=['vdev=hda']\n",
		"a disk with more parts":      prologue + "disk=['/a,raw,hda,w,x']\n",
		"a disk with two targets":     prologue + "disk=['/a,raw,hda,w,target=/b']\n",
		"a disk with an unknown part": prologue + "disk=['colour=red,vdev=hda,target=/a']\n",
		"a disk of another kind":      prologue + "disk=['rbd:pool/image,xvda,w']\n",
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := ParseConfig([]byte(text)); err == nil {
				t.Errorf("ParseConfig took it as %+v", c)
			}
			if c, _, err := realXL(t, []byte(text)); err == nil {
				t.Errorf("xl took it as %+v", c)
			}
		})
	}
}

// xl warns of these and goes on without the value; here the reader is told.
func TestParseConfigRefusesNumbersThatXLDrops(t *testing.T) {
	for _, value := range []string{"'2 '", "'1e3'", "'two'", "''", "'0x'", "'08'", "'1_000'", "99999999999999999999"} {
		if c, err := ParseConfig([]byte("name='x'\ntype='hvm'\nmemory=" + value + "\n")); err == nil || !strings.Contains(err.Error(), "memory") {
			t.Errorf("memory=%s: %v, %d", value, err, c.Memory)
		}
	}
}

func TestParseConfigErrorsHideThePassword(t *testing.T) {
	_, err := ParseConfig([]byte("name='x'\nkernel='/k'\nmemory=64\nvfb=['vncdisplay=zz,vncpasswd=geheim']\n"))
	if err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("error: %v", err)
	}
}

// FuzzParseConfig: no text makes it panic, and what it read and Encode accepts it reads again.
func FuzzParseConfig(f *testing.F) {
	for _, text := range administratorsFiles {
		f.Add([]byte(text))
	}
	f.Add([]byte("name = [[\n"))
	f.Add([]byte("a"))
	f.Add([]byte("name ="))
	f.Add([]byte("name = '\\"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		written, err := c.Encode()
		if err != nil {
			return
		}
		if again, err := ParseConfig(written); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%v\nread    %+v\nagain   %+v\nwritten:\n%s", err, c, again, written)
		}
	})
}
