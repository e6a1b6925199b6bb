package host

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// needs skips where a program is missing that make test installs.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("there is no %s; make test installs it", program)
	}
}

// Login shells as OpenSSH starts them: what they print is not taken for an answer, and one that runs nothing is an error with its words.
func TestOpenSSHLoginShells(t *testing.T) {
	const really = ` "$SSH_ORIGINAL_COMMAND"`
	for name, test := range map[string]struct{ program, forced, says string }{
		"csh":              {"csh", "exec csh -fc" + really, ""},
		"fish":             {"fish", "exec fish -c" + really, ""},
		"text before":      {"sh", "echo Welcome; echo 'cannot set locale' >&2; exec sh -c" + really, ""},
		"another language": {"sh", "export LC_ALL=de_DE.UTF-8 LANGUAGE=de LANG=tr_TR.UTF-8; exec sh -c" + really, ""},
		"strange PATH":     {"sh", "export PATH=/bin:/usr/bin IFS=/ ENV=/absent; exec sh -c" + really, ""},
		"restricted shell": {"bash", "exec bash -rc" + really, "restricted"},
		"no login":         {"sh", "/usr/sbin/nologin", "This account is currently not available"},
		"forced command":   {"sh", "echo only backups here", "only backups here"},
		"quiet command":    {"sh", "true", "(nothing)"},
		"file transfer":    {"sh", "internal-sftp", "did not run the script"},
	} {
		t.Run(name, func(t *testing.T) {
			needs(t, test.program)
			h := startSSHD(t, "ForceCommand "+test.forced)
			result, err := h.Run(t.Context(), Script{
				Step: "list images", Text: `read -r line; printf '%s|%s|%s' "$1" "$line" "$LC_ALL"; ls /absent`, Args: []string{"$HOME !! 'x' %"}, Stdin: strings.NewReader("first\nrest"),
			})
			var exit *ExitError
			switch {
			case test.says == "" && (!errors.As(err, &exit) || string(result.Stdout) != "$HOME !! 'x' %|first|C" || !strings.Contains(string(result.Stderr), "No such file or directory")):
				t.Errorf("%q %q %v", result.Stdout, result.Stderr, err)
			case test.says != "" && (err == nil || errors.As(err, &exit) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "Unable to list images")):
				t.Errorf("%v", err)
			}
		})
	}
}

