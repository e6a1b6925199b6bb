package host

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// completed reads a file of that text and completes cfg from it.
func completed(t testing.TB, text string, cfg Config) (Config, error) {
	t.Helper()
	return cfg.WithSSHConfig(writeFile(t, t.TempDir()+"/config", text))
}

func TestSSHConfig(t *testing.T) {
	t.Setenv("KEYS", "/keys")
	me := localUser()
	yes, no := true, false
	for name, test := range map[string]struct {
		text      string
		cfg, want Config
	}{
		"nothing":      {"", Config{Address: "xen01"}, Config{Address: "xen01"}},
		"another host": {"Host xen02\nPort 2222\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", KnownHostsFiles: []string{"k"}}},
		"where it is": {"Host xen*\n HostName %h.example.com\n Port 2222\n User ops\nHost *\n User other\n",
			Config{Address: "xen01", KnownHostsFiles: []string{"k"}},
			Config{Address: "xen01.example.com", Port: 2222, User: "ops", KnownHostsFiles: []string{"k"}}},
		"the configuration goes first": {"Port 2222\nUser ops\nIdentityFile f\nUserKnownHostsFile u\nStrictHostKeyChecking no\nHostKeyAlias a\nIdentityAgent none\n",
			Config{Address: "xen01", Port: 22, User: "root", PrivateKey: "k", KnownHostsFiles: []string{"k"}, HostKeyPolicy: Strict, HostKeyAlias: "b", Agent: &yes},
			Config{Address: "xen01", Port: 22, User: "root", PrivateKey: "k", KnownHostsFiles: []string{"k"}, HostKeyPolicy: Strict, HostKeyAlias: "b", Agent: &yes}},
		"keys": {"Host xen01\n IdentityFile ~/%n-%r-%p\n IdentitiesOnly yes\nHost *\n IdentityFile \"${KEYS}/of %u 100%%\"\n",
			Config{Address: "xen01", KnownHostsFiles: []string{"k"}},
			Config{Address: "xen01", PrivateKeyFiles: []string{"~/xen01-root-22", "/keys/of " + me.Username + " 100%"}, IdentitiesOnly: true, KnownHostsFiles: []string{"k"}}},
		"known hosts": {"HostKeyAlias rack\nUserKnownHostsFile ~/.ssh/a /b/%k\nGlobalKnownHostsFile none\nStrictHostKeyChecking accept-new\n",
			Config{Address: "xen01"},
			Config{Address: "xen01", HostKeyAlias: "rack", KnownHostsFiles: []string{"~/.ssh/a", "/b/rack"}, HostKeyPolicy: AcceptNew}},
		"no agent":                       {"IdentityAgent none\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", Agent: &no, KnownHostsFiles: []string{"k"}}},
		"another agent":                  {"IdentityAgent %d/agent\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", AgentSocket: me.HomeDir + "/agent", KnownHostsFiles: []string{"k"}}},
		"agent by name":                  {"IdentityAgent $KEYS\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", AgentSocket: "/keys", KnownHostsFiles: []string{"k"}}},
		"agent at home":                  {"IdentityAgent ~/.agent/s\n", Config{Address: "xen01", Agent: &yes, KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", Agent: &yes, AgentSocket: me.HomeDir + "/.agent/s", KnownHostsFiles: []string{"k"}}},
		"agent of nobody":                {"IdentityAgent $NO_SUCH_VARIABLE\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", Agent: &no, KnownHostsFiles: []string{"k"}}},
		"nothing recorded":               {"UserKnownHostsFile None\nGlobalKnownHostsFile none\nStrictHostKeyChecking false\n", Config{Address: "xen01"}, Config{Address: "xen01", KnownHostsFiles: []string{os.DevNull}, HostKeyPolicy: AcceptNew}},
		"changed keys too":               {"StrictHostKeyChecking no\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", HostKeyPolicy: AcceptNew, KnownHostsFiles: []string{"k"}}},
		"a command that is switched off": {"ProxyCommand none\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", KnownHostsFiles: []string{"k"}}},
		"unknown words":                  {"Compression yes\nSendEnv LANG LC_*\nHashKnownHosts yes\nFoo bar\n", Config{Address: "xen01", KnownHostsFiles: []string{"k"}}, Config{Address: "xen01", KnownHostsFiles: []string{"k"}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.User = cmp.Or(test.want.User, "root")
			got, err := completed(t, test.text, test.cfg)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, test.want)
			}
		})
	}
}

