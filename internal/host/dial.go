package host

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// ErrForwarding tells that the host does not open TCP connections for its clients (AllowTcpForwarding of sshd_config(5)).
var ErrForwarding = errors.New("its SSH server does not allow forwarding")

// Dial opens a TCP connection from the host to an address, "192.0.2.7:22", over the connection that scripts use. The host needs nothing
// for it but its SSH server. An error that is neither ErrForwarding nor a *ConnectionError means that nobody answered there.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := h.connect(ctx)
	if err != nil {
		return nil, &ConnectionError{Host: h.Name(), Step: "connect to " + address, Err: err}
	}
	stream, err := conn.client.DialContext(ctx, "tcp", address)
	var refused *ssh.OpenChannelError
	switch {
	case err == nil:
		return stream, nil
	case errors.As(err, &refused) && refused.Reason == ssh.Prohibited:
		return nil, fmt.Errorf("unable to connect to %s from host %q: %w", address, h.Name(), ErrForwarding)
	case errors.As(err, &refused) || ctx.Err() != nil:
		return nil, fmt.Errorf("no answer from %s", address)
	}
	return nil, &ConnectionError{Host: h.Name(), Step: "connect to " + address, Err: conn.cause(err)}
}
