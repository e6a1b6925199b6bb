package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

// sample is one measurement. The server's part is all that sshd started.
type sample struct {
	wall, client, server       time.Duration // wall time, processor time of both sides
	wire                       int64         // bytes on the loopback interface, headers and both directions included
	clientMemory, serverMemory int64         // KiB that the largest process had in memory
}

func (s sample) String() string {
	return fmt.Sprintf("%.2f s, CPU %.2f + %.2f s, %d MiB, memory %d + %d MiB",
		s.wall.Seconds(), s.client.Seconds(), s.server.Seconds(), s.wire/mib, s.clientMemory/1024, s.serverMemory/1024)
}

// bed is where things are measured.
type bed struct {
	folder string
	sshd   string
}

func (b bed) key() string { return filepath.Join(b.folder, "key") }

func (b bed) hostKey() string {
	text, _ := os.ReadFile(filepath.Join(b.folder, "host_key.pub"))
	return strings.TrimSpace(string(text))
}

// forgetHashes makes the folder where this package remembers hashed files an empty one of our own.
func (b bed) forgetHashes() error {
	cache := filepath.Join(b.folder, "cache")
	return errors.Join(os.RemoveAll(cache), os.Setenv("XDG_CACHE_HOME", cache))
}

func (b bed) makeKeys(ctx context.Context) error {
	for _, name := range []string{"key", "host_key"} {
		if err := command(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(b.folder, name)); err != nil {
			return err
		}
	}
	return errors.Join(os.MkdirAll("/run/sshd", 0o755), os.Mkdir(filepath.Join(b.folder, "host"), 0o700))
}

// options are those of all OpenSSH clients.
func (b bed) options(port int) (string, error) {
	known := filepath.Join(b.folder, "known_hosts")
	line := fmt.Sprintf("[127.0.0.1]:%d %s\n", port, b.hostKey())
	return "-F none -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile=" + known + " -i " + b.key(), os.WriteFile(known, []byte(line), 0o600)
}

// server is a fresh sshd, whose resources are known when it has ended.
func (b bed) server(ctx context.Context) (*exec.Cmd, int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	_, text, err := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	if err != nil {
		return nil, 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, 0, err
	}
	cmd := exec.CommandContext(ctx, b.sshd, "-D", "-e", "-f", "/dev/null",
		"-o", "ListenAddress=127.0.0.1:"+text, "-o", "HostKey="+filepath.Join(b.folder, "host_key"),
		"-o", "AuthorizedKeysFile="+filepath.Join(b.folder, "key.pub"), "-o", "PidFile=none", "-o", "StrictModes=no",
		"-o", "UsePAM=no", "-o", "PermitRootLogin=prohibit-password", "-o", "Subsystem=sftp internal-sftp", "-o", "LogLevel=FATAL",
		"-o", "SetEnv=SHLVL=2") // bash then reads no ~/.bashrc, whose cost is this machine's own
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	for range 100 {
		if connection, err := net.Dial("tcp", "127.0.0.1:"+text); err == nil {
			return cmd, port, connection.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return cmd, port, errors.New("sshd does not listen")
}

// measure lets a method copy once, and looks at what arrived.
func (b bed) measure(ctx context.Context, m method, d disks) (s sample, err error) {
	server, port, err := b.server(ctx)
	if err != nil {
		return s, err
	}
	defer func() { _ = server.Process.Kill() }() // after a failure; else it has ended
	j := job{disks: d, destination: filepath.Join(b.folder, "host", "disk.raw"), port: port, bed: b}
	defer func() {
		err = errors.Join(err, os.RemoveAll(filepath.Join(b.folder, "host")), os.Mkdir(filepath.Join(b.folder, "host"), 0o700))
	}()
	if err := b.lay(ctx, j, m); err != nil {
		return s, err
	}
	options, err := b.options(port)
	if err != nil {
		return s, err
	}
	args, err := m.args(ctx, j)
	if err != nil {
		return s, err
	}
	var output bytes.Buffer
	client := exec.CommandContext(ctx, args[0], args[1:]...)
	client.Env = append(os.Environ(), "OPTIONS="+options)
	client.Stdout, client.Stderr = &output, &output
	before, began := loopback(), time.Now()
	err = client.Run()
	s.wall = time.Since(began)
	s.wire = loopback() - before
	if err != nil {
		return s, fmt.Errorf("%w: %s", err, &output)
	}
	s.client, s.clientMemory = resources(client)
	time.Sleep(200 * time.Millisecond) // the server's children end
	_ = server.Process.Signal(syscall.SIGTERM)
	_ = server.Wait() // it was ended by a signal
	s.server, s.serverMemory = resources(server)
	return s, command(ctx, "cmp", d.source, j.destination)
}

// lay puts what is on the host before the copy into its place, and lets the disk come to rest.
func (b bed) lay(ctx context.Context, j job, m method) error {
	if j.before != "" {
		if err := command(ctx, "cp", "--sparse=always", "--preserve=timestamps", j.before, j.destination); err != nil {
			return err
		}
		if m.command != nil { // the provider's files have their maps beside them
			if err := b.layMap(ctx, j); err != nil {
				return err
			}
		}
	}
	return command(ctx, "sync")
}

func (b bed) layMap(ctx context.Context, j job) error {
	h := task{Port: j.port, Key: b.key(), HostKey: b.hostKey()}.connect()
	defer h.Close()
	_, err := transfer.Send(ctx, h, transfer.Source{Path: j.before}, transfer.Target{File: transfer.File{Path: j.destination}})
	return err
}

func resources(cmd *exec.Cmd) (time.Duration, int64) {
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss
}

func loopback() int64 {
	text, _ := os.ReadFile("/sys/class/net/lo/statistics/tx_bytes")
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}
