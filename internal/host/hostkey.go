package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeyCheck decides about the host's key in one handshake.
type hostKeyCheck struct {
	cfg        Config
	pinned     ssh.PublicKey
	files      []string              // known_hosts files with ~/ expanded
	known      ssh.HostKeyCallback   // nil when no file exists
	want       []knownhosts.KnownKey // what the files hold for this host
	algorithms []string              // host key algorithms to ask for; nil: the library's
	refused    error                 // why the key was refused
}

func (h *Host) newHostKeyCheck() (*hostKeyCheck, error) {
	k := &hostKeyCheck{cfg: h.cfg}
	switch {
	case h.cfg.HostKey != "":
		return k, k.pin()
	case h.cfg.HostKeyPolicy == Insecure:
		return k, nil
	case h.cfg.HostKeyPolicy == Strict, h.cfg.HostKeyPolicy == AcceptNew:
		return k, k.readFiles(h.knownAs())
	default:
		return nil, &hostKeyError{fmt.Sprintf("the host key policy %q is none of %q, %q and %q", h.cfg.HostKeyPolicy, Strict, AcceptNew, Insecure)}
	}
}

func (k *hostKeyCheck) pin() error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k.cfg.HostKey))
	if err != nil {
		return &hostKeyError{"the configured host key is not of the form \"ssh-ed25519 AAAA...\": " + err.Error()}
	}
	k.pinned = key
	k.algorithms = signatureAlgorithms(key.Type())
	return nil
}

// readFiles reads known_hosts and asks it, with a key that nobody has, which keys
// it holds for this host: only those are worth negotiating.
func (k *hostKeyCheck) readFiles(address string) error {
	var present []string
	for _, name := range k.cfg.KnownHostsFiles {
		path, err := expandHome(name)
		if err != nil {
			return &hostKeyError{err.Error()}
		}
		k.files = append(k.files, path)
		if _, err := os.Stat(path); err == nil && !passedOver(path) {
			present = append(present, path)
		}
	}
	known, err := knownhosts.New(present...)
	if err != nil {
		return &hostKeyError{fmt.Sprintf("known_hosts cannot be used: %s; correct or remove what it complains about", err)}
	}
	k.known = known

	var unknown *knownhosts.KeyError
	if errors.As(known(address, &net.TCPAddr{IP: net.IPv4zero}, nobodysKey{}), &unknown) {
		k.want = unknown.Want
	}
	k.algorithms = k.wantedAlgorithms()
	return nil
}

// passedOver tells whether the file of the whole machine cannot be used, which is not the user's to mend, and revokes nothing.
func passedOver(path string) bool {
	if path != globalKnownHosts {
		return false
	}
	text, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(text, []byte("@revoked")) {
		_, err = knownhosts.New(path)
	}
	return err != nil
}

// wantedAlgorithms names the algorithms of the keys on record, or all plain ones
// when there are none; those of certificates only when an authority is on record.
func (k *hostKeyCheck) wantedAlgorithms() []string {
	certified := func(algorithm string) bool { return strings.Contains(algorithm, "-cert-") }
	supported := ssh.SupportedAlgorithms().HostKeys
	slices.Reverse(supported) // the library lists the oldest first
	if len(k.want) == 0 {
		return slices.DeleteFunc(supported, certified)
	}
	authority := slices.ContainsFunc(k.want, isAuthority)
	return slices.DeleteFunc(supported, func(algorithm string) bool {
		if certified(algorithm) {
			return !authority
		}
		return !slices.ContainsFunc(k.want, func(key knownhosts.KnownKey) bool {
			return !isAuthority(key) && slices.Contains(signatureAlgorithms(key.Key.Type()), algorithm)
		})
	})
}

// isAuthority tells whether a line of known_hosts names a certificate authority.
func isAuthority(key knownhosts.KnownKey) bool {
	file, err := os.Open(key.Filename)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if n == key.Line {
			return strings.HasPrefix(strings.TrimSpace(lines.Text()), "@cert-authority")
		}
	}
	return false
}

// signatureAlgorithms returns the algorithms a key may sign with; SHA-1 is not among them.
func signatureAlgorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

