package host

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// run runs nothing on s with the known_hosts file given and returns the error.
func (s *server) runKnowing(file string, change func(*Config)) error {
	h := s.host(func(c *Config) {
		c.HostKey = ""
		c.KnownHostsFiles = []string{file}
		if change != nil {
			change(c)
		}
	})
	_, err := h.Run(s.t.Context(), Script{Step: "list", Text: "true"})
	return err
}

func (s *server) line(key ssh.Signer) string {
	return fmt.Sprintf("[127.0.0.1]:%d %s\n", s.port(), publicLine(key.PublicKey()))
}

func TestKnownKey(t *testing.T) {
	all := withHostKeys(ecdsaKey, rsaKey) // beside ed25519
	s := startServer(t, all)
	address := fmt.Sprintf("127.0.0.1:%d", s.port())
	tests := map[string]string{
		"ed25519":         s.line(serverKey),
		"ecdsa only":      s.line(ecdsaKey),
		"rsa only":        s.line(rsaKey),
		"several":         s.line(rsaKey) + s.line(ecdsaKey),
		"an old one, too": s.line(changedKey) + s.line(serverKey),
		"comments":        "# my hosts\n\nother ssh-ed25519 " + strings.Fields(publicLine(changedKey.PublicKey()))[1] + "\n" + s.line(serverKey),
		"hashed":          knownhosts.HashHostname(knownhosts.Normalize(address)) + " " + publicLine(serverKey.PublicKey()) + "\n",
		"pattern":         fmt.Sprintf("[127.0.0.*]:%d %s\n", s.port(), publicLine(serverKey.PublicKey())),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			s.t = t
			file := writeFile(t, t.TempDir()+"/known_hosts", text)
			if err := s.runKnowing(file, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDefaultKnownHostsFile(t *testing.T) {
	s := startServer(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	writeFile(t, home+"/.ssh/known_hosts", s.line(serverKey))
	h := s.host(func(c *Config) { c.HostKey = "" })
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}

func TestUnknownKey(t *testing.T) {
	s := startServer(t, withHostKeys(rsaKey))
	missing := filepath.Join(t.TempDir(), "known_hosts")
	// The key of the same address on another port says nothing about this one.
	other := writeFile(t, filepath.Join(t.TempDir(), "other"), "127.0.0.1 "+publicLine(serverKey.PublicKey())+"\n")
	err := s.runKnowing(missing, func(c *Config) { c.KnownHostsFiles = append(c.KnownHostsFiles, other) })
	want := fmt.Sprintf(`Unable to list on host "xen01": the host key of 127.0.0.1:%d is not known.
  presented:   ssh-ed25519 %s
  searched in: %s (does not exist), %s
Compare the fingerprint with that of the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on its console). If it is the same, add this line to %s:
  %sor configure the host key %q`,
		s.port(), ssh.FingerprintSHA256(serverKey.PublicKey()), missing, other, missing, s.line(serverKey), publicLine(serverKey.PublicKey()))
	var failed *ConnectionError
	if !errors.As(err, &failed) || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	// The remedy in the text works.
	writeFile(t, missing, s.line(serverKey))
	if err := s.runKnowing(missing, nil); err != nil {
		t.Error(err)
	}
}

func TestChangedKey(t *testing.T) {
	s := startServer(t)
	file := writeFile(t, t.TempDir()+"/known_hosts", "# comment\n"+s.line(changedKey))
	for _, policy := range []string{Strict, AcceptNew} {
		err := s.runKnowing(file, func(c *Config) { c.HostKeyPolicy = policy })
		for _, want := range []string{
			"has changed, which may be an attack",
			"presented: ssh-ed25519 " + ssh.FingerprintSHA256(serverKey.PublicKey()),
			"on record: ssh-ed25519 " + ssh.FingerprintSHA256(changedKey.PublicKey()) + " (" + file + " line 2)",
			fmt.Sprintf(`ssh-keygen -R "[127.0.0.1]:%d"`, s.port()),
			s.line(serverKey)[:40],
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nmisses %q", policy, err, want)
			}
		}
	}
	if err := s.runKnowing(file, func(c *Config) { c.HostKeyPolicy = Insecure }); err != nil {
		t.Error(err)
	}
}

func TestKeyOfAnotherType(t *testing.T) {
	s := startServer(t) // ed25519 only
	file := writeFile(t, t.TempDir()+"/known_hosts", s.line(rsaKey))
	err := s.runKnowing(file, nil)
	for _, want := range []string{"offers no key of a type on record", "ssh-rsa " + ssh.FingerprintSHA256(rsaKey.PublicKey()), file + " line 1", "offered:   ssh-ed25519"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nmisses %q", err, want)
		}
	}
}

func TestRevokedKey(t *testing.T) {
	s := startServer(t)
	file := writeFile(t, t.TempDir()+"/known_hosts", s.line(serverKey)+"@revoked * "+publicLine(serverKey.PublicKey())+"\n")
	if err := s.runKnowing(file, nil); err == nil || !strings.Contains(err.Error(), "is revoked by "+file+" line 2") {
		t.Error(err)
	}
}

func TestAcceptNew(t *testing.T) {
	s := startServer(t)
	for name, before := range map[string]string{"no file": "", "no newline at its end": "# last line"} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			file := t.TempDir() + "/ssh/known_hosts"
			if before != "" {
				writeFile(t, file, before)
			}
			if err := s.runKnowing(file, func(c *Config) { c.HostKeyPolicy = AcceptNew }); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			want := strings.TrimPrefix(before+"\n", "\n") + s.line(serverKey)
			if err != nil || string(text) != want {
				t.Errorf("recorded %q, want %q (%v)", text, want, err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Error(info, err)
			}
			if err := s.runKnowing(file, nil); err != nil {
				t.Errorf("strict after accept-new: %v", err)
			}
		})
	}
}

