package host

import (
	"cmp"
	"io"
	"os"
	"time"
)

// agentSocket is where the user's agent listens: OpenSSH for Windows has a named pipe.
func agentSocket() string {
	return cmp.Or(os.Getenv("SSH_AUTH_SOCK"), `\\.\pipe\openssh-ssh-agent`)
}

// dialAgent connects to the agent; a pipe knows no deadline.
func dialAgent(socket string, _ time.Duration) (io.ReadWriteCloser, error) {
	return os.OpenFile(socket, os.O_RDWR, 0)
}
