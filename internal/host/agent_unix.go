//go:build !windows

package host

import (
	"io"
	"net"
	"os"
)

// agentSocket is where the user's agent listens, or "".
func agentSocket() string { return os.Getenv("SSH_AUTH_SOCK") }

func dialAgent(socket string) (io.ReadWriteCloser, error) {
	return net.Dial("unix", socket)
}