// chain writes the way to a host as ProxyJump does.
func chain(cfg *Config) string {
	if cfg == nil {
		return ""
	}
	way := fmt.Sprintf("%s@%s:%d", cfg.User, cfg.Address, cfg.Port)
	if before := chain(cfg.Bastion); before != "" {
		way = before + "," + way
	}
	return way
}

func TestSSHConfigWays(t *testing.T) {
	me := localUser().Username
	for name, test := range map[string]struct {
		text, want string
		cfg        Config
	}{
		"one":          {text: "Host xen01\nProxyJump gate\nHost gate\nUser jump\nHostName 192.0.2.1\n", want: "jump@192.0.2.1:0"},
		"with a port":  {text: "Host xen01\nProxyJump ssh://jump@gate:2222\n", want: "jump@gate:2222"},
		"IPv6":         {text: "Host xen01\nProxyJump jump@[2001:db8::1]:2222\n", want: "jump@2001:db8::1:2222"},
		"this user":    {text: "Host xen01\nProxyJump gate:22\n", want: me + "@gate:22", cfg: Config{User: "root", Password: "secret"}},
		"a chain":      {text: "Host xen01\nProxyJump a@one:1,b@two:2,c@three:3\n", want: "a@one:1,b@two:2,c@three:3"},
		"nested":       {text: "Host xen01\nProxyJump b@two:2\nHost two\nProxyJump a@one:1\n", want: "a@one:1,b@two:2"},
		"first only":   {text: "Host xen01\nProxyJump b@two:2,c@three:3\nHost two three\nProxyJump a@one:1\n", want: "a@one:1,b@two:2,c@three:3"},
		"the user's":   {text: "User ops\nHost xen01\nProxyJump %r.x@%h.gate:2\n", want: "ops.x@xen01.gate:2"},
		"a command":    {text: "Host xen01\nProxyCommand none\nHost *\nProxyJump gate\n"},
		"too late":     {text: "Host xen01\nProxyJump a@one:1\nHost xen*\nProxyCommand nc\n", want: "a@one:1"},
		"None":         {text: "Host xen01\nProxyJump None\n"},
		"none":         {text: "Host xen01\nProxyJump none\nHost *\nProxyJump gate\n"},
		"direct":       {text: "ProxyJump gate\n", cfg: Config{Direct: true}},
		"configured":   {text: "Host gw\nUser jump\nPort 2\nHost xen01\nProxyJump gate\n", want: "jump@gw:2", cfg: Config{Bastion: &Config{Address: "gw"}}},
		"of a bastion": {text: "Host gw\nUser jump\nPort 2\nProxyJump a@one:1\n", want: "a@one:1,jump@gw:2", cfg: Config{Bastion: &Config{Address: "gw"}}},
	} {
		test.cfg.Address, test.cfg.PrivateKey = "xen01", "k"
		got, err := completed(t, test.text, test.cfg)
		if err != nil || chain(got.Bastion) != test.want {
			t.Errorf("%s: %q, want %q: %v", name, chain(got.Bastion), test.want, err)
		}
		for way := got.Bastion; way != nil; way = way.Bastion {
			if way.Password != "" {
				t.Errorf("%s: the bastion %s learns the password", name, way.Address)
			}
		}
	}
}

