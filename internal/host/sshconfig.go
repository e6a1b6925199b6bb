package host

import (
	"cmp"
	"errors"
	"fmt"
	"net"
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
		completed.Bastion, err = s.way(said, cfg, completed, behind)
	}
	return completed, err
}

// way returns the last of the bastions that ProxyJump names, or nil. What the files do not say of one is as the configuration has it for the
// host, except who logs in, the password, and that any host key will do.
func (s sshConfig) way(said *reading, cfg, completed Config, behind []string) (*Config, error) {
	switch command := said.first("proxycommand"); {
	case command != "" && !isNone(command):
		return nil, fmt.Errorf("%s: ProxyCommand is not supported, and without it the host cannot be reached: write ProxyJump in its place, "+
			"or configure the bastions here", cfg.Address)
	case said.first("proxyjump") == "" || isNone(said.first("proxyjump")):
		return nil, nil
	}
	jump := strings.Join(said.said["proxyjump"][0], "")
	hops, err := newTokens(completed, said.alias).expand(strings.Split(jump, ","))
	if err != nil {
		return nil, err
	}
	var last *Config
	for _, hop := range hops {
		bastion, err := parseHop(hop)
		if err != nil {
			return nil, fmt.Errorf("%s: ProxyJump %s: %w", cfg.Address, jump, err)
		}
		bastion.Direct = last != nil // the way to the second one is by the first
		if bastion, err = s.complete(bastion, behind); err != nil {
			return nil, err
		}
		bastion.Bastion = cmp.Or(last, bastion.Bastion)
		bastion = bastion.over(cfg)
		last = &bastion
	}
	return last, nil
}

// over fills what the files do not say of a bastion from the configuration of the host behind it.
func (c Config) over(behind Config) Config {
	if len(c.PrivateKeyFiles) == 0 {
		c.PrivateKeyFiles, c.PrivateKey = behind.PrivateKeyFiles, behind.PrivateKey
	}
	if len(c.KnownHostsFiles) == 0 {
		c.KnownHostsFiles = behind.KnownHostsFiles
	}
	if behind.HostKeyPolicy != Insecure {
		c.HostKeyPolicy = cmp.Or(c.HostKeyPolicy, behind.HostKeyPolicy)
	}
	c.PrivateKeyPassphrase = behind.PrivateKeyPassphrase
	c.Agent = cmp.Or(c.Agent, behind.Agent)
	c.ConnectTimeout, c.KeepAlive = behind.ConnectTimeout, behind.KeepAlive
	return c
}

// parseHop reads [user@]host[:port] or ssh://[user@]host[:port].
func parseHop(hop string) (Config, error) {
	wrong := fmt.Errorf("%q is not of the form [user@]host[:port]", hop)
	place := strings.TrimSuffix(strings.TrimPrefix(hop, "ssh://"), "/")
	var cfg Config
	if at := strings.LastIndex(place, "@"); at >= 0 {
		cfg.User, place = place[:at], place[at+1:]
	}
	cfg.Address = place
	if strings.Contains(place, "]:") || strings.Count(place, ":") == 1 {
		host, port, err := net.SplitHostPort(place)
		if err != nil {
			return Config{}, wrong
		}
		cfg.Address = host
		if cfg.Port, err = parsePort(port); err != nil {
			return Config{}, wrong
		}
	}
	cfg.Address = strings.TrimSuffix(strings.TrimPrefix(cfg.Address, "["), "]")
	if cfg.Address == "" || strings.ContainsAny(cfg.Address, "/[] ") {
		return Config{}, wrong
	}
	return cfg, nil
}

func parsePort(text string) (int, error) {
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("%q is no number from 1 to 65535", text)
	}
	return int(number), nil
}

// isNone tells whether a word of ssh_config is switched off.
func isNone(value string) bool { return strings.EqualFold(value, "none") }

var policies = map[string]string{
	"": "", "yes": Strict, "true": Strict, "ask": Strict, AcceptNew: AcceptNew,
	"no": AcceptNew, "false": AcceptNew, "off": AcceptNew, // that a changed key is taken is not followed
}

// login takes what the files say of the host itself.
func (r *reading) login(cfg Config) (Config, error) {
	cfg.Address, cfg.User = r.hostName(), r.loginUser()
	cfg.HostKeyAlias = cmp.Or(cfg.HostKeyAlias, r.first("hostkeyalias"))
	cfg.IdentitiesOnly = cfg.IdentitiesOnly || slices.Contains([]string{"yes", "true"}, strings.ToLower(r.first("identitiesonly")))
	if port := r.first("port"); cfg.Port == 0 && port != "" {
		var err error
		if cfg.Port, err = parsePort(port); err != nil {
			return cfg, fmt.Errorf("%s: Port %w", r.alias, err)
		}
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
	if len(cfg.KnownHostsFiles) == 0 && len(r.said["userknownhostsfile"])+len(r.said["globalknownhostsfile"]) > 0 {
		var users, global []string
		users, errs[1] = tokens.expand(r.list("userknownhostsfile", userKnownHosts))
		global, errs[2] = tokens.expand(r.list("globalknownhostsfile", globalKnownHosts))
		if len(users) == 0 {
			users = []string{os.DevNull} // new keys are recorded nowhere
		}
		cfg.KnownHostsFiles = append(users, global...)
	}
	if cfg.Agent == nil || *cfg.Agent {
		cfg, errs[3] = r.agent(cfg, tokens)
	}
	return cfg, errors.Join(errs[:]...)
}

// agent takes where the agent is, if there is to be one.
func (r *reading) agent(cfg Config, tokens tokens) (Config, error) {
	socket := r.first("identityagent")
	name, variable := strings.CutPrefix(socket, "$")
	variable = variable && !strings.HasPrefix(name, "{")
	switch {
	case cfg.AgentSocket != "" || socket == "" || socket == "SSH_AUTH_SOCK":
	case isNone(socket), variable && os.Getenv(name) == "":
		cfg.Agent = cmp.Or(cfg.Agent, new(bool))
	case variable:
		cfg.AgentSocket = os.Getenv(name)
	default:
		sockets, err := tokens.expand([]string{socket})
		if err != nil {
			return cfg, err
		}
		cfg.AgentSocket, err = expandHome(sockets[0])
		return cfg, err
	}
	return cfg, nil
}

// list is the arguments of the first line of that word without none, or the default.
func (r *reading) list(word, otherwise string) []string {
	if lines := r.said[word]; len(lines) > 0 {
		return slices.DeleteFunc(slices.Clone(lines[0]), isNone)
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
