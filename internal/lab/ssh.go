package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// remote runs a command on the lab's host and returns what it printed. Values go to its standard input, never into its text.
func (e Env) remote(ctx context.Context, command, input string) (string, error) {
	key, err := os.ReadFile(e.PrivateKeyFile)
	if err != nil {
		return "", err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", e.PrivateKeyFile, err)
	}
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(e.HostKey))
	if err != nil {
		return "", fmt.Errorf("reading the host key %q: %w", e.HostKey, err)
	}

	dialer := net.Dialer{Timeout: 10 * time.Second}
	socket, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(e.Host, e.Port))
	if err != nil {
		return "", err
	}
	defer socket.Close()
	return Ask(ctx, socket, &ssh.ClientConfig{
		User:              e.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   ssh.FixedHostKey(known),
		HostKeyAlgorithms: []string{known.Type()},
	}, command, input)
}

// Ask runs a command on the SSH server at the other end of a connection, which the caller closes, and returns what it printed.
func Ask(ctx context.Context, stream net.Conn, config *ssh.ClientConfig, command, input string) (string, error) {
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	connection, channels, requests, err := ssh.NewClientConn(stream, stream.RemoteAddr().String(), config)
	if err != nil {
		return "", err
	}
	client := ssh.NewClient(connection, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	var said bytes.Buffer
	session.Stderr = &said
	session.Stdin = strings.NewReader(input)
	printed, err := session.Output(command)
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return string(printed), nil
}

// answers tells whether the host does what it is told over SSH. A connection alone proves nothing: QEMU's own network accepts
// it long before the host does.
func (e Env) answers(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := e.remote(ctx, "true", "")
	return err == nil
}

// setClock sets the host's clock to this machine's: it stood still since the snapshot was taken.
func (e Env) setClock(ctx context.Context) error {
	_, err := e.remote(ctx, `read -r now && date -u -s "@$now"`, fmt.Sprintln(time.Now().Unix()))
	if err != nil {
		return fmt.Errorf("setting the clock of the lab's host: %w", err)
	}
	return nil
}

// SSH returns OpenSSH's client, about to run a command on the running lab's host, or a shell. It reads none of the user's own
// configuration.
func (l *Lab) SSH(command ...string) (*exec.Cmd, error) {
	env, err := l.Env()
	if err != nil {
		return nil, err
	}
	return exec.Command("ssh", append([]string{
		"-F", "none",
		"-i", env.PrivateKeyFile, "-o", "IdentitiesOnly=yes",
		"-o", fmt.Sprintf("UserKnownHostsFile=%q", filepath.Join(filepath.Dir(env.PrivateKeyFile), knownHosts)),
		"-o", "StrictHostKeyChecking=yes",
		"-p", env.Port, env.User + "@" + env.Host,
	}, command...)...), nil
}

// Console returns what the guest of that name wrote to its console since the host was built.
func (e Env) Console(ctx context.Context, guest string) (string, error) {
	text, err := e.remote(ctx, `read -r guest && cat "/var/log/xen/console/guest-$guest.log"`, guest+"\n")
	if err != nil {
		return "", fmt.Errorf("reading the console log of guest %q on the lab's host: %w; `lab ssh xl list` shows which guests run", guest, err)
	}
	return text, nil
}
