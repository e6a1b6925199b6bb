package simhost

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// keys are the host's own key and the one key that opens it.
type keys struct {
	host        ssh.Signer
	hostPublic  string
	client      ssh.PublicKey
	privateFile string
}

// makeKeys makes the keys in dir, or reads those that an earlier run made there.
func makeKeys(dir string, s settings) (keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keys{}, err
	}
	host, err := signer(filepath.Join(dir, "host_"+s.HostKeyType), s.HostKeyType, "")
	if err != nil {
		return keys{}, err
	}
	file := filepath.Join(dir, "id_ed25519")
	client, err := signer(file, "ed25519", s.Passphrase)
	if err != nil {
		return keys{}, err
	}
	return keys{
		host:        host,
		hostPublic:  strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host.PublicKey()))),
		client:      client.PublicKey(),
		privateFile: file,
	}, nil
}

func signer(file, kind, passphrase string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = newKey(file, kind, passphrase)
	}
	if err != nil {
		return nil, err
	}
	if passphrase != "" {
		return ssh.ParsePrivateKeyWithPassphrase(text, []byte(passphrase))
	}
	return ssh.ParsePrivateKey(text)
}

func newKey(file, kind, passphrase string) ([]byte, error) {
	key, err := generate(kind)
	if err != nil {
		return nil, err
	}
	var block *pem.Block
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "simhost", []byte(passphrase))
	} else {
		block, err = ssh.MarshalPrivateKey(key, "simhost")
	}
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(block)
	return text, os.WriteFile(file, text, 0o600)
}

func generate(kind string) (crypto.PrivateKey, error) {
	switch kind {
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "ecdsa":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("no such key type: %q", kind)
}
