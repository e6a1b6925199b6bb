package contextiso

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// machine is a context with something of everything.
func machine() NoCloud {
	nics := []NIC{
		{
			Index: 0, MAC: "02:00:C0:A8:46:96", IP: "192.168.70.150", Mask: "255.255.0.0", Gateway: "192.168.70.1", DNS: []string{"192.168.70.1"},
			SearchDomain: "example.org", MTU: 1400, Routes: []Route{{"10.0.0.0/8", "192.168.70.2"}}, IP6: "2001:db8::2", IP6PrefixLength: 56, IP6Gateway: "2001:db8::1",
		},
		{Index: 2, MAC: "02:00:0a:00:00:05", IP: "10.0.0.5"},
	}
	vars := map[string]string{
		"SET_HOSTNAME": "web-1", "SSH_PUBLIC_KEY": "ssh-ed25519 AAAA one\nssh-rsa BBBB two", "USERNAME": "joe", "PASSWORD": "it's {secret}: \x7f é 😀 \\",
		"TIMEZONE": "Europe/Berlin", "GROW_ROOTFS": "NO", "START_SCRIPT_BASE64": "IyEvYmluL3NoCg==", "ROLE": "a\n\"b\"\t'c' $HOME", "DNS": "9.9.9.9",
	}
	for key, value := range NetworkVariables(nics) {
		vars[key] = value
	}
	return NoCloud{Variables: vars, NICs: nics, UUID: "5b1e7a52-90d5-4a77-9a0f-30e1a9f0c1d2"}
}

func contents(t *testing.T, n NoCloud) []File {
	t.Helper()
	files, err := n.Contents()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// cloudInit is what Debian's cloud-init reads from an ISO.
type cloudInit struct {
	InstanceID string         `json:"instance_id"`
	Metadata   map[string]any `json:"metadata"`
	Hostname   string         `json:"hostname"`
	Keys       []string       `json:"keys"`
	Kinds      []string       `json:"kinds"`
	Config     map[string]any `json:"config"`
	Users      map[string]any `json:"users"`
	Interfaces []struct {
		Name    string `json:"name"`
		MAC     string `json:"mac_address"`
		MTU     any    `json:"mtu"`
		Subnets []struct {
			Type    string   `json:"type"`
			Address string   `json:"address"`
			Prefix  int      `json:"prefix"`
			Gateway string   `json:"gateway"`
			DNS     []string `json:"dns_nameservers"`
			Search  []string `json:"dns_search"`
			Routes  []struct {
				Gateway, Network string
				Prefix           int
			} `json:"routes"`
		} `json:"subnets"`
	} `json:"interfaces"`
}

// readWithCloudInit reads the ISO with the code of cloud-init's own data source.
func readWithCloudInit(t *testing.T, form, label string, files []File) cloudInit {
	t.Helper()
	modules := os.Getenv("XEN_CLOUD_INIT")
	if modules == "" {
		t.Skip("no cloud-init; `make test` unpacks it")
	}
	xorriso := reader(t, "XEN_XORRISO", "xorriso")
	_, iso := writeLabelled(t, label, files)
	medium, work := filepath.Join(t.TempDir(), "medium"), filepath.Join(t.TempDir(), "work")
	run(t, xorriso, "-osirrox", "on", "-indev", iso, "-extract", "/", medium)
	if about := run(t, reader(t, "XEN_ISOINFO", "isoinfo"), "-d", "-i", iso); !strings.Contains(about, "Volume id: "+label+"\n") {
		t.Errorf("the label is not %s:\n%s", label, about)
	}
	cards, _ := json.Marshal(map[string]string{"02:00:c0:a8:46:96": "enX0", "02:00:0a:00:00:05": "enX1"})
	cmd := exec.Command("/usr/bin/python3", "-B", filepath.Join("testdata", "read_context.py"), form, medium, work, string(cards))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+modules, "LC_ALL=C.UTF-8")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("cloud-init: %v\n%s", err, stderr.String())
	}
	var read cloudInit
	if err := json.Unmarshal(output, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// checkCommon compares what both of cloud-init's data sources know.
func checkCommon(t *testing.T, read cloudInit, names ...string) {
	t.Helper()
	if read.Hostname != "web-1" {
		t.Errorf("the host name is %q", read.Hostname)
	}
	if len(read.Interfaces) != 2 || read.Interfaces[0].Name != names[0] || read.Interfaces[1].Name != names[1] {
		t.Fatalf("the interfaces are %+v", read.Interfaces)
	}
	first, second := read.Interfaces[0], read.Interfaces[1]
	if first.MAC != "02:00:c0:a8:46:96" || fmt.Sprint(first.MTU) != "1400" {
		t.Errorf("eth0 is %+v", first)
	}
	seen := map[string]string{}
	for _, subnet := range append(first.Subnets, second.Subnets...) {
		seen[fmt.Sprintf("%s/%d", subnet.Address, subnet.Prefix)] = subnet.Gateway
		if subnet.Address == "192.168.70.150" && (!reflect.DeepEqual(subnet.DNS, []string{"192.168.70.1", "9.9.9.9"}) || !reflect.DeepEqual(subnet.Search, []string{"example.org"})) {
			t.Errorf("its name servers are %+v", subnet)
		}
	}
	if want := map[string]string{"192.168.70.150/16": "192.168.70.1", "2001:db8::2/56": "2001:db8::1", "10.0.0.5/24": ""}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the addresses with their gateways are %v, not %v", seen, want)
	}
}

