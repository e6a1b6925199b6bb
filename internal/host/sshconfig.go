package host

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// WithSSHConfig takes from files in the form of ssh_config(5) what c does not say, for the host that it calls c.Address and for its
// bastions. The names of the files may begin with ~/.
//
// These words are read: HostName, Port, User, IdentityFile, IdentitiesOnly, IdentityAgent, ProxyJump, UserKnownHostsFile,
// GlobalKnownHostsFile, HostKeyAlias and StrictHostKeyChecking, in blocks of Host and Match, and in what Include names. A Match that asks
// for what cannot be judged here, such as exec, does not apply. All other words are passed over, except that a ProxyCommand is an error.
func (c Config) WithSSHConfig(files ...string) (Config, error) {
	return sshConfig(files).complete(c, nil)
}

// sshConfig is the names of files in the form of ssh_config(5).
type sshConfig []string

// complete knows which hosts it is asked on behalf of.
func (s sshConfig) complete(cfg Config, behind []string) (Config, error) {
	behind = append(behind, cfg.Address)
	if slices.Contains(behind[:len(behind)-1], cfg.Address) {
		return cfg, fmt.Errorf("ProxyJump leads in a circle: %s", strings.Join(behind, " by way of "))
	}
	otherwise := defaultUser
	if len(behind) > 1 {
		otherwise = localUser().Username
	}
	said, err := readSSHConfig(s, cfg.Address, cfg.User, otherwise)
	if err != nil {
		return cfg, err
	}
	completed, err := said.login(cfg)
	switch {
	case err != nil:
	case cfg.Bastion != nil:
		var bastion Config
		bastion, err = s.complete(*cfg.Bastion, nil)
		completed.Bastion = &bastion
	case !cfg.Direct:
		completed.Bastion, err = s.way(said, cfg, behind)
	}
	return completed, err
}

// way returns the last of the bastions that ProxyJump names, or nil. Their keys are those of the host behind them unless the files say
// otherwise; its user and password are not theirs.
func (s sshConfig) way(said *reading, cfg Config, behind []string) (*Config, error) {
	jump, command := said.first("proxyjump"), said.first("proxycommand")
	switch {
	case jump == "" && command != "" && command != none:
		return nil, fmt.Errorf("%s: ProxyCommand is not supported, and without it the host cannot be reached: write ProxyJump in its place, "+
			"or configure the bastions here", cfg.Address)
	case jump == "" || jump == none:
		return nil, nil
	}
	var last *Config
	for hop := range strings.SplitSeq(strings.Join(said.said["proxyjump"][0], ""), ",") {
		bastion, err := parseHop(hop)
		if err != nil {
			return nil, fmt.Errorf("%s: ProxyJump %s: %w", cfg.Address, jump, err)
		}
		bastion.PrivateKeyFiles, bastion.PrivateKey, bastion.PrivateKeyPassphrase = cfg.PrivateKeyFiles, cfg.PrivateKey, cfg.PrivateKeyPassphrase
		bastion.Agent, bastion.KnownHostsFiles, bastion.HostKeyPolicy = cfg.Agent, cfg.KnownHostsFiles, cfg.HostKeyPolicy
		bastion.ConnectTimeout, bastion.KeepAlive = cfg.ConnectTimeout, cfg.KeepAlive
		bastion.Direct = last != nil // the way to the second one is by the first
		if bastion, err = s.complete(bastion, behind); err != nil {
			return nil, err
		}
		if last != nil {
			bastion.Bastion = last
		}
		last = &bastion
	}
	return last, nil
}

// parseHop reads [user@]host[:port] or ssh://[user@]host[:port].
func parseHop(hop string) (Config, error) {
	place, err := url.Parse("ssh://" + strings.TrimPrefix(hop, "ssh://"))
	if err != nil {
		return Config{}, err
	}
	cfg := Config{Address: place.Hostname(), User: place.User.Username()}
	if place.Port() != "" {
		cfg.Port, err = strconv.Atoi(place.Port())
	}
	if err != nil || cfg.Address == "" || strings.Trim(place.Path, "/") != "" {
		return Config{}, fmt.Errorf("%q is not of the form [user@]host[:port]", hop)
	}
	return cfg, nil
}

// none is what switches a word of ssh_config off.
const none = "none"

var policies = map[string]string{
	"": "", "yes": Strict, "ask": Strict, AcceptNew: AcceptNew,
	"no": AcceptNew, "off": AcceptNew, // that a changed key is taken is not followed
}