func TestPinnedKey(t *testing.T) {
	s := startServer(t, withHostKeys(rsaKey, ecdsaKey))
	wrong := writeFile(t, t.TempDir()+"/known_hosts", s.line(changedKey))
	for _, key := range []ssh.Signer{serverKey, rsaKey, ecdsaKey} {
		if err := s.runKnowing(wrong, func(c *Config) { c.HostKey = publicLine(key.PublicKey()) + " root@xen01" }); err != nil {
			t.Errorf("%s: %v", key.PublicKey().Type(), err)
		}
	}
	right := writeFile(t, t.TempDir()+"/known_hosts", s.line(serverKey))
	err := s.runKnowing(right, func(c *Config) { c.HostKey = publicLine(changedKey.PublicKey()) })
	for _, want := range []string{"does not have the configured host key, which may be an attack", "configured: " + describe(changedKey.PublicKey()), "presented:  " + describe(serverKey.PublicKey())} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nmisses %q", err, want)
		}
	}
	if err := s.runKnowing(right, func(c *Config) { c.HostKey = "SHA256:abc" }); err == nil || !strings.Contains(err.Error(), `is not of the form "ssh-ed25519 AAAA..."`) {
		t.Error(err)
	}
}

func TestHostCertificate(t *testing.T) {
	authority := newKey("ed25519")
	certificate := &ssh.Certificate{
		Key: ecdsaKey.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	certified, err := ssh.NewCertSigner(certificate, ecdsaKey)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, withHostKeys(certified))
	file := writeFile(t, t.TempDir()+"/known_hosts", "@cert-authority "+s.line(authority))
	if err := s.runKnowing(file, nil); err != nil {
		t.Errorf("authority on record: %v", err)
	}
	file = writeFile(t, t.TempDir()+"/known_hosts", s.line(serverKey))
	if err := s.runKnowing(file, nil); err != nil {
		t.Errorf("plain key on record: %v", err)
	}
}

func TestBrokenHostKeySettings(t *testing.T) {
	s := startServer(t)
	file := writeFile(t, t.TempDir()+"/known_hosts", s.line(serverKey)+"what is this\n")
	if err := s.runKnowing(file, nil); err == nil || !strings.Contains(err.Error(), file+":2:") {
		t.Error(err)
	}
	err := s.runKnowing(file, func(c *Config) { c.HostKeyPolicy = "yes" })
	if err == nil || !strings.Contains(err.Error(), `the host key policy "yes" is none of "strict", "accept-new" and "insecure"`) {
		t.Error(err)
	}
}