// check is the ssh.HostKeyCallback. It keeps its verdict, which the library would
// hand on as text only.
func (k *hostKeyCheck) check(address string, remote net.Addr, key ssh.PublicKey) error {
	k.refused = k.judge(address, remote, key)
	return k.refused
}

func (k *hostKeyCheck) judge(address string, remote net.Addr, key ssh.PublicKey) error {
	if k.pinned != nil {
		if bytes.Equal(k.pinned.Marshal(), key.Marshal()) {
			return nil
		}
		return &hostKeyError{fmt.Sprintf("the host at %s does not have the configured host key, which may be an attack.\n  configured: %s\n  presented:  %s",
			address, describe(k.pinned), describe(key))}
	}
	if k.known == nil {
		return nil
	}
	err := k.known(address, remote, key)
	var mismatch *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return &hostKeyError{fmt.Sprintf("the key of %s, %s, is revoked by %s line %d", address, describe(key), revoked.Revoked.Filename, revoked.Revoked.Line)}
	case !errors.As(err, &mismatch):
		return &hostKeyError{fmt.Sprintf("the key of %s, %s, was refused: %s", address, describe(key), err)}
	case len(mismatch.Want) > 0:
		return k.changed(address, key)
	case k.cfg.HostKeyPolicy == AcceptNew:
		return k.record(address, key)
	default:
		return k.unknown(address, key)
	}
}

func (k *hostKeyCheck) unknown(address string, key ssh.PublicKey) error {
	var searched []string
	for _, file := range k.files {
		if _, err := os.Stat(file); err != nil {
			file += " (does not exist)"
		}
		searched = append(searched, file)
	}
	return &hostKeyError{fmt.Sprintf(`the host key of %s is not known.
  presented:   %s
  searched in: %s
Compare the fingerprint with that of the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on its console). If it is the same, add this line to %s:
  %s
or configure the host key %q`,
		address, describe(key), strings.Join(searched, ", "), k.files[0], knownhosts.Line([]string{address}, key), publicLine(key))}
}

func (k *hostKeyCheck) changed(address string, key ssh.PublicKey) error {
	return &hostKeyError{fmt.Sprintf(`the host key of %s has changed, which may be an attack: somebody may be answering in the host's place.
  presented: %s
  on record: %s
If the host was installed anew, remove that line (ssh-keygen -R %q) and add:
  %s`,
		address, describe(key), k.recorded(), knownhosts.Normalize(address), knownhosts.Line([]string{address}, key))}
}

// recorded lists what known_hosts holds for the host, with file and line.
func (k *hostKeyCheck) recorded() string {
	var lines []string
	for _, key := range k.want {
		lines = append(lines, fmt.Sprintf("%s (%s line %d)", describe(key.Key), key.Filename, key.Line))
	}
	return strings.Join(lines, "\n             ")
}

// explain adds to a failed negotiation which keys were asked for.
func (k *hostKeyCheck) explain(err error) error {
	var negotiation *ssh.AlgorithmNegotiationError
	if !errors.As(err, &negotiation) || negotiation.What != "host key" {
		return err
	}
	record := k.recorded()
	if k.pinned != nil {
		record = describe(k.pinned) + " (configured)"
	}
	return &hostKeyError{fmt.Sprintf("the host offers no key of a type on record, which may be an attack.\n  on record: %s\n  offered:   %s",
		record, strings.Join(negotiation.RequestedAlgorithms, ", "))}
}

var recording sync.Mutex

// record appends the key to the first known_hosts file.
func (k *hostKeyCheck) record(address string, key ssh.PublicKey) error {
	recording.Lock()
	defer recording.Unlock()
	file := k.files[0]
	line := knownhosts.Line([]string{address}, key) + "\n"
	if text, err := os.ReadFile(file); err == nil && len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	if err := appendFile(file, line); err != nil {
		return &hostKeyError{"the new host key cannot be recorded: " + err.Error()}
	}
	return nil
}

func appendFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

func publicLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// nobodysKey is a key that no known_hosts file holds.
type nobodysKey struct{}

func (nobodysKey) Type() string                        { return "nobody" }
func (nobodysKey) Marshal() []byte                     { return []byte("nobody") }
func (nobodysKey) Verify([]byte, *ssh.Signature) error { return errors.New("nobody's key") }
