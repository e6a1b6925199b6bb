package contextiso

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the script
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// NoCloudLabel is the volume label by which cloud-init finds its data source NoCloud.
const NoCloudLabel = "cidata"

// nocloudScript runs the scripts of a context where the guest has no package of OpenNebula's.
//
//go:embed nocloud.sh
var nocloudScript string

// NoCloud is a context for guests that have cloud-init and no package of OpenNebula's.
type NoCloud struct {
	Variables map[string]string // OpenNebula's words; they also stand in context.sh
	NICs      []NIC             // nil: the guest configures its network as its image has it
	UUID      string            // of the virtual machine
	Files     []File            // more files, which stand beside those of cloud-init
}

// Contents are all files of the medium: user-data, meta-data, network-config as cloud-init's data source NoCloud reads them, context.sh,
// and the further files. They are written as JSON, which is YAML. The instance-id changes with anything else, so that cloud-init applies
// a changed context anew.
func (n NoCloud) Contents() ([]File, error) {
	script, err := EncodeScript(n.Variables)
	if err != nil {
		return nil, err
	}
	user, err := n.userData()
	if err != nil {
		return nil, err
	}
	files := append([]File{Content(ScriptName, 0o600, script), Content("user-data", 0o600, user)}, n.Files...)
	if n.NICs != nil {
		files = append(files, Content("network-config", 0o600, yaml("", n.network())))
	}
	return append(files, Content("meta-data", 0o600, yaml("", metaData{
		InstanceID: n.UUID + "-" + fingerprint(files), LocalHostname: n.Variables["SET_HOSTNAME"],
	}))), nil
}

// fingerprint tells files apart from others.
func fingerprint(files []File) string {
	sum := sha256.New()
	for _, file := range files {
		fmt.Fprintf(sum, "%q %v %s\n", file.Name, file.Mode, file.SHA256)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

type metaData struct {
	InstanceID    string `json:"instance-id"`
	LocalHostname string `json:"local-hostname,omitempty"`
}

// cloudConfig is cloud-init's "Cloud config data", as far as OpenNebula's variables go.
type cloudConfig struct {
	Users             []cloudUser `json:"users,omitempty"`
	DisableRoot       *bool       `json:"disable_root,omitempty"`
	SSHAuthorizedKeys []string    `json:"ssh_authorized_keys,omitempty"` // of the image's own user
	Password          string      `json:"password,omitempty"`            // of the image's own user, plain or as crypt(3) has it
	ChPasswd          *chPasswd   `json:"chpasswd,omitempty"`
	Timezone          string      `json:"timezone,omitempty"`
	GrowPart          *growPart   `json:"growpart,omitempty"`
	ResizeRootFS      *bool       `json:"resize_rootfs,omitempty"`
	WriteFiles        []writeFile `json:"write_files"`
}

type cloudUser struct {
	Name              string   `json:"name"`
	SSHAuthorizedKeys []string `json:"ssh_authorized_keys,omitempty"`
	Shell             string   `json:"shell,omitempty"`
	Sudo              string   `json:"sudo,omitempty"`
	LockPasswd        bool     `json:"lock_passwd"`
}

type chPasswd struct {
	Expire bool            `json:"expire"`
	Users  []cloudPassword `json:"users,omitempty"`
}

type cloudPassword struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Type     string `json:"type"`
}

type growPart struct {
	Mode string `json:"mode"`
}

type writeFile struct {
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
	Content     string `json:"content"`
}

// userData is the cloud config, and the user's own data after it: where both say something, the user's counts.
func (n NoCloud) userData() ([]byte, error) {
	own := yaml("#cloud-config\n", n.cloudConfig())
	users, err := n.usersData()
	if err != nil || users == "" {
		return own, err
	}
	type part struct {
		Content string `json:"content"`
	}
	return yaml("#cloud-config-archive\n", []part{{string(own)}, {users}}), nil
}

// usersData is what the user says to cloud-init itself.
func (n NoCloud) usersData() (string, error) {
	text := n.Variables["USER_DATA"]
	if slices.Contains([]string{n.Variables["USER_DATA_ENCODING"], n.Variables["USERDATA_ENCODING"]}, "base64") {
		plain, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("context variable USER_DATA: it is not base64, as its encoding says: %w", err)
		}
		text = string(plain)
	}
	return text, CheckUserData(text)
}

// CheckUserData refuses user data that cloud-init does not take as one part among others: only its first line tells what it is.
func CheckUserData(text string) error {
	for _, begin := range []string{"#cloud-config", "#!", "#cloud-boothook", "#include", "#part-handler", "#upstart-job", "## template: jinja"} {
		if text == "" || strings.HasPrefix(text, begin) {
			return nil
		}
	}
	return errors.New(`user data for the format "nocloud" is put together with the context's own, so it has to begin with a line such as #cloud-config or #!/bin/sh; archives of MIME and compressed data cannot be merged`)
}

