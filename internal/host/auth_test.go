package host

import (
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

var (
	userKey  = newKey("ed25519")
	otherKey = newKey("ed25519")
)

func withPassword(password string) serverOption {
	return func(s *server) {
		s.config.PasswordCallback = func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if string(given) == password {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		}
	}
}

// withQuestions asks as PAM does: a text, a visible question, a hidden one.
func withQuestions(password string) serverOption {
	return func(s *server) {
		s.config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "Welcome", []string{"Colour: ", "Password: "}, []bool{true, false})
			if err == nil && answers[0] == "" && answers[1] == password {
				return nil, nil
			}
			return nil, errors.New("wrong answers")
		}
	}
}

// startAgent runs an agent on a socket and sets SSH_AUTH_SOCK.
func startAgent(t *testing.T, keys ...ssh.Signer) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: privateKey(key)}); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn); _ = conn.Close() }()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	return socket
}

func TestAuthentication(t *testing.T) {
	on, off := true, false
	tests := []struct {
		name   string
		server serverOption
		agent  []ssh.Signer
		home   map[string]string
		cfg    Config
	}{
		{"key file", withAuthorizedKey(userKey.PublicKey()), nil, map[string]string{"k/key": keyText(t, userKey, "")}, Config{PrivateKeyFiles: []string{"~/k/key"}}},
		{"encrypted key file", withAuthorizedKey(userKey.PublicKey()), nil, map[string]string{"key": keyText(t, userKey, "open")}, Config{PrivateKeyFiles: []string{"~/key"}, PrivateKeyPassphrase: "open"}},
		{"key text", withAuthorizedKey(ecdsaKey.PublicKey()), nil, nil, Config{PrivateKey: keyText(t, ecdsaKey, "")}},
		{"encrypted key text", withAuthorizedKey(rsaKey.PublicKey()), nil, nil, Config{PrivateKey: keyText(t, rsaKey, "open"), PrivateKeyPassphrase: "open"}},
		{"default ed25519", withAuthorizedKey(userKey.PublicKey()), nil, map[string]string{".ssh/id_ed25519": keyText(t, userKey, "")}, Config{}},
		{"default rsa after others", withAuthorizedKey(rsaKey.PublicKey()), []ssh.Signer{otherKey}, map[string]string{".ssh/id_ed25519": keyText(t, userKey, ""), ".ssh/id_rsa": keyText(t, rsaKey, "")}, Config{}},
		{"agent by default", withAuthorizedKey(userKey.PublicKey()), []ssh.Signer{otherKey, userKey}, nil, Config{}},
		{"agent asked for", withAuthorizedKey(rsaKey.PublicKey()), []ssh.Signer{rsaKey}, nil, Config{Agent: &on}},
		{"agent for an encrypted file", withAuthorizedKey(userKey.PublicKey()), []ssh.Signer{userKey}, map[string]string{".ssh/id_ed25519": keyText(t, userKey, "open")}, Config{}},
		{"named file with a foreign agent", withAuthorizedKey(userKey.PublicKey()), []ssh.Signer{otherKey}, map[string]string{"key": keyText(t, userKey, "")}, Config{PrivateKeyFiles: []string{"~/key"}}},
		{"password", withPassword("pass"), nil, nil, Config{Password: "pass", Agent: &off}},
		{"keyboard-interactive", withQuestions("pass"), nil, nil, Config{Password: "pass"}},
		{"password after keys", func(s *server) { withAuthorizedKey(userKey.PublicKey())(s); withPassword("pass")(s) }, []ssh.Signer{otherKey}, nil, Config{Password: "pass"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("SSH_AUTH_SOCK", "")
			for name, text := range test.home {
				writeFile(t, filepath.Join(home, name), text)
			}
			if test.agent != nil {
				startAgent(t, test.agent...)
			}
			s := startServer(t, test.server)
			test.cfg.Address, test.cfg.Port, test.cfg.HostKey = "127.0.0.1", s.port(), publicLine(serverKey.PublicKey())
			h := New(test.cfg)
			defer func() { _ = h.Close() }()
			if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNamedKeyGoesBeforeTheAgent(t *testing.T) {
	startAgent(t, newKey("ed25519"), newKey("ed25519"), newKey("ed25519"))
	s := startServer(t, withAuthorizedKey(userKey.PublicKey()), func(s *server) { s.config.MaxAuthTries = 2 })
	h := s.host(func(c *Config) { c.Agent = nil; c.PrivateKey = keyText(t, userKey, "") })
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}

func TestCertificate(t *testing.T) {
	authority := newKey("ed25519")
	certificate := &ssh.Certificate{
		Key: userKey.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"root"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, t.TempDir()+"/key", keyText(t, userKey, ""))
	writeFile(t, file+"-cert.pub", string(ssh.MarshalAuthorizedKey(certificate)))
	s := startServer(t, withAuthorizedKey(certificate))
	h := s.host(func(c *Config) { c.PrivateKeyFiles = []string{file} })
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}

func TestRefusedAuthenticationListsWhatWasTried(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	socket := startAgent(t, otherKey)
	writeFile(t, home+"/.ssh/id_ecdsa", keyText(t, ecdsaKey, "open"))
	writeFile(t, home+"/.ssh/id_rsa", "no key")
	s := startServer(t, func(s *server) { withAuthorizedKey(userKey.PublicKey())(s); withPassword("right")(s) })
	h := s.host(func(c *Config) { c.Agent = nil; c.User = "ops"; c.Password = "hunter2" })

	_, err := h.Run(t.Context(), Script{Step: "list images", Text: "true"})
	want := `Unable to list images on host "xen01": ops@` + h.address() + ` accepted none of the ways to authenticate that were tried:
  - agent ` + socket + `: offered ssh-ed25519 ` + ssh.FingerprintSHA256(otherKey.PublicKey()) + `
  - key file ~/.ssh/id_ed25519: does not exist
  - key file ~/.ssh/id_ecdsa: is encrypted and no passphrase is configured
  - key file ~/.ssh/id_rsa: cannot be read: ssh: no key found
  - password: refused
  - the host accepts: password, publickey
The last answer was: `
	var failed *ConnectionError
	if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error contains the password")
	}

	attempts := s.count(&s.attempts)
	if _, again := h.Run(t.Context(), Script{Step: "list images", Text: "true"}); again == nil || again.Error() != err.Error() {
		t.Error(again)
	}
	if s.count(&s.attempts) != attempts {
		t.Error("the host was troubled again at once")
	}
}

func TestRefusedAuthenticationWithoutAnyProof(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("SSH_AUTH_SOCK", "")
	s := startServer(t, withQuestions("right"))
	_, err := s.host(nil).Run(t.Context(), Script{Text: "true"})
	for _, want := range []string{"keys: not tried, the host does not take them", "password: none is configured", "the host accepts: keyboard-interactive"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q misses %q", err, want)
		}
	}
	s = startServer(t, withAuthorizedKey(userKey.PublicKey()))
	h := s.host(func(c *Config) { c.Agent = nil; c.PrivateKeyFiles = []string{"~/missing"}; c.Password = "x" })
	_, err = h.Run(t.Context(), Script{Text: "true"})
	for _, want := range []string{"agent: SSH_AUTH_SOCK is not set", "key file ~/missing: does not exist", "password: not tried, the host does not take it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q misses %q", err, want)
		}
	}
}
