package host

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentKeys returns what the agent holds.
func (p *proofs) agentKeys() []ssh.Signer {
	p.agent = "agent"
	if p.cfg.Agent != nil && !*p.cfg.Agent {
		p.note(p.agent, "switched off")
		return nil
	}
	socket := cmp.Or(p.cfg.AgentSocket, agentSocket())
	if socket == "" {
		p.note(p.agent, "SSH_AUTH_SOCK is not set")
		return nil
	}
	conn, err := dialAgent(socket, p.cfg.ConnectTimeout)
	if err != nil {
		p.note(p.agent, err.Error())
		return nil
	}
	p.agentConn = conn
	p.agent += " " + socket
	signers, err := agent.NewClient(conn).Signers()
	switch {
	case err != nil:
		p.note(p.agent, err.Error())
	case len(signers) == 0:
		p.note(p.agent, "holds no keys")
	}
	return signers
}

// addHeld adds the agent's keys: first those of which the files have a half, as IdentityFile of ssh_config(5) may, and then the others,
// unless only the first are wanted.
func (p *proofs) addHeld(held []ssh.Signer, files []string) {
	named := publicKeys(files)
	p.addNamed(held, named)
	for _, signer := range held {
		switch {
		case !p.cfg.IdentitiesOnly:
			p.add(p.agent, signer)
		case !isNamed(named, signer):
			p.note(p.agent, fmt.Sprintf("kept back %s %s, which is none of the key files (IdentitiesOnly)", signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey())))
		}
	}
}

// addNamed adds those of the agent's keys whose public keys are named.
func (p *proofs) addNamed(held []ssh.Signer, named []string) {
	for _, signer := range held {
		if isNamed(named, signer) {
			p.add(p.agent, signer)
		}
	}
}

func isNamed(named []string, signer ssh.Signer) bool {
	return slices.Contains(named, string(plainKey(signer.PublicKey()).Marshal()))
}

// publicKeys returns the marshalled public keys of key files, also of those that are encrypted, or hold or have only a public half.
func publicKeys(files []string) []string {
	var keys []string
	for _, name := range files {
		path, err := expandHome(name)
		if err != nil {
			continue
		}
		for _, file := range []string{path + ".pub", path} {
			text, err := os.ReadFile(file)
			if key := publicKey(text); err == nil && key != nil {
				keys = append(keys, string(plainKey(key).Marshal()))
			}
		}
	}
	return keys
}

// publicKey returns the public half of the key in a file, or nil: the old formats of encrypted keys hide it.
func publicKey(text []byte) ssh.PublicKey {
	if key, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
		return key
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err == nil {
		return signer.PublicKey()
	}
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		return encrypted.PublicKey
	}
	return nil
}

// plainKey is the key that a certificate is for, or the key itself.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if certificate, ok := key.(*ssh.Certificate); ok {
		return certificate.Key
	}
	return key
}
