package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// defaultKeyFiles are tried when no key is named, in ssh(1)'s order of preference.
var defaultKeyFiles = []string{"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"}

// proofs gathers what one handshake may offer, and notes for the error what
// became of each source.
type proofs struct {
	cfg       Config
	notes     []string
	signers   []ssh.Signer
	agentConn io.Closer
	agent     string   // how notes call the agent
	begun     bool     // the host answered to the first method
	accepts   []string // the methods that the host named last
}

func (h *Host) newProofs() *proofs { return &proofs{cfg: h.cfg} }

// methods returns every method in OpenSSH's order. The client library tries each
// method once, so all keys stand in one.
func (p *proofs) methods() []ssh.AuthMethod {
	methods := []ssh.AuthMethod{ssh.PublicKeysCallback(p.keys)}
	if p.cfg.Password != "" {
		methods = append(methods, ssh.KeyboardInteractive(p.answer), ssh.Password(p.cfg.Password))
	}
	return methods
}

// observe learns which methods the host accepts and leaves the choice to the library.
func (p *proofs) observe(seen *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	p.begun = true
	p.accepts = seen.AllowedMethods
	return nil, nil
}

// answer gives the password to every question that hides its answer.
func (p *proofs) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range questions {
		if !echos[i] {
			answers[i] = p.cfg.Password
		}
	}
	return answers, nil
}

func (p *proofs) close() {
	if p.agentConn != nil {
		_ = p.agentConn.Close()
	}
}

// report says for each source what it gave, and what the host would take.
func (p *proofs) report() []string {
	notes := slices.Clone(p.notes)
	if len(notes) == 0 {
		notes = append(notes, "keys: not tried, the host does not take them")
	}
	switch {
	case p.cfg.Password == "":
		notes = append(notes, "password: none is configured")
	case slices.Contains(p.accepts, "password") || slices.Contains(p.accepts, "keyboard-interactive"):
		notes = append(notes, "password: refused")
	default:
		notes = append(notes, "password: not tried, the host does not take it")
	}
	return append(notes, "the host accepts: "+strings.Join(p.accepts, ", "))
}

// keys returns the keys of all sources. A key named by the user goes before those
// of the agent, for sshd refuses the connection after some keys (MaxAuthTries);
// the default files come last, as in ssh(1).
func (p *proofs) keys() ([]ssh.Signer, error) {
	if p.cfg.PrivateKey != "" {
		p.addKey("private key given as text", []byte(p.cfg.PrivateKey))
	}
	held := p.agentKeys()
	if p.cfg.PrivateKey == "" && len(p.cfg.PrivateKeyFiles) == 0 {
		p.addHeld(held, defaultKeyFiles)
		p.addFiles(defaultKeyFiles, nil)
	} else {
		p.addFiles(p.cfg.PrivateKeyFiles, held)
		p.addHeld(held, p.cfg.PrivateKeyFiles)
	}
	return p.signers, nil
}

// addFiles adds the key of each file, from the agent where the file has only the public half of it.
func (p *proofs) addFiles(names []string, held []ssh.Signer) {
	for _, name := range names {
		p.addFile(name)
		p.addNamed(held, publicKeys([]string{name}))
	}
}

// addFile adds the key in a file, led by the certificate FILE-cert.pub if there is one.
func (p *proofs) addFile(name string) {
	source := "key file " + name
	path, err := expandHome(name)
	if err != nil {
		p.note(source, err.Error())
		return
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		p.note(source, "does not exist")
		return
	case err != nil:
		p.note(source, err.Error())
		return
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil && !bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		p.note(source, "holds a public key, whose other half only an agent can have")
		return
	}
	signer := p.parseKey(source, text)
	if signer == nil {
		return
	}
	p.addCertificate(path+"-cert.pub", signer)
	p.add(source, signer)
}

func (p *proofs) addKey(source string, text []byte) {
	if signer := p.parseKey(source, text); signer != nil {
		p.add(source, signer)
	}
}

// parseKey reads a private key, or notes why it cannot.
func (p *proofs) parseKey(source string, text []byte) ssh.Signer {
	signer, err := ssh.ParsePrivateKey(text)
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		if p.cfg.PrivateKeyPassphrase == "" {
			p.note(source, "is encrypted and no passphrase is configured")
			return nil
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(p.cfg.PrivateKeyPassphrase))
	}
	if err != nil {
		p.note(source, "cannot be read: "+err.Error())
		return nil
	}
	return signer
}

func (p *proofs) addCertificate(path string, signer ssh.Signer) {
	text, err := os.ReadFile(path)
	if err != nil {
		return // most keys have none
	}
	source := "certificate " + path
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		p.note(source, "cannot be read: "+err.Error())
		return
	}
	certificate, ok := public.(*ssh.Certificate)
	if !ok {
		p.note(source, "is no certificate")
		return
	}
	certified, err := ssh.NewCertSigner(certificate, signer)
	if err != nil {
		p.note(source, err.Error())
		return
	}
	p.add(source, certified)
}

// add offers a key unless another source already did.
func (p *proofs) add(source string, signer ssh.Signer) {
	same := func(other ssh.Signer) bool {
		return bytes.Equal(other.PublicKey().Marshal(), signer.PublicKey().Marshal())
	}
	if slices.ContainsFunc(p.signers, same) {
		return
	}
	p.signers = append(p.signers, signer)
	p.note(source, fmt.Sprintf("offered %s %s", signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey())))
}

func (p *proofs) note(source, what string) {
	p.notes = append(p.notes, source+": "+what)
}
