//go:build !windows

package host

import (
	"io"
	"net"
	"os"
	"time"
)

// agentSocket is where the user's agent listens, or "".
func agentSocket() string { return os.Getenv("SSH_AUTH_SOCK") }

// dialAgent connects to the agent, which then has the time given for all it is asked.
func dialAgent(socket string, timeout time.Duration) (io.ReadWriteCloser, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(timeout))
}