// TestCloudInitReadsOpenNebulasContext also proves that foreign software gets every variable as it is.
func TestCloudInitReadsOpenNebulasContext(t *testing.T) {
	m := machine()
	m.Variables["USER_DATA"], m.Variables["USER_DATA_ENCODING"] = "I2Nsb3VkLWNvbmZpZwpwYWNrYWdlczogW25naW54XQo=", "base64"
	script, err := EncodeScript(m.Variables)
	if err != nil {
		t.Fatal(err)
	}
	read := readWithCloudInit(t, "opennebula", Label, []File{Content(ScriptName, 0o644, script)})
	checkCommon(t, read, "enX0", "enX1")
	for key, want := range m.Variables {
		if got, _ := read.Metadata[key].(string); got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	if want := []string{"ssh-ed25519 AAAA one", "ssh-rsa BBBB two"}; !reflect.DeepEqual(read.Keys, want) {
		t.Errorf("the keys are %q", read.Keys)
	}
	if fmt.Sprint(read.Config["packages"]) != "[nginx]" {
		t.Errorf("the user data are %v", read.Config)
	}
}

func TestCloudInitReadsNoCloud(t *testing.T) {
	m := machine()
	m.Variables["USER_DATA"] = "#cloud-config\ntimezone: UTC\npackages: [nginx]\n"
	m.Files = []File{Content("app.tar", 0o644, []byte("an archive"))}
	read := readWithCloudInit(t, "nocloud", NoCloudLabel, contents(t, m))
	checkCommon(t, read, "eth0", "eth2")
	if routes := read.Interfaces[0].Subnets[0].Routes; len(routes) != 1 || routes[0].Network != "10.0.0.0" || routes[0].Prefix != 8 || routes[0].Gateway != "192.168.70.2" {
		t.Errorf("the routes are %+v", routes)
	}
	user, _ := read.Users["joe"].(map[string]any)
	if len(read.Users) != 1 || fmt.Sprint(user["ssh_authorized_keys"]) != "[ssh-ed25519 AAAA one ssh-rsa BBBB two]" || user["lock_passwd"] != false || user["sudo"] != "ALL=(ALL) NOPASSWD:ALL" {
		t.Errorf("the users are %v", read.Users)
	}
	wanted := map[string]any{"expire": false, "users": []any{map[string]any{"name": "joe", "password": m.Variables["PASSWORD"], "type": "text"}}}
	if !reflect.DeepEqual(read.Config["chpasswd"], wanted) {
		t.Errorf("the password is %q", read.Config["chpasswd"])
	}
	for key, want := range map[string]string{
		"timezone": "UTC", "packages": "[nginx]", "growpart": "map[mode:off]", "resize_rootfs": "false", // the user's word counts where both say something
	} {
		if got := fmt.Sprint(read.Config[key]); got != want {
			t.Errorf("%s is %s, not %s", key, got, want)
		}
	}
	if !strings.HasPrefix(read.InstanceID, m.UUID+"-") {
		t.Errorf("the instance-id is %s", read.InstanceID)
	}
}

// TestCloudInitAndOtherUsers are the image's own user, root, and crypted passwords; and user data that is a script.
func TestCloudInitAndOtherUsers(t *testing.T) {
	m := machine()
	delete(m.Variables, "USERNAME")
	m.Variables["CRYPTED_PASSWORD"], m.Variables["USER_DATA"] = "$6$salt$hash", "#!/bin/sh\necho\n"
	read := readWithCloudInit(t, "nocloud", NoCloudLabel, contents(t, m))
	if fmt.Sprint(read.Config["ssh_authorized_keys"]) != "[ssh-ed25519 AAAA one ssh-rsa BBBB two]" || read.Config["password"] != "$6$salt$hash" || read.Config["users"] != nil {
		t.Errorf("of the image's own user it is said: %v", read.Config)
	}
	if want := []string{"text/cloud-config", "text/x-shellscript"}; !reflect.DeepEqual(read.Kinds, want) {
		t.Errorf("the parts are %q", read.Kinds)
	}
	m.Variables["USERNAME"], m.NICs = "root", nil
	read = readWithCloudInit(t, "nocloud", NoCloudLabel, contents(t, m))
	if _, root := read.Users["root"]; !root || read.Config["disable_root"] != false || !strings.Contains(fmt.Sprint(read.Config["chpasswd"]), "type:hash") {
		t.Errorf("of root it is said: %v", read.Config)
	}
	if len(read.Interfaces) != 0 {
		t.Errorf("without the network there is %+v", read.Interfaces)
	}
}

func TestInstanceIDChangesWithTheContent(t *testing.T) {
	idOf := func(change func(*NoCloud)) string {
		m := machine()
		change(&m)
		for _, file := range contents(t, m) {
			var meta metaData
			if file.Name == "meta-data" && json.Unmarshal(file.Data, &meta) == nil {
				return meta.InstanceID
			}
		}
		return ""
	}
	same := idOf(func(*NoCloud) {})
	if same == "" || idOf(func(*NoCloud) {}) != same {
		t.Errorf("the instance-id is %q, and then another one", same)
	}
	for what, change := range map[string]func(*NoCloud){
		"variable": func(m *NoCloud) { m.Variables["ROLE"] = "x" },
		"address":  func(m *NoCloud) { m.NICs[1].IP = "10.0.0.6" },
		"file":     func(m *NoCloud) { m.Files = []File{Content("a", 0o644, nil)} },
		"machine":  func(m *NoCloud) { m.UUID = "other" },
	} {
		if idOf(change) == same {
			t.Errorf("another %s has the same instance-id", what)
		}
	}
}

func TestNetworkOfNoCloud(t *testing.T) {
	for want, nic := range map[string]NIC{
		`"dhcp4":true,"dhcp6":false}`:                                                            {},
		`"dhcp4":true,"dhcp6":true}`:                                                             {Method: "dhcp", IP: "10.0.0.5", IP6Method: "dhcp"},
		`"dhcp4":false,"dhcp6":false,"accept-ra":true}`:                                          {Method: "skip", IP6Method: "auto"},
		`"dhcp4":true,"dhcp6":false,"accept-ra":false}`:                                          {IP6Method: "disable", IP6: "2001:db8::2"},
		`"addresses":["10.0.0.5/24"],"routes":[{"to":"0.0.0.0/0","via":"10.0.0.1","metric":7}]}`: {IP: "10.0.0.5", Gateway: "10.0.0.1", Metric: 7},
		`{"version":2,"ethernets":{}}`:                                                           {Method: "skip"},
	} {
		if text := string(yaml("", NoCloud{NICs: []NIC{nic}}.network())); !strings.Contains(text, want) {
			t.Errorf("%+v gives %s, not %s", nic, text, want)
		}
	}
}

func TestUserDataThatCannotBeMerged(t *testing.T) {
	for _, text := range []string{"Content-Type: multipart/mixed\n", "MIME-Version: 1.0\n", "\x1f\x8b", "packages: [nginx]\n"} {
		if err := CheckUserData(text); err == nil {
			t.Errorf("%q was taken", text)
		}
		m := machine()
		m.Variables["USER_DATA"] = text
		if _, err := m.Contents(); err == nil {
			t.Errorf("%q was merged", text)
		}
	}
	m := machine()
	m.Variables["USER_DATA"], m.Variables["USER_DATA_ENCODING"] = "#cloud-config", "base64"
	if _, err := m.Contents(); err == nil {
		t.Error("what is not base64 was taken for it")
	}
}

// TestScriptOfNoCloud runs the script that cloud-init runs at each boot, with programs in the place of those that need a real CD-ROM.
func TestScriptOfNoCloud(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script, err := EncodeScript(map[string]string{
		"ROLE": "it's $HOME", "INIT_SCRIPTS": "a.sh b.sh", "START_SCRIPT_BASE64": "IyEvYmluL3NoCmVjaG8gInN0YXJ0ICRST0xFICQobHMpIiA+PiIkT1VUIgo=",
	})
	if err != nil {
		t.Fatal(err)
	}
	put("medium/context.sh", string(script))
	put("medium/a.sh", "#!/bin/sh\necho \"a $ROLE\" >>\"$OUT\"\nexit 1\n")
	put("medium/b.sh", "#!/bin/sh\necho b >>\"$OUT\"\n")
	put("bin/blkid", "#!/bin/sh\ncase \"$*\" in\n*LABEL=cidata*) echo /dev/sr0 ;;\n*TYPE=swap*) echo /dev/xvdb ;;\nesac\n")
	put("bin/mount", "#!/bin/sh\n[ \"$5\" = /dev/sr0 ] && cp \"$MEDIUM\"/* \"$6\"\n")
	put("bin/umount", "#!/bin/sh\necho umount >>\"$OUT\"\n")
	put("bin/swapon", "#!/bin/sh\necho \"swap $1\" >>\"$OUT\"\n")
	out := filepath.Join(dir, "out")
	cmd := exec.Command("sh", put("one-context", nocloudScript))
	cmd.Env = []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "OUT=" + out, "MEDIUM=" + filepath.Join(dir, "medium"), "TMPDIR=" + t.TempDir()}
	said, err := cmd.CombinedOutput()
	if status := cmd.ProcessState.ExitCode(); status != 1 || len(said) > 0 {
		t.Errorf("a failed script gives status %d, %v: %s", status, err, said)
	}
	did, err := os.ReadFile(out)
	if want := "swap /dev/xvdb\nstart it's $HOME a.sh\nb.sh\ncontext.sh\na it's $HOME\nb\numount\n"; err != nil || string(did) != want {
		t.Errorf("it did %q, not %q, %v", did, want, err)
	}
}