func (n NoCloud) cloudConfig() cloudConfig {
	v := n.Variables
	c := cloudConfig{
		Timezone:   v["TIMEZONE"],
		WriteFiles: []writeFile{{Path: "/var/lib/cloud/scripts/per-boot/one-context", Permissions: "0700", Content: nocloudScript}},
	}
	if grow := v["GROW_ROOTFS"]; grow != "" {
		yes := grow == "YES"
		c.ResizeRootFS, c.GrowPart = &yes, &growPart{Mode: map[bool]string{true: "auto", false: "off"}[yes]}
	}
	keys := publicKeys(cmp.Or(v["SSH_PUBLIC_KEY"], v["EC2_PUBLIC_KEY"]))
	password, form := n.password()
	if password != "" {
		c.ChPasswd = &chPasswd{}
	}
	user := v["USERNAME"]
	if user == "" {
		c.SSHAuthorizedKeys, c.Password = keys, password
		return c
	}
	one := cloudUser{Name: user, SSHAuthorizedKeys: keys, LockPasswd: password == ""}
	if user == "root" {
		no := false
		c.DisableRoot = &no
	} else {
		one.Shell = cmp.Or(v["USERNAME_SHELL"], "/bin/bash")
		if sudo := cmp.Or(v["USERNAME_SUDO"], v["GRANT_SUDO"], "YES"); sudo == "YES" {
			one.Sudo = "ALL=(ALL) NOPASSWD:ALL"
		}
	}
	if password != "" {
		c.ChPasswd.Users = []cloudPassword{{Name: user, Password: password, Type: form}}
	}
	c.Users = []cloudUser{one}
	return c
}

func publicKeys(text string) []string {
	var keys []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	return keys
}

// password is the one that OpenNebula's guests would take, and in which of cloud-init's forms it is. What is no base64 is none of them.
func (n NoCloud) password() (password, form string) {
	plain := func(name string) string {
		text, err := base64.StdEncoding.DecodeString(n.Variables[name])
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	if password = plain("CRYPTED_PASSWORD_BASE64"); password != "" {
		return password, "hash"
	}
	if password = plain("PASSWORD_BASE64"); password != "" {
		return password, "text"
	}
	if password = n.Variables["CRYPTED_PASSWORD"]; password != "" {
		return password, "hash"
	}
	return n.Variables["PASSWORD"], "text"
}

// networkConfig is cloud-init's "Networking config Version 2".
type networkConfig struct {
	Version   int                 `json:"version"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

type ethernet struct {
	Match       map[string]string   `json:"match"`
	SetName     string              `json:"set-name"`
	DHCP4       bool                `json:"dhcp4"`
	DHCP6       bool                `json:"dhcp6"`
	AcceptRA    *bool               `json:"accept-ra,omitempty"`
	Addresses   []string            `json:"addresses,omitempty"`
	Gateway4    string              `json:"gateway4,omitempty"`
	Gateway6    string              `json:"gateway6,omitempty"`
	Nameservers map[string][]string `json:"nameservers,omitempty"`
	MTU         int                 `json:"mtu,omitempty"`
	Routes      []networkRoute      `json:"routes,omitempty"`
}

type networkRoute struct {
	To     string `json:"to"`
	Via    string `json:"via"`
	Metric int    `json:"metric,omitempty"`
}

func (n NoCloud) network() networkConfig {
	config := networkConfig{Version: 2, Ethernets: map[string]ethernet{}}
	for _, nic := range n.NICs {
		if nic.Method == "skip" && (nic.IP6Method == "skip" || nic.IP6Method == "") {
			continue
		}
		name := fmt.Sprintf("eth%d", nic.Index)
		e := ethernet{Match: map[string]string{"macaddress": strings.ToLower(nic.MAC)}, SetName: name, MTU: nic.MTU}
		e.ipv4(nic)
		e.ipv6(nic)
		for _, route := range nic.Routes {
			e.Routes = append(e.Routes, networkRoute{To: route.To, Via: route.Via, Metric: nic.Metric})
		}
		e.nameservers("addresses", strings.Join(nic.DNS, " "), n.Variables["DNS"])
		e.nameservers("search", nic.SearchDomain, n.Variables["SEARCH_DOMAIN"])
		config.Ethernets[name] = e
	}
	return config
}

// ipv4 asks for an address by DHCP where none is given. A gateway with a metric is a route of its own.
func (e *ethernet) ipv4(nic NIC) {
	switch {
	case nic.Method == "skip":
	case nic.Method == "dhcp" || nic.IP == "":
		e.DHCP4 = true
	default:
		ones, _ := net.IPMask(net.ParseIP(cmp.Or(nic.Mask, "255.255.255.0")).To4()).Size()
		e.Addresses = append(e.Addresses, fmt.Sprintf("%s/%d", nic.IP, ones))
		e.Gateway4 = e.gateway("0.0.0.0/0", nic.Gateway, nic.Metric)
	}
}

func (e *ethernet) ipv6(nic NIC) {
	yes, no := true, false
	switch nic.IP6Method {
	case "skip":
	case "auto":
		e.AcceptRA = &yes
	case "dhcp":
		e.DHCP6 = true
	case "disable":
		e.AcceptRA = &no
	default:
		if nic.IP6 != "" {
			e.Addresses = append(e.Addresses, fmt.Sprintf("%s/%d", nic.IP6, cmp.Or(nic.IP6PrefixLength, 64)))
			e.Gateway6 = e.gateway("::/0", nic.IP6Gateway, nic.Metric)
		}
	}
}

func (e *ethernet) gateway(to, via string, metric int) string {
	if via != "" && metric != 0 {
		e.Routes = append(e.Routes, networkRoute{To: to, Via: via, Metric: metric})
		return ""
	}
	return via
}

func (e *ethernet) nameservers(kind, ofNIC, ofAll string) {
	words := append(strings.Fields(ofNIC), strings.Fields(ofAll)...)
	if len(words) == 0 {
		return
	}
	if e.Nameservers == nil {
		e.Nameservers = map[string][]string{}
	}
	e.Nameservers[kind] = words
}

// yaml writes a value as JSON after a line that says what it is. What JSON may hold and YAML may not is escaped.
func yaml(begin string, value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // structs of texts and numbers
	var b strings.Builder
	b.WriteString(begin)
	for _, r := range text.String() {
		if r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return []byte(b.String())
}
