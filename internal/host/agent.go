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

// addAgent adds the agent's keys. Those of which the files hold a half, as IdentityFile of ssh_config(5) may, go first, or alone.
func (p *proofs) addAgent(files []string) {
	if p.cfg.Agent != nil && !*p.cfg.Agent {
		p.note("agent", "switched off")
		return
	}
	socket := cmp.Or(p.cfg.AgentSocket, agentSocket())
	if socket == "" {
		p.note("agent", "SSH_AUTH_SOCK is not set")
		return
	}
	conn, err := dialAgent(socket, p.cfg.ConnectTimeout)
	if err != nil {
		p.note("agent", err.Error())
		return
	}
	p.agentConn = conn
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		p.note("agent "+socket, err.Error())
		return
	}
	if len(signers) == 0 {
		p.note("agent "+socket, "holds no keys")
	}
	named := publicKeys(files)
	isNamed := func(signer ssh.Signer) bool {
		return slices.Contains(named, string(plainKey(signer.PublicKey()).Marshal()))
	}
	for _, signer := range signers {
		if isNamed(signer) {
			p.add("agent "+socket, signer)
		}
	}
	for _, signer := range signers {
		switch {
		case !p.cfg.IdentitiesOnly:
			p.add("agent "+socket, signer)
		case !isNamed(signer):
			p.note("agent "+socket, fmt.Sprintf("kept back %s %s, which is none of the key files (IdentitiesOnly)", signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey())))
		}
	}
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