// What the files say of a bastion goes before what the configuration says of the host, of which not all is for the bastion.
func TestSSHConfigOfABastion(t *testing.T) {
	given := Config{Address: "xen01", User: "root", Password: "secret", PrivateKeyFiles: []string{"/xen"}, PrivateKeyPassphrase: "open", KnownHostsFiles: []string{"/known"}, HostKeyPolicy: Insecure}
	for text, want := range map[string]Config{
		"User jump\nIdentityFile /gate\nUserKnownHostsFile /gates\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n": {
			Address: "gate", User: "jump", PrivateKeyFiles: []string{"/gate"}, PrivateKeyPassphrase: "open", KnownHostsFiles: []string{"/gates"}, HostKeyPolicy: Strict,
		},
		"User jump\n": {Address: "gate", User: "jump", PrivateKeyFiles: []string{"/xen"}, PrivateKeyPassphrase: "open", KnownHostsFiles: []string{"/known"}},
	} {
		got, err := completed(t, "Host xen01\nProxyJump gate\nHost gate\n"+text, given)
		if err != nil || got.Bastion == nil || !reflect.DeepEqual(*got.Bastion, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", text, err, got.Bastion, want)
		}
	}
}

func TestSSHConfigOfOthers(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	file := writeFile(t, home+"/.ssh/config", "Port 22\n")
	if err := os.Chmod(file, 0o664); err != nil {
		t.Fatal(err)
	}
	if _, err := (Config{Address: "xen01"}).WithSSHConfig("~/.ssh/config"); err == nil || !strings.Contains(err.Error(), "bad owner or permissions") {
		t.Errorf("a file that others may write: %v", err)
	}
}

