package model

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// ContextFormat is for which software in the guest a context is written.
type ContextFormat string

// The formats. ContextOpenNebula is what is meant when nothing is said.
const (
	ContextOpenNebula ContextFormat = "opennebula" // the guest packages of OpenNebula, and cloud-init's data source OpenNebula
	ContextNoCloud    ContextFormat = "nocloud"    // cloud-init's data source NoCloud
)

// ContextFormats lists every format.
var ContextFormats = []ContextFormat{ContextOpenNebula, ContextNoCloud}

// ContextSettings are what a guest is told by OpenNebula's variables that have an attribute of their own. Nil, empty and zero mean that
// the guest is not told.
type ContextSettings struct {
	Format           ContextFormat `json:"format,omitempty"`
	Hostname         string        `json:"hostname,omitempty"`
	HostnameFromName bool          `json:"hostname_from_name,omitempty"` // the name of the virtual machine
	User             string        `json:"user,omitempty"`
	SSHPublicKeys    []string      `json:"ssh_public_keys,omitempty"`
	StartScript      string        `json:"start_script,omitempty"`
	DNS              []string      `json:"dns,omitempty"` // IP addresses
	SearchDomain     string        `json:"search_domain,omitempty"`
	TimeZone         string        `json:"time_zone,omitempty"`
	GrowRootFS       *bool         `json:"grow_rootfs,omitempty"`
	Swap             *bool         `json:"swap,omitempty"`
	UserData         string        `json:"user_data,omitempty"` // of cloud-init
}

// settingOf names the attribute that sets a variable. The variables are those of OpenNebula's guest packages (one-context 6.6), and
// USER_DATA of cloud-init.
var settingOf = map[string]string{
	"SET_HOSTNAME": "hostname", "USERNAME": "user", "SSH_PUBLIC_KEY": "ssh_public_keys", "START_SCRIPT_BASE64": "start_script", "DNS": "dns",
	"SEARCH_DOMAIN": "search_domain", "TIMEZONE": "time_zone", "GROW_ROOTFS": "grow_rootfs", "IGNORE_SWAP": "swap",
	"USER_DATA": "user_data", "USER_DATA_ENCODING": "user_data", "PASSWORD": "password_wo", "CRYPTED_PASSWORD": "crypted_password_wo",
}

// Variables are the settings as the guest of a virtual machine with the name reads them.
func (s ContextSettings) Variables(name string) map[string]string {
	variables := map[string]string{
		"SET_HOSTNAME": s.Hostname, "USERNAME": s.User, "SSH_PUBLIC_KEY": strings.Join(s.SSHPublicKeys, "\n"),
		"START_SCRIPT_BASE64": base64.StdEncoding.EncodeToString([]byte(s.StartScript)), "DNS": strings.Join(s.DNS, " "),
		"SEARCH_DOMAIN": s.SearchDomain, "TIMEZONE": s.TimeZone, "GROW_ROOTFS": yesOrNo(s.GrowRootFS, "YES", "NO"),
		"IGNORE_SWAP": yesOrNo(s.Swap, "NO", "YES"), "USER_DATA": base64.StdEncoding.EncodeToString([]byte(s.UserData)),
	}
	if s.HostnameFromName {
		variables["SET_HOSTNAME"] = name
	}
	if s.UserData != "" {
		variables["USER_DATA_ENCODING"] = "base64"
	}
	maps.DeleteFunc(variables, func(_, value string) bool { return value == "" })
	return variables
}

func yesOrNo(said *bool, yes, no string) string {
	switch {
	case said == nil:
		return ""
	case *said:
		return yes
	}
	return no
}