// With the real sudo: as somebody who may use it, and as somebody who may not.
func TestOpenSSHSudo(t *testing.T) {
	needs(t, "sudo")
	if me, err := user.Current(); err != nil || me.Uid != "0" {
		t.Skip("only root may use sudo on any machine")
	}
	h := startSSHD(t)
	cfg := h.cfg
	cfg.Sudo = true
	h = New(cfg)
	defer h.Close()
	result, err := h.Run(t.Context(), Script{Text: `printf '%s|%s|%s|' "$SUDO_USER" "$1" "$(id -u)"; cat`, Args: []string{"a'b"}, Stdin: strings.NewReader("in\n")})
	if err != nil || string(result.Stdout) != "root|a'b|0|in\n" {
		t.Errorf("%q %q %v", result.Stdout, result.Stderr, err)
	}
	held, err := h.Hold(t.Context(), Script{Text: "echo $$; cat >/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Release(); err != nil || alive(t, held.Line()) {
		t.Error(err)
	}

	nobody := startSSHD(t, `ForceCommand exec runuser -u nobody -- sh -c "$SSH_ORIGINAL_COMMAND"`).cfg
	nobody.Sudo = true
	h = New(nobody)
	defer h.Close()
	_, err = h.Run(t.Context(), Script{Text: "true"})
	var exit *ExitError
	if err == nil || errors.As(err, &exit) || !strings.Contains(err.Error(), "NOPASSWD") || !strings.Contains(err.Error(), "password is required") {
		t.Errorf("somebody who has to give a password: %v", err)
	}
}

func sign(t *testing.T, authority, key ssh.Signer, kind uint32, principals ...string) *ssh.Certificate {
	t.Helper()
	certificate := &ssh.Certificate{
		Key: key.PublicKey(), CertType: kind, KeyId: "test", ValidPrincipals: principals,
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return certificate
}

// Certificates of both sides, expired ones, revoked keys, and a host with keys of several types.
func TestOpenSSHCertificates(t *testing.T) {
	directory := t.TempDir()
	authority := newKey("ed25519")
	caFile := writeFile(t, directory+"/ca.pub", publicLine(authority.PublicKey())+"\n")
	hostCert := writeFile(t, directory+"/host-cert.pub", publicLine(sign(t, authority, serverKey, ssh.HostCert, "127.0.0.1"))+"\n")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := startSSHD(t, "TrustedUserCAKeys "+caFile, "HostCertificate "+hostCert, "HostKey "+writeFile(t, directory+"/rsa", keyText(t, rsaKey, "")),
		"RevokedKeys "+writeFile(t, directory+"/revoked", publicLine(otherKey.PublicKey())+"\n"))
	try := func(change func(*Config)) error {
		cfg := h.cfg
		change(&cfg)
		h := New(cfg)
		defer h.Close()
		_, err := h.Run(t.Context(), Script{Text: "true"})
		return err
	}
	knows := func(lines string) func(*Config) {
		host := fmt.Sprintf(" [127.0.0.1]:%d ", h.cfg.Port)
		file := writeFile(t, filepath.Join(t.TempDir(), "known_hosts"), strings.ReplaceAll(lines, " HOST ", host))
		return func(c *Config) { c.KnownHostsFiles = []string{file} }
	}
	with := func(key ssh.Signer, certificate *ssh.Certificate) func(*Config) {
		file := writeFile(t, filepath.Join(t.TempDir(), "key"), keyText(t, key, "open"))
		if certificate != nil {
			writeFile(t, file+"-cert.pub", publicLine(certificate)+"\n")
		}
		return func(c *Config) { c.PrivateKeyFiles, c.PrivateKeyPassphrase = []string{file}, "open" }
	}
	expired := sign(t, authority, ecdsaKey, ssh.UserCert, me.Username)
	expired.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix())
	if err := expired.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"host by its authority":         {knows("@cert-authority HOST " + publicLine(authority.PublicKey()) + "\n"), ""},
		"another authority":             {knows("@cert-authority HOST " + publicLine(otherKey.PublicKey()) + "\n"), "key"},
		"host by its RSA key":           {knows(" HOST " + publicLine(rsaKey.PublicKey()) + "\n"), ""},
		"changed key":                   {knows(" HOST " + publicLine(otherKey.PublicKey()) + "\n"), "has changed, which may be an attack"},
		"key of a type that it has not": {knows(" HOST " + publicLine(ecdsaKey.PublicKey()) + "\n"), "no key of a type on record"},
		"unknown host":                  {knows(""), "is not known"},
		"revoked host key":              {knows("@revoked HOST " + publicLine(serverKey.PublicKey()) + "\n HOST " + publicLine(serverKey.PublicKey()) + "\n"), "is revoked by"},
		"user certificate":              {with(ecdsaKey, sign(t, authority, ecdsaKey, ssh.UserCert, me.Username)), ""},
		"another's certificate":         {with(ecdsaKey, sign(t, authority, ecdsaKey, ssh.UserCert, "somebody-else")), "accepted none of the ways to authenticate"},
		"expired certificate":           {with(ecdsaKey, expired), "accepted none of the ways to authenticate"},
		"revoked user key":              {with(otherKey, nil), "accepted none of the ways to authenticate"},
		"encrypted key":                 {with(userKey, nil), ""},
		"wrong passphrase":              {func(c *Config) { with(userKey, nil)(c); c.PrivateKeyPassphrase = "planted-secret" }, "cannot be read"},
	} {
		err := try(test.change)
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "planted-secret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// sshd hangs up after some keys (MaxAuthTries): a named key goes first, and without one the error lists what was offered.
func TestOpenSSHAgentWithManyKeys(t *testing.T) {
	var keys []ssh.Signer
	for range 9 {
		keys = append(keys, newKey("ed25519"))
	}
	h := startSSHD(t)
	startAgent(t, append(keys, userKey)...)
	on, named := true, h.cfg
	named.Agent = &on
	h = New(named)
	defer h.Close()
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
	t.Setenv("HOME", t.TempDir())
	named.PrivateKeyFiles = nil
	h = New(named)
	defer h.Close()
	_, err := h.Run(t.Context(), Script{Text: "true"})
	if err == nil || !strings.Contains(err.Error(), "Too many authentication failures") || strings.Count(err.Error(), "offered ssh-ed25519") != 10 || !strings.Contains(err.Error(), "private_key_file") {
		t.Errorf("%v", err)
	}
}

// The public half of a key in a file says which of the agent's keys goes first; with IdentitiesOnly no other one is offered.
func TestOpenSSHKeysOfTheAgentByFile(t *testing.T) {
	h := startSSHD(t, "MaxAuthTries 1")
	other := newKey("ed25519")
	startAgent(t, newKey("ed25519"), newKey("ed25519"), userKey)
	t.Setenv("HOME", t.TempDir())
	for name, test := range map[string]struct {
		files map[string]string
		only  bool
		says  string // empty: let in
	}{
		"public half alone": {map[string]string{"key.pub": publicLine(userKey.PublicKey()) + "\n"}, false, ""},
		"named by its half": {map[string]string{"key": publicLine(userKey.PublicKey()) + "\n"}, true, ""},
		"encrypted":         {map[string]string{"key": keyText(t, userKey, "secret")}, false, ""},
		"another key":       {map[string]string{"key.pub": publicLine(other.PublicKey()) + "\n"}, true, "kept back ssh-ed25519 " + ssh.FingerprintSHA256(userKey.PublicKey())},
		"nothing is said":   {nil, false, "Too many authentication failures"},
	} {
		folder := t.TempDir()
		for file, text := range test.files {
			writeFile(t, folder+"/"+file, text)
		}
		cfg := h.cfg
		cfg.Agent, cfg.PrivateKeyFiles, cfg.IdentitiesOnly = nil, []string{folder + "/key"}, test.only
		reached := New(cfg)
		_, err := reached.Run(t.Context(), Script{Text: "true"})
		_ = reached.Close()
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Neither a place to write to nor one to run programs from is needed on a host.
func TestOpenSSHOnAReadOnlyHost(t *testing.T) {
	h := startSSHDWhere(t, `
mount --bind /tmp /tmp
mount -o remount,bind,ro,noexec /tmp
mount -o remount,bind,ro /`)
	result, err := h.Run(t.Context(), Script{Text: `if touch /tmp/x 2>/dev/null || touch /x 2>/dev/null; then echo writable; fi; cat`, Stdin: strings.NewReader("input")})
	if err != nil || string(result.Stdout) != "input" {
		t.Errorf("%q %v", result.Stdout, err)
	}
	held, err := h.Hold(t.Context(), Script{Text: `echo held; cat >/dev/null`})
	if err != nil || held.Line() != "held" {
		t.Fatal(err)
	}
	if err := held.Release(); err != nil {
		t.Error(err)
	}
}

// With PAM a real server asks for the password by keyboard-interactive.
func TestOpenSSHKeyboardInteractive(t *testing.T) {
	folder := t.TempDir()
	check := writeFile(t, folder+"/check", "#!/bin/sh\n[ \"$(tr -d '\\0')\" = 'open sesame' ]\n")
	if err := os.Chmod(check, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, folder+"/pam.d/sshd", "auth required pam_exec.so quiet expose_authtok "+check+"\nauth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n")
	h := startSSHDWhere(t, "mount --bind "+folder+"/pam.d /etc/pam.d", "UsePAM yes", "KbdInteractiveAuthentication yes",
		"AuthenticationMethods keyboard-interactive", "PermitRootLogin yes")
	for password, says := range map[string]string{"open sesame": "", "wrong": "password: refused", "": "password: none is configured"} {
		cfg := h.cfg
		cfg.Password = password
		reached := New(cfg)
		_, err := reached.Run(t.Context(), Script{Text: "true"})
		_ = reached.Close()
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says) || password != "" && strings.Contains(err.Error(), password)) {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// A connection that the host ends is opened anew; what ran is not taken for done.
func TestOpenSSHLostAndBack(t *testing.T) {
	h := startSSHD(t)
	_, err := h.Run(t.Context(), Script{Step: "create a domain", Text: `kill -KILL "$PPID"; sleep 5`})
	var exit *ExitError
	if err == nil || errors.As(err, &exit) || !strings.Contains(err.Error(), "outcome is unknown") {
		t.Errorf("%v", err)
	}
	once := filepath.Join(t.TempDir(), "once")
	result, err := h.Run(t.Context(), Script{Text: `[ -e "$1" ] || { : >"$1"; kill -KILL "$PPID"; sleep 5; }; echo again`, Args: []string{once}, Repeatable: true})
	if err != nil || string(result.Stdout) != "again\n" || h.Stats().Connections != 3 {
		t.Errorf("%q %v after %d connections", result.Stdout, err, h.Stats().Connections)
	}
	if _, err := os.Stat(once); err != nil {
		t.Error(err)
	}
}

// One session at a time is enough for scripts that come one by one; a lock beside them needs a second one, and the error says so.
func TestOpenSSHWithOneSession(t *testing.T) {
	cfg := startSSHD(t, "MaxSessions 1").cfg
	cfg.ConnectTimeout = 2 * time.Second
	h := New(cfg)
	defer h.Close()
	for range 3 {
		if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
			t.Error(err)
		}
	}
	held, err := h.Hold(t.Context(), Script{Text: "echo locked; cat >/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Run(t.Context(), Script{Step: "create a domain", Text: "true"})
	if err == nil || !strings.Contains(err.Error(), "MaxSessions") {
		t.Errorf("%v", err)
	}
	if err := held.Release(); err != nil {
		t.Error(err)
	}
}
