package host

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestCiphers(t *testing.T) {
	for hasAES, first := range map[bool]string{true: ssh.CipherAES128GCM, false: ssh.CipherChaCha20Poly1305} {
		offered := ciphers(hasAES)
		if offered[0] != first {
			t.Errorf("with AES %t the first cipher is %s", hasAES, offered[0])
		}
		for _, name := range offered {
			if !slices.Contains(ssh.SupportedAlgorithms().Ciphers, name) || strings.Contains(name, "cbc") {
				t.Errorf("%s is not a safe cipher", name)
			}
		}
	}
}