var (
	hostnamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
	userPattern     = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`) // useradd(8)
	timeZonePattern = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)
	cryptedPattern  = regexp.MustCompile(`^\$[0-9a-z]+\$[!-9;-~]+$`) // crypt(5), without the colon of passwd(5)
)

func (s ContextSettings) check() *FieldError {
	switch {
	case s.Format != "" && !slices.Contains(ContextFormats, s.Format):
		return fieldError("format", "%q is not a format of a context: use one of %v", s.Format, ContextFormats)
	case s.Hostname != "" && !hostnamePattern.MatchString(s.Hostname):
		return fieldError("hostname", "%q is not a host name: letters, digits, dots and dashes", s.Hostname)
	case s.Hostname != "" && s.HostnameFromName:
		return fieldError("hostname_from_name", "the host name is either said (hostname) or the name of the virtual machine, not both")
	case s.User != "" && !userPattern.MatchString(s.User):
		return fieldError("user", "%q is not the name of a user: up to 32 small letters, digits, _ and -, not beginning with a digit", s.User)
	case s.TimeZone != "" && !timeZonePattern.MatchString(s.TimeZone):
		return fieldError("time_zone", "%q is not a time zone such as Europe/Berlin or UTC", s.TimeZone)
	case hasControl(s.SearchDomain) || strings.Contains(s.SearchDomain, ","):
		return fieldError("search_domain", "%q is not a list of domains separated by spaces", s.SearchDomain)
	case strings.ContainsRune(s.StartScript, 0):
		return fieldError("start_script", "a script holds no NUL character")
	}
	for _, key := range s.SSHPublicKeys {
		if strings.ContainsAny(strings.TrimSpace(key), "\n\r\x00") {
			return fieldError("ssh_public_keys", "a public key is one line")
		}
	}
	for _, address := range s.DNS {
		if _, err := netip.ParseAddr(address); address != "" && err != nil {
			return fieldError("dns", "%q is not an IP address", address)
		}
	}
	return nil
}

// checkPasswords says what is wrong with the passwords and never shows them.
func (s ContextSpec) checkPasswords() *FieldError {
	switch {
	case s.Password != "" && s.CryptedPassword != "":
		return fieldError("crypted_password_wo", "the password is given either as it is (password_wo) or crypted, not both")
	case hasControl(s.Password):
		return fieldError("password_wo", "a password holds no control characters")
	case s.CryptedPassword != "" && !cryptedPattern.MatchString(s.CryptedPassword):
		return fieldError("crypted_password_wo", "the password is not in the form of crypt(5), such as $6$salt$hash: make it with `openssl passwd -6`, or use password_wo")
	}
	return nil
}

// Hidden are the variables that must not be seen in state or plan: nil when there are none.
func (s ContextSpec) Hidden() map[string]string {
	hidden := maps.Clone(s.Secrets)
	for key, value := range map[string]string{"PASSWORD": s.Password, "CRYPTED_PASSWORD": s.CryptedPassword} {
		if value == "" {
			continue
		}
		if hidden == nil {
			hidden = map[string]string{}
		}
		hidden[key] = value
	}
	return hidden
}

// checkOnce refuses a variable that an attribute sets, too.
func (s ContextSpec) checkOnce() *FieldError {
	set := s.ContextSettings.Variables("a name")
	maps.Copy(set, (ContextSpec{Password: s.Password, CryptedPassword: s.CryptedPassword}).Hidden())
	for attribute, variables := range map[string]map[string]string{"variables": s.Variables, "variables_wo": s.Secrets} {
		for _, key := range sortedKeys(variables) {
			if _, twice := set[key]; !twice {
				continue
			}
			setting := settingOf[key]
			if key == "SET_HOSTNAME" && s.HostnameFromName {
				setting = "hostname_from_name"
			}
			return fieldError(attribute+"."+key, "%s says it already: say it once", cmp.Or(setting, attribute))
		}
	}
	return nil
}

// checkOneGate refuses the variables that make a guest talk to OneGate.
func checkOneGate(key string) error {
	if key != "TOKEN" && key != "REPORT_READY" && !strings.HasPrefix(key, "ONEGATE_") {
		return nil
	}
	return fmt.Errorf("%s lets the guest talk to OneGate, a service of OpenNebula's front-end, and there is no front-end here that would answer: leave it out (wait_for of the virtual machine tells when a guest is ready)", key)
}
