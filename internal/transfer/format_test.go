package transfer

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	const gib = 1 << 30
	raw, qcow2 := noise(1000), append(qcow2Header(2, 5*gib), make([]byte, 408)...)
	tests := map[string]struct {
		content  []byte
		verbatim bool
		want     Info
	}{
		"raw":              {raw, false, Info{Format: "raw", VirtualBytes: 1024, Bytes: 1024}},
		"raw, packed":      {pack(t, "zstd", raw), false, Info{Format: "raw"}},
		"qcow2":            {qcow2, false, Info{Format: "qcow2", VirtualBytes: 5 * gib, Bytes: 512}},
		"qcow2, packed":    {pack(t, "xz", qcow2), false, Info{Format: "qcow2", VirtualBytes: 5 * gib}},
		"iso":              {isoImage(), false, Info{Format: "iso", VirtualBytes: 36864, Bytes: 36864}},
		"iso, packed":      {pack(t, "gzip", isoImage()), false, Info{Format: "iso"}},
		"verbatim":         {raw, true, Info{Bytes: 1000}},
		"verbatim, qcow2":  {qcow2, true, Info{Bytes: 512}},
		"verbatim, empty":  {nil, true, Info{}},
		"nearly an ISO":    {isoImage()[:32773], false, Info{Format: "raw", VirtualBytes: 33280, Bytes: 33280}},
		"nearly bzip2":     {[]byte("BZh9 is no magic"), false, Info{Format: "raw", VirtualBytes: 512, Bytes: 512}},
		"one byte of gzip": {[]byte("\x1f"), false, Info{Format: "raw", VirtualBytes: 512, Bytes: 512}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Inspect(t.Context(), Source{Path: place(t, test.content), Verbatim: test.verbatim})
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestInspectRefuses(t *testing.T) {
	field := func(offset int, value byte) []byte {
		h := qcow2Header(3, 1<<30)
		h[offset] = value
		return h
	}
	cluster := qcow2Header(3, 1<<30)
	binary.BigEndian.PutUint32(cluster[20:], 22)
	tests := map[string]struct {
		content []byte
		want    string
	}{
		"empty":                    {nil, "empty"},
		"backing file":             {field(15, 8), "backing file"},
		"external data":            {field(79, 4), "external data file"},
		"corrupt":                  {field(79, 2), "corrupt"},
		"unknown feature":          {field(77, 1), "unknown incompatible features 0x10000"},
		"encrypted":                {field(35, 2), "encrypted"},
		"version 1":                {qcow2Header(1, 1<<30), "version 1"},
		"version 4":                {qcow2Header(4, 1<<30), "version 4"},
		"clusters":                 {cluster, "cluster bits 22"},
		"no size":                  {qcow2Header(3, 0), "virtual size of 0 bytes"},
		"absurd size":              {qcow2Header(3, 1<<46+1), "virtual size of 70368744177665 bytes"},
		"negative size":            {qcow2Header(2, 1<<63), "virtual size"},
		"cut version 2":            {qcow2Header(2, 1<<30)[:71], "cut off"},
		"cut version 3":            {qcow2Header(3, 1<<30)[:103], "cut off"},
		"cut at the magic":         {[]byte("QFI\xfb"), "cut off"},
		"packed":                   {pack(t, "gzip", field(15, 8)), "backing file"},
		"vmdk, cut off":            {append([]byte("KDMV"), make([]byte, 508)...), "VMDK header is cut off"},
		"vmdk, empty":              {vmdkHeader(0, "monolithicSparse", "ffffffff", ""), "capacity of 0 sectors"},
		"vmdk, parent":             {vmdkHeader(2048, "monolithicSparse", "12345678", ""), "VMDK image with a parent"},
		"vmdk, hidden":             {vmdkHeader(2048, "monolithicSparse", "ffffffff", "parentFileNameHint=\"/etc/shadow\""), "VMDK image with a parent"},
		"vmdk, flat":               {vmdkHeader(2048, "monolithicFlat", "ffffffff", ""), `the kind "monolithicFlat"`},
		"vmdk, two files":          {vmdkHeader(2048, "monolithicSparse", "ffffffff", "RW 2048 SPARSE \"/etc/shadow\""), "several files"},
		"vmdk, flat file":          {vmdkHeader(2048, "monolithicSparse", "ffffffff", "RW 2048 FLAT \"/dev/sda\" 0"), "several files"},
		"vmdk, extent":             {vmdkHeader(2048, "monolithicSparse", "ffffffff", "")[:512:512], "VMDK header is cut off"},
		"vmdk descriptor":          {[]byte("# Disk DescriptorFile\nversion=1\n"), "descriptor of a VMDK image"},
		"vhd, differencing":        {vhdFooter(4, 1<<30), "differencing VHD"},
		"vhd, of no kind":          {vhdFooter(9, 1<<30), "disk type 9"},
		"vhd, empty":               {vhdFooter(3, 0), "virtual size of 0 bytes"},
		"vhd, cut off":             {[]byte("conectix"), "VHD header is cut off"},
		"vhd, fixed, differencing": {append(noise(1<<20), vhdFooter(4, 1<<20)...), "differencing VHD"},
		"vdi":                      {append([]byte("<<< Oracle VM VirtualBox Disk Image >>>\n"), make([]byte, 500)...), "VDI"},
		"html":                     {[]byte("\n <HTML><body>"), "web page"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := place(t, test.content)
			_, err := Inspect(t.Context(), Source{Path: path})
			wantError(t, err, "inspecting "+path, test.want)
		})
	}
}

func TestInspectFetchesNothing(t *testing.T) {
	got, err := Inspect(t.Context(), Source{URL: "http://127.0.0.1:1/unreachable"})
	if err != nil || got != (Info{}) {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = Inspect(t.Context(), Source{URL: "ftp://127.0.0.1/x"})
	wantError(t, err, "neither an http nor an https URL")
}

// vmdkHeader is the head of a VMDK image whose descriptor has one more line.
func vmdkHeader(capacity uint64, kind, parent, line string) []byte {
	h := make([]byte, headSize)
	copy(h, "KDMV")
	binary.LittleEndian.PutUint64(h[12:], capacity)
	binary.LittleEndian.PutUint64(h[28:], 1)
	copy(h[512:], "# Disk DescriptorFile\nversion=1\nparentCID="+parent+"\ncreateType=\""+kind+"\"\nRW 2048 SPARSE \"a.vmdk\"\n"+line+"\n")
	return h
}

func vhdFooter(kind uint32, size uint64) []byte {
	f := make([]byte, 512)
	copy(f, "conectix")
	binary.BigEndian.PutUint64(f[48:], size)
	binary.BigEndian.PutUint32(f[60:], kind)
	return f
}

// Other virtualisers' images are known for what they are, as qemu-img makes them.
func TestInspectForeignFormats(t *testing.T) {
	qemuImg := findQEMU(t)
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw")
	if err := os.WriteFile(raw, checkered(4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	convert := func(name string, options ...string) string {
		path := filepath.Join(dir, name)
		if out, err := exec.Command(qemuImg, append(append([]string{"convert", "-f", "raw"}, options...), raw, path)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return path
	}
	parent := convert("parent", "-O", "vmdk")
	child := filepath.Join(dir, "child")
	if out, err := exec.Command(qemuImg, "create", "-f", "vmdk", "-b", parent, "-F", "vmdk", child).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, test := range map[string]struct {
		path   string
		format string
		size   int64 // 0: the header does not tell
		err    string
	}{
		"vmdk":             {path: parent, format: "vmdk", size: 4 << 20},
		"stream optimized": {path: convert("stream", "-O", "vmdk", "-o", "subformat=streamOptimized"), format: "vmdk", size: 4 << 20},
		"vmdk with parent": {path: child, err: "VMDK image with a parent"},
		"split":            {path: convert("split", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"), err: "descriptor of a VMDK image"},
		"flat":             {path: convert("flat", "-O", "vmdk", "-o", "subformat=monolithicFlat"), err: "descriptor of a VMDK image"},
		"dynamic vhd":      {path: convert("dynamic", "-O", "vpc", "-o", "force_size=on"), format: "vhd", size: 4 << 20},
		"fixed vhd":        {path: convert("fixed", "-O", "vpc", "-o", "subformat=fixed,force_size=on"), format: "vhd", size: 4 << 20},
		"vhdx":             {path: convert("vhdx", "-O", "vhdx"), format: "vhdx"},
	} {
		info, err := Inspect(t.Context(), Source{Path: test.path})
		onHost, hostErr := Identify(t.Context(), localRunner{}, test.path)
		if test.err != "" {
			wantError(t, err, test.err)
			wantError(t, hostErr, test.err)
			continue
		}
		if err != nil || info.Format != test.format || info.VirtualBytes != test.size {
			t.Errorf("%s: got %+v, %v", name, info, err)
		}
		if hostErr != nil || onHost != info {
			t.Errorf("%s: the host has %+v, %v, not %+v", name, onHost, hostErr, info)
		}
	}
}

func findQEMU(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("XEN_QEMU_IMG"); path != "" {
		return path
	}
	path, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("qemu-img is not installed, and XEN_QEMU_IMG does not name it")
	}
	return path
}

// qemu-img makes the headers that users bring, with features that a hand-made one lacks.
func TestInspectAgreesWithQEMU(t *testing.T) {
	qemuImg := findQEMU(t)
	dir := t.TempDir()
	tests := map[string]struct{ options, want string }{
		"v2":       {"compat=0.10", ""},
		"v3":       {"compat=1.1,lazy_refcounts=on", ""},
		"extended": {"extended_l2=on,cluster_size=128k,compression_type=zstd", ""},
		"external": {"data_file=" + filepath.Join(dir, "external.raw"), "external data file"},
		"backing":  {"backing_file=" + filepath.Join(dir, "v3") + ",backing_fmt=qcow2", "backing file"},
	}
	for _, name := range []string{"v2", "v3", "extended", "external", "backing"} {
		test, path := tests[name], filepath.Join(dir, name)
		if out, err := exec.Command(qemuImg, "create", "-f", "qcow2", "-o", test.options, path, "3G").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		info, err := Inspect(t.Context(), Source{Path: path})
		if test.want != "" {
			wantError(t, err, test.want)
			continue
		}
		if err != nil || info.Format != "qcow2" || info.VirtualBytes != 3<<30 {
			t.Errorf("%s: got %+v, %v", name, info, err)
		}
		dst := filepath.Join(dir, name+".sent")
		if _, err := Send(t.Context(), localRunner{}, Source{Path: path}, at(dst)); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(qemuImg, "compare", path, dst).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestParseChecksum(t *testing.T) {
	digits := strings.Repeat("aB", 64)
	for algorithm, n := range map[string]int{"md5": 32, "sha1": 40, "SHA256": 64, "Sha512": 128} {
		got, err := ParseChecksum(" " + algorithm + ":" + digits[:n] + "\n")
		want := Checksum{strings.ToLower(algorithm), strings.ToLower(digits[:n])}
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v", algorithm, got, err)
		}
		_, err = ParseChecksum(algorithm + ":" + digits[:n-2])
		wantError(t, err, "hexadecimal digits after")
	}
	for _, bad := range []string{"", "sha256", digits[:64], "crc32:00000000", "md5:" + strings.Repeat("g", 32), "sha256:"} {
		if got, err := ParseChecksum(bad); err == nil {
			t.Errorf("%q was taken as %v", bad, got)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(qcow2Header(2, 1<<30))
	f.Add(qcow2Header(3, 1<<46))
	f.Add(isoImage())
	f.Add(vmdkHeader(2048, "monolithicSparse", "ffffffff", ""))
	f.Add(vhdFooter(3, 1<<30))
	f.Add([]byte("vhdxfile"))
	f.Add([]byte("BZh91AY&SY"))
	f.Fuzz(func(t *testing.T, head []byte) {
		_ = compression(head)
		format, virtual, err := identifyWhole(head, head[len(head)-min(len(head), tailSize):])
		switch {
		case err != nil:
		case format == FormatVMDK || format == FormatVHD:
			if virtual <= 0 || virtual > maxVirtualBytes || bytes.Contains(head, []byte("parentFileNameHint")) && format == FormatVMDK {
				t.Errorf("accepted a %s header with a virtual size of %d", format, virtual)
			}
		case format == FormatVHDX && virtual == 0:
		case format == FormatQCOW2:
			if virtual <= 0 || virtual > maxVirtualBytes || string(head[:4]) != "QFI\xfb" || binary.BigEndian.Uint64(head[8:]) != 0 {
				t.Errorf("accepted a header with a virtual size of %d", virtual)
			}
		case format != FormatRaw && format != FormatISO, virtual != 0, len(head) == 0:
			t.Errorf("got %q, %d", format, virtual)
		}
	})
}
