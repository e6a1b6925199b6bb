package provider_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// TestBadInput gives each kind of wrong value and demands that the plan refuses it, at the attribute, in words that help.
func TestBadInput(t *testing.T) {
	t.Parallel()
	h := simhost.Start(t)
	image := disk(t, "root")
	machine := func(arguments string) string {
		return fmt.Sprintf("resource \"xen_virtual_machine\" \"test\" {\n%s\n}\n", arguments)
	}
	cases := map[string]struct{ config, at, says string }{
		"unknown type of image": {
			"resource \"xen_image\" \"test\" {\nname = \"a\"\ntype = \"OSS\"\n}", "type", `"OSS" is not a type of image: use one of [OS CDROM`},
		"all-digit name of an image": {imageOf("123", image, ""), "name", "xl would take it for a domain id"},
		"newline in a name":          {imageOf(`a\nb`, image, ""), "name", "may hold letters, digits and"},
		"comma in a name":            {imageOf("a,b", image, ""), "name", "may hold letters, digits and"},
		"short checksum":             {imageOf("a", image, `checksum = "sha256:abcd"`), "checksum", "must have 64 hexadecimal digits"},
		"unknown checksum":           {imageOf("a", image, `checksum = "crc32:abcd"`), "checksum", "must be md5, sha1, sha256 or sha512"},
		"checksum of another file": {
			imageOf("a", image, `checksum = "sha256:`+strings.Repeat("0", 64)+`"`), "checksum", "has the checksum sha256:"},
		"no such file":               {imageOf("a", filepath.Join(t.TempDir(), "absent"), ""), "path", "no such file"},
		"unreadable file":            {imageOf("a", t.TempDir(), ""), "path", "it is not a regular file"},
		"negative size":              {imageOf("a", image, "size = -1"), "size", "a size is a positive number of MiB, not -1"},
		"unknown format":             {imageOf("a", image, `format = "qcow3"`), "format", "qcow3"},
		"datablock without size":     {`resource "xen_image" "test" {` + "\nname = \"a\"\ntype = \"DATABLOCK\"\n}", "", "an empty DATABLOCK needs a size in MiB"},
		"empty OS":                   {`resource "xen_image" "test" {` + "\nname = \"a\"\ntype = \"OS\"\nsize = 1\n}", "", "make an empty DATABLOCK, install a system on it"},
		"unknown file system":        {`resource "xen_image" "test" {` + "\nname = \"a\"\ntype = \"DATABLOCK\"\nsize = 1\nfstype = \"ntfs\"\n}", "fstype", `"ntfs" is not a file system`},
		"host that is not there":     {imageOf("a", image, `host = "xen99"`), "host", `the provider has no host "xen99"`},
		"context key":                {contextOf(`variables = { "a-b" = "x" }`), `variables["a-b"]`, `"a-b" is not the name of a context variable`},
		"secret context key":         {contextOf(`variables_wo = { "1A" = "planted-secret" }`), `variables_wo["1A"]`, `"1A" is not the name of a context variable`},
		"variable said twice":        {contextOf(`variables = { A = "x" }` + "\n" + `variables_wo = { A = "y" }`), `variables_wo["A"]`, "stands in variables, too"},
		"context file without bytes": {contextOf(`files = { "a.sh" = {} }`), `files["a.sh"]`, "needs either content or source"},
		"context file said twice":    {contextOf(`files = { "a.sh" = { content = "x", source = "y" } }`), `files["a.sh"].source`, "say either content or source"},
		"context file that is away":  {contextOf(`files = { "a.sh" = { source = "/absent/a.sh" } }`), `files["a.sh"].source`, "no such file"},
		"context file name":          {contextOf(`files = { "a/b" = { content = "x" } }`), `files["a/b"]`, "holds one of the characters"},
		"negative memory":            {machine("memory = -1"), "memory", "memory is a positive number of MiB, not -1"},
		"no memory":                  {machine(`type = "hvm"`), "", "memory is set neither here nor in the template"},
		"memory_max below memory":    {machine("memory = 64\nmemory_max = 32"), "memory_max", "memory_max (32 MiB) is smaller than memory (64 MiB)"},
		"unknown type of domain":     {machine("memory = 64\ntype = \"kvm\""), "type", `"kvm" is not a type of domain`},
		"pv without kernel":          {machine("memory = 64\ntype = \"pv\""), "", `needs os.kernel_id`},
		"no cpu":                     {machine("memory = 64\ncpu = 0"), "cpu", "above 0"},
		"all-digit name":             {machine("memory = 64\nname = \"42\""), "name", "xl would take it for a domain id"},
		"two targets of one disk": {
			machine(`memory = 64` + "\n" + `disks = { xvda = { volatile = "swap", size = 1 }, hda = { volatile = "swap", size = 1 } }`),
			`disks["xvda"]`, "are both disk 0 of the guest"},
		"slot":                              {machine("memory = 64\ndisks = { disk0 = { volatile = \"swap\", size = 1 } }"), `disks["disk0"]`, `"disk0" is not a disk slot`},
		"volatile without size":             {machine("memory = 64\ndisks = { xvda = { volatile = \"swap\" } }"), `disks["xvda"].size`, "a volatile disk needs a size in MiB"},
		"disk without source":               {machine("memory = 64\ndisks = { xvda = { } }"), `disks["xvda"]`, "the disk needs an image_id, or volatile and a size"},
		"bad MAC":                           {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", mac = "02:00:c0" } }`), `nics["eth0"].mac`, "is not a MAC address"},
		"multicast MAC":                     {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", mac = "01:00:00:00:00:01" } }`), `nics["eth0"].mac`, "is a multicast address"},
		"bad IP":                            {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", ip = "192.168.70.300" } }`), `nics["eth0"].ip`, "is not an IPv4 address"},
		"bridge with a comma":               {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0,script=x" } }`), `nics["eth0"].bridge`, "is not the name of a bridge"},
		"VLAN of a Linux bridge":            {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", vlan = 12 } }`), `nics["eth0"].vlan`, "only the script vif-openvswitch puts a card into a VLAN"},
		"rate without unit":                 {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", rate = "10" } }`), `nics["eth0"].rate`, "is not a rate such as"},
		"route to a host in a network":      {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", routes = { "10.0.0.1/8" = "10.0.0.2" } } }`), `nics["eth0"].routes`, "is not a network such as 10.0.0.0/8"},
		"static without address":            {machine(`memory = 64` + "\n" + `nics = { eth0 = { bridge = "br0", method = "static" } }`), `nics["eth0"].method`, "a static address is said in ip"},
		"variable of OneGate":               {contextOf(`variables = { REPORT_READY = "YES" }`), `variables["REPORT_READY"]`, "a service of OpenNebula's front-end, and there is no front-end here"},
		"token of OneGate":                  {contextOf(`variables_wo = { TOKEN = "planted" }`), `variables_wo["TOKEN"]`, "lets the guest talk to OneGate"},
		"variable of OneGate for one guest": {machine("memory = 64\ncontext = { ONEGATE_ENDPOINT = \"http://192.0.2.1\" }"), `context["ONEGATE_ENDPOINT"]`, "lets the guest talk to OneGate"},
		"variable of the shell":             {contextOf(`variables = { UID = "0" }`), `variables["UID"]`, "the guest's shell keeps this name for itself"},
		"variable of an attribute":          {contextOf(`variables = { SET_HOSTNAME = "a" }` + "\n" + `hostname = "b"`), `variables["SET_HOSTNAME"]`, "hostname says it already"},
		"two host names":                    {contextOf("hostname = \"a\"\nhostname_from_name = true"), "hostname_from_name", "is either said (hostname) or the name of the virtual machine"},
		"two passwords":                     {contextOf(`password_wo = "planted"` + "\n" + `crypted_password_wo = "$6$a$b"`), "crypted_password_wo", "not both"},
		"user data that cannot be merged":   {contextOf(`format = "nocloud"` + "\n" + `user_data = "Content-Type: multipart/mixed"`), "user_data", "cannot be merged"},
		"executable with a space":           {contextOf(`files = { "a b.sh" = { content = "x", executable = true } }`), `files["a b.sh"]`, "in a list of names that are separated by spaces"},
		"file of cloud-init":                {contextOf(`format = "nocloud"` + "\n" + `files = { "user-data" = { content = "x" } }`), `files["user-data"]`, "is taken by cloud-init's own files"},
		"newline in cmdline":                {machine(`memory = 64` + "\n" + `os = { cmdline = "a\nb" }`), "os.cmdline", "is one line without control characters"},
		"VNC password":                      {machine(`memory = 64` + "\n" + `graphics = { password_wo = "planted,x" }`), "graphics.password_wo", "a VNC password holds neither a comma nor control"},
		"power state":                       {machine("memory = 64\npower_state = \"on\""), "power_state", `"on" is not a power state`},
		"timeout":                           {machine("memory = 64\nshutdown_timeout = \"soon\""), "shutdown_timeout", `"soon" is not a duration`},
		"id":                                {machine("memory = 64\ndisks = { xvda = { image_id = \"debian\" } }"), `disks["xvda"].image_id`, "is not an id of the form <host>/<number>"},
		"missing image":                     {machine("memory = 64\ndisks = { xvda = { image_id = \"xen01/99\" } }"), `disks["xvda"].image_id`, "There is no image xen01/99"},
		"missing kernel":                    {machine("memory = 64\nos = { kernel_id = \"xen01/99\" }"), "os.kernel_id", "There is no image xen01/99"},
		"missing context":                   {machine("memory = 64\ncontext_id = \"xen01/99\""), "context_id", "There is no context xen01/99"},
		"missing template":                  {machine("template_id = \"xen01/99\""), "template_id", "There is no template xen01/99"},
		"image of another host":             {machine("memory = 64\ndisks = { xvda = { image_id = \"xen02/1\" } }"), `disks["xvda"].image_id`, "xen02/1 is on host xen02"},
		"unknown values beside a wrong one": {
			imageOf("a", image, "") + machine(`memory = 64`+"\n"+`disks = { xvda = { image_id = xen_image.test.id }, xvdb = { volatile = "tmp", size = 1 } }`),
			`disks["xvdb"].volatile`, `"tmp" is not a volatile disk`},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: factories,
				Steps: []resource.TestStep{{
					Config: on(h, test.config), PlanOnly: true, ExpectError: refusal(test.at, test.says),
				}},
			})
		})
	}
}

// refusal matches an error at the argument: Terraform shows the line of an argument of the resource, the text names a nested one, and one
// that is missing has no line.
func refusal(argument, says string) *regexp.Regexp {
	at, text := regexp.QuoteMeta(argument), words(says).String()
	switch {
	case argument == "":
		return regexp.MustCompile(text)
	case strings.ContainsAny(argument, ".["):
		return regexp.MustCompile(at + `: [\s\S]*` + text)
	}
	return regexp.MustCompile(`\d+: *` + at + ` += [\s\S]*` + text)
}

func imageOf(name, path, more string) string {
	return fmt.Sprintf("resource \"xen_image\" \"test\" {\nname = \"%s\"\ntype = \"OS\"\npath = %q\n%s\n}\n", name, path, more)
}

func contextOf(arguments string) string {
	return fmt.Sprintf("resource \"xen_context\" \"test\" {\n%s\n}\n", arguments)
}
