package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// makeKeys makes the client's key in folder, and in files what dom0 gets of it: authorized_keys, and a host key that is known
// before the host runs.
func makeKeys(folder, files string) error {
	public, err := makeKey(filepath.Join(folder, clientKey))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(files, "authorized_keys"), public, 0o600); err != nil {
		return err
	}
	public, err = makeKey(filepath.Join(files, "ssh_host_ed25519_key"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(files, hostKey), public, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, hostKey), public, 0o644)
}

// makeKey writes a new ed25519 key to path and returns its public half as a line of authorized_keys.
func makeKey(path string) ([]byte, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "xen-lab")
	if err != nil {
		return nil, fmt.Errorf("making an SSH key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("making an SSH key: %w", err)
	}
	return ssh.MarshalAuthorizedKey(line), os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// readHostKey returns the host key that was built into the host, as in "ssh-ed25519 AAAA...".
func readHostKey(folder string) (string, error) {
	line, err := os.ReadFile(filepath.Join(folder, hostKey))
	return strings.TrimSpace(string(line)), err
}