// login takes what the files say of the host itself.
func (r *reading) login(cfg Config) (Config, error) {
	cfg.Address, cfg.User = r.hostName(), r.loginUser()
	cfg.HostKeyAlias = cmp.Or(cfg.HostKeyAlias, r.first("hostkeyalias"))
	cfg.IdentitiesOnly = cfg.IdentitiesOnly || slices.Contains([]string{"yes", "true"}, strings.ToLower(r.first("identitiesonly")))
	if port := r.first("port"); cfg.Port == 0 && port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return cfg, fmt.Errorf("%s: Port %q is no number from 1 to 65535", r.alias, port)
		}
		cfg.Port = int(number)
	}
	policy, known := policies[strings.ToLower(r.first("stricthostkeychecking"))]
	if !known {
		return cfg, fmt.Errorf("%s: StrictHostKeyChecking %q is none of yes, accept-new, ask, no and off", r.alias, r.first("stricthostkeychecking"))
	}
	cfg.HostKeyPolicy = cmp.Or(cfg.HostKeyPolicy, policy)
	return r.paths(cfg)
}

// paths takes the words that are names of files.
func (r *reading) paths(cfg Config) (Config, error) {
	tokens := newTokens(cfg, r.alias)
	var errs [4]error
	if cfg.PrivateKey == "" && len(cfg.PrivateKeyFiles) == 0 {
		for _, line := range r.said["identityfile"] {
			if !slices.Contains(cfg.PrivateKeyFiles, line[0]) {
				cfg.PrivateKeyFiles = append(cfg.PrivateKeyFiles, line[0])
			}
		}
		cfg.PrivateKeyFiles, errs[0] = tokens.expand(cfg.PrivateKeyFiles)
	}
	if len(cfg.KnownHostsFiles) == 0 {
		var users, global []string
		users, errs[1] = tokens.expand(r.list("userknownhostsfile", userKnownHosts))
		global, errs[2] = tokens.expand(r.list("globalknownhostsfile", globalKnownHosts))
		cfg.KnownHostsFiles = append(users, global...)
	}
	switch socket := r.first("identityagent"); {
	case cfg.Agent != nil || cfg.AgentSocket != "" || socket == "" || socket == "SSH_AUTH_SOCK":
	case socket == none:
		cfg.Agent = new(bool)
	case strings.HasPrefix(socket, "$") && !strings.HasPrefix(socket, "${"):
		cfg.AgentSocket = os.Getenv(socket[1:])
	default:
		var sockets []string
		sockets, errs[3] = tokens.expand([]string{socket})
		cfg.AgentSocket = sockets[0]
	}
	return cfg, errors.Join(errs[:]...)
}

// list is the arguments of the first line of that word without none, or the default.
func (r *reading) list(word, otherwise string) []string {
	if lines := r.said[word]; len(lines) > 0 {
		return slices.DeleteFunc(slices.Clone(lines[0]), func(file string) bool { return file == none })
	}
	return []string{otherwise}
}

// tokens are the %-tokens of ssh_config(5), section TOKENS, that names of files may hold.
type tokens map[string]string

func newTokens(cfg Config, alias string) tokens {
	me := localUser()
	return tokens{
		"%%": "%", "%d": me.HomeDir, "%h": cfg.Address, "%i": me.Uid, "%k": cmp.Or(cfg.HostKeyAlias, alias), "%n": alias,
		"%p": strconv.Itoa(cmp.Or(cfg.Port, defaultPort)), "%r": cfg.User, "%u": me.Username,
	}
}

var tokenPattern = regexp.MustCompile(`%.|\$\{[^}]*\}`)

// expand replaces the tokens, and ${NAME} by what the environment holds.
func (t tokens) expand(values []string) ([]string, error) {
	var wrong error
	for i, value := range values {
		values[i] = tokenPattern.ReplaceAllStringFunc(value, func(token string) string {
			replacement, known := t[token]
			if name, found := strings.CutPrefix(token, "${"); found {
				replacement, known = os.LookupEnv(strings.TrimSuffix(name, "}"))
			}
			if !known {
				wrong = fmt.Errorf("%s in %q stands for nothing that is known here", token, value)
			}
			return replacement
		})
	}
	return values, wrong
}

// localUser is who runs this program, as far as the system knows.
func localUser() user.User {
	me, err := user.Current()
	if err != nil {
		return user.User{}
	}
	return *me
}
