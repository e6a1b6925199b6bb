package host

import (
	"runtime"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"
)

// ciphers are those offered to the host, the fastest first: AES-GCM where the processor computes it, else ChaCha20. What stands behind
// them is for hosts that know neither.
func ciphers(hasAES bool) []string {
	aes, chacha := []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM}, []string{ssh.CipherChaCha20Poly1305}
	first, second := chacha, aes
	if hasAES {
		first, second = aes, chacha
	}
	return append(append(first, second...), ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR)
}

// hasAES tells whether the processor has instructions for AES-GCM, as crypto/aes of Go uses them.
func hasAES() bool {
	switch runtime.GOARCH {
	case "amd64":
		return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE41
	case "arm64":
		return cpu.ARM64.HasAES && cpu.ARM64.HasPMULL || runtime.GOOS == "darwin"
	case "s390x":
		return cpu.S390X.HasAES && cpu.S390X.HasAESGCM
	case "ppc64le":
		return true
	}
	return false
}