func TestSSHConfigThatCannotBeFollowed(t *testing.T) {
	for text, want := range map[string]string{
		"ProxyCommand ssh -W %h:%p gate\n":                                    "xen01: ProxyCommand is not supported",
		"Host xen01\nProxyCommand nc\nHost *\nProxyJump gate\n":               "ProxyCommand is not supported",
		"ProxyJump gate\n":                                                    "ProxyJump leads in a circle: xen01 by way of gate by way of gate",
		"Host xen01\nProxyJump a\nHost a\nProxyJump b\nHost b\nProxyJump a\n": "in a circle: xen01 by way of a by way of b by way of a",
		"Host xen01\nProxyJump gate:x\n":                                      "ProxyJump gate:x",
		"Host xen01\nProxyJump jump@\n":                                       `"jump@" is not of the form [user@]host[:port]`,
		"Host xen01\nProxyJump a/b\n":                                         `"a/b" is not of the form`,
		"Host xen01\nProxyJump a,,b\n":                                        `"" is not of the form`,
		"Port x\n":                                                            `Port "x" is no number from 1 to 65535`,
		"Port 65536\n":                                                        `Port "65536"`,
		"StrictHostKeyChecking maybe\n":                                       `StrictHostKeyChecking "maybe" is none of`,
		"IdentityFile ~/.ssh/%C\n":                                            `%C in "~/.ssh/%C" stands for nothing that is known here`,
		"UserKnownHostsFile ${NO_SUCH_VARIABLE}/k\n":                          "${NO_SUCH_VARIABLE} in ",
		"User \"root\n":                                                       "config line 1: a quote is not closed",
	} {
		_, err := completed(t, text, Config{Address: "xen01"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, file := range []string{t.TempDir(), t.TempDir() + "/missing"} {
		if _, err := (Config{Address: "xen01"}).WithSSHConfig(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%v, want something about %s", err, file)
		}
	}
}

// judged returns what OpenSSH's own client would do (ssh -G), by word.
func judged(t *testing.T, file, alias string) map[string][]string {
	t.Helper()
	output, err := exec.Command("ssh", "-G", "-F", file, alias).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	said := map[string][]string{}
	for line := range strings.Lines(string(output)) {
		word, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		said[word] = append(said[word], value)
	}
	return said
}

// compare reads a file on behalf of a host as we do and as OpenSSH does.
func compare(t *testing.T, file, alias string) {
	t.Helper()
	want := judged(t, file, alias)
	said, err := readSSHConfig([]string{file}, alias, "", localUser().Username)
	if err != nil {
		t.Fatal(err)
	}
	got, err := said.login(Config{Address: alias})
	if err != nil {
		t.Fatal(err)
	}
	home := func(names []string) []string {
		for i, name := range names {
			names[i], _ = expandHome(name)
		}
		return names
	}
	files := slices.DeleteFunc(strings.Fields(want["userknownhostsfile"][0]+" "+want["globalknownhostsfile"][0]),
		func(name string) bool { return strings.HasSuffix(name, "known_hosts2") }) // names of old, which are not read here
	if len(said.said["identityfile"]) == 0 {
		want["identityfile"] = nil // the default ones
	}
	if len(got.KnownHostsFiles) == 0 {
		got.KnownHostsFiles = []string{userKnownHosts, globalKnownHosts}
	}
	if want["identityfile"], err = newTokens(got, alias).expand(want["identityfile"]); err != nil { // ssh -G leaves them
		t.Fatal(err)
	}
	for word, pair := range map[string][2]any{
		"HostName": {got.Address, want["hostname"][0]}, "Port": {strconv.Itoa(cmp.Or(got.Port, 22)), want["port"][0]}, "User": {got.User, want["user"][0]},
		"IdentityFile": {home(got.PrivateKeyFiles), home(want["identityfile"])}, "IdentitiesOnly": {got.IdentitiesOnly, want["identitiesonly"][0] == "yes"},
		"HostKeyAlias":  {got.HostKeyAlias, strings.Join(want["hostkeyalias"], "")},
		"ProxyJump":     {unlessNone(said.first("proxyjump")), unlessNone(strings.Join(want["proxyjump"], ""))},
		"ProxyCommand":  {unlessNone(said.first("proxycommand")), unlessNone(strings.Join(want["proxycommand"], ""))},
		"IdentityAgent": {got.AgentSocket, strings.Join(want["identityagent"], "")},
		"known hosts":   {strings.Fields(strings.Join(home(got.KnownHostsFiles), " ")), files},
		"policy":        {cmp.Or(got.HostKeyPolicy, Strict), map[string]string{"accept-new": AcceptNew, "ask": Strict, "true": Strict, "false": AcceptNew}[want["stricthostkeychecking"][0]]},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			text, _ := os.ReadFile(file)
			t.Errorf("%s of %s: %q, OpenSSH says %q\n%s", word, alias, pair[0], pair[1], text)
		}
	}
}

func unlessNone(value string) string {
	if isNone(value) {
		return ""
	}
	return value
}

var compareAliases = []string{"xen01", "xen02", "pool1", "gate7", "xen10", "dom0.example.com", "192.0.2.9", "XEN01"}

func TestSSHConfigAsOpenSSHUnderstandsIt(t *testing.T) {
	needs(t, "ssh")
	folder := t.TempDir()
	included := writeFile(t, folder+"/included", "Port 2207\nHost xen02\n  Port 2202\n  User included\nHost *\n  IdentityFile /included\n")
	file := writeFile(t, folder+"/user", `
# a comment
Host xen01 !xen02
  HostName=192.0.2.1
  Port   2201  # here too
  User "ops"
  IdentityFile ~/.ssh/one
  identityfile /two\ and\ three
  UserKnownHostsFile "/known 1" /known2
HOST xen?? !xen01
  hostname %h.example.com
  HostKeyAlias 'rack 7'
  StrictHostKeyChecking accept-new
  Include `+included+`
Match host pool1,pool2,!pool3 user ops,`+localUser().Username+`
  ProxyJump jump@gate:2222
Match originalhost xen02 host "*.example.com"
  IdentityFile /qualified
Match !host gate7 final
  IdentityFile /final
Match user nobody
  Port 1
Match exec false
  Port 2
Host *.example.com
  IdentitiesOnly yes
  ProxyJump none
Host *
  User last
  Port 2299
  UserKnownHostsFile ~/known %d/%n
Host * !other !gate
  ProxyJump other
`)
	for _, alias := range compareAliases {
		compare(t, file, alias)
	}
}

var sshConfigSeeds = flag.Int("ssh-configs", 20, "random ssh_config files that OpenSSH's client and we read")

// Random files mean the same to OpenSSH's client and to us.
func TestRandomSSHConfigs(t *testing.T) {
	needs(t, "ssh")
	folder := t.TempDir()
	for seed := range *sshConfigSeeds {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		of := func(choices ...string) string { return choices[random.IntN(len(choices))] }
		var text strings.Builder
		for range 5 + random.IntN(25) {
			value := of("a", `"a b"`, "'a  b'", `a\ b`, `"a\"b"`, "~/x", "%d/%n", "/%h-%p", "x # c", "x#c", "é")
			fmt.Fprintf(&text, "%s%s\n", of("", "  ", "\t"), of(
				of("Host", "HOST", "host")+of(" ", "\t", "=", " = ")+of("*", "xen0?", "xen* !xen01", `"gate7" pool1`, "!xen01", "*.example.com 192.0.2.*", "xen01,xen02", "xen01\txen02"),
				"Match "+of("", "!")+of("host", "originalhost")+" "+of("xen*,!xen01", "*.example.com", `"pool?"`, "XEN01"),
				"Match "+of("user", "localuser", "!user")+" "+of("root", "a", "x,a,root"),
				"Match "+of("all", "final", "final all", "!final host xen*", "canonical", "host xen* user a"),
				"IdentityFile "+value, "UserKnownHostsFile "+value+" "+of("", "/second"), "GlobalKnownHostsFile=/"+of("g", "h"),
				"User "+of("a", "root"), "Port"+of(" ", "=")+of("22", "2222"), "HostName "+of("192.0.2.1", "%h.example.com", "pool7"),
				"HostKeyAlias "+of("r", "'rack 7'"), "IdentitiesOnly "+of("yes", "no"), "ProxyJump "+of("none", "j", "u@j:7"), "ProxyCommand "+of("none", "nc"), "IdentityAgent "+of("~/s", "/s", "%d/a"),
				"StrictHostKeyChecking "+of("yes", "true", "no", "off", "ask", "accept-new"), "# Port 7", "", "Compression yes",
			))
		}
		file := writeFile(t, fmt.Sprintf("%s/%d", folder, seed), text.String())
		for _, alias := range compareAliases {
			compare(t, file, alias)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Whatever a file holds is read, or refused with its name and line.
func FuzzSSHConfig(f *testing.F) {
	for _, text := range []string{"Host *\nPort=22\n", "Match host a,!b final user \"x\"\n", "IdentityFile '%d\\ ${HOME}\n", "Host \xff\n", "ProxyJump a,b@[::1]:2\n"} {
		f.Add(text)
	}
	file := f.TempDir() + "/config"
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // of what this machine has
		}
		_, err := Config{Address: "xen01"}.WithSSHConfig(writeFile(t, file, text))
		if err != nil && !strings.Contains(err.Error(), file) && !strings.Contains(err.Error(), "xen01") {
			t.Errorf("%q: the error says neither where nor whose: %v", text, err)
		}
	})
}

// The file alone says how three real servers are reached, two of which are the way to the third.
func TestOpenSSHByWayOfAnSSHConfig(t *testing.T) {
	target, near, far := startSSHD(t), startSSHD(t), startSSHD(t)
	text := "Host xen01\n ProxyJump gate,inner\n HostKeyAlias rack7\n"
	for alias, h := range map[string]*Host{"xen01": target, "gate": near, "inner": far} {
		known := h.cfg.KnownHostsFiles[0]
		if alias == "xen01" {
			known = writeFile(t, t.TempDir()+"/known_hosts", "rack7 "+publicLine(serverKey.PublicKey())+"\n")
		}
		text += fmt.Sprintf("Host %s\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s\n UserKnownHostsFile %s\n IdentityAgent none\n",
			alias, h.cfg.Port, h.cfg.User, h.cfg.PrivateKeyFiles[0], known)
	}
	cfg, err := completed(t, text, Config{Address: "xen01"})
	if err != nil {
		t.Fatal(err)
	}
	h := New(cfg)
	defer func() { _ = h.Close() }()
	result, err := h.Run(t.Context(), Script{Text: `set -- $SSH_CONNECTION; echo "$4"`})
	if err != nil || string(result.Stdout) != fmt.Sprintln(target.cfg.Port) {
		t.Errorf("the script ran on the server at port %q, not %d: %v", result.Stdout, target.cfg.Port, err)
	}
	if h.bastion.bastion.Stats().Connections != 1 || h.bastion.Stats().Connections != 1 {
		t.Error("not by way of both bastions")
	}
}
