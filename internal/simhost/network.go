package simhost

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Neighbour adds a line to what `ip neigh show` prints: "192.168.70.150 dev br0 lladdr 02:00:c0:a8:46:96 REACHABLE".
func (h *Host) Neighbour(line string) { h.appendTo("sim/neighbours", line+"\n") }

// Xenstore adds a node below the domain of that name, "attr/eth0/ip", as an agent in the guest does.
func (h *Host) Xenstore(name, key, value string) {
	h.mustFind(name, func(_ *world, d Domain) error {
		h.appendTo("sim/xenstore", fmt.Sprintf("/local/domain/%d/%s = %q\n", d.ID, key, value))
		return nil
	})
}

// AnswersPing makes ping reach the address.
func (h *Host) AnswersPing(address string) { h.appendTo("sim/answers", address+"\n") }

// Forward makes a TCP connection through the host to "address:port" reach another address, such as a listener of the test.
func (h *Host) Forward(from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forwards[from] = to
}

// Say adds text to the log of the console of the guest of that name.
func (h *Host) Say(name, text string) {
	h.appendTo(filepath.Join("root/var/log/xen/console", "guest-"+name+".log"), text)
}

// Root is the folder that stands for / where scripts look for files of the system.
func (h *Host) Root() string { return filepath.Join(h.dir, "root") }

func (h *Host) appendTo(name, text string) {
	f, err := os.OpenFile(filepath.Join(h.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(fmt.Sprintf("simhost: %v", err))
	}
}

// makeRoot lays out the files of the system that scripts look for.
func (h *Host) makeRoot() error {
	for _, dir := range []string{"var/log/xen/console", "var/lib/misc", "var/lib/dhcp", "var/lib/xen", "etc/init.d"} {
		if err := os.MkdirAll(filepath.Join(h.Root(), dir), 0o755); err != nil {
			return err
		}
	}
	if slices.Contains(h.settings.NoTools, "xendomains") {
		return nil
	}
	return os.WriteFile(filepath.Join(h.Root(), "etc/init.d/xendomains"), []byte("#!/bin/sh\n"), 0o755)
}

// RebootHost ends every domain as a power failure does, and starts those that xendomains finds in /etc/xen/auto, in its order and by
// its command.
func (h *Host) RebootHost() {
	h.mustChange(func(w *world) error {
		for _, d := range w.list {
			if err := w.destroy(d); err != nil {
				return err
			}
		}
		w.Loops = nil
		return w.setMachine(w.machine)
	})
	links, err := filepath.Glob(filepath.Join(h.Root(), "etc/xen/auto/*"))
	if err != nil {
		panic(fmt.Sprintf("simhost: %v", err))
	}
	for _, link := range links {
		h.XL("create", "--quiet", "--defconfig", link)
	}
}

// PowerCycle is RebootHost with everything else that ends then: the commands of clients with their locks, and all connections.
func (h *Host) PowerCycle() {
	h.mu.Lock()
	for pid := range h.running {
		_ = killGroup(pid)
	}
	h.cut()
	h.mu.Unlock()
	h.RebootHost()
}

// xenstoreMain is `xenstore-ls -f /local/domain`.
func xenstoreMain(c *call) int { return c.printFile("xenstore") }

// pingMain is `ping -c 1 ADDRESS`.
func pingMain(c *call) int {
	text, _ := os.ReadFile(c.path("answers"))
	address := c.args[len(c.args)-1]
	if slices.Contains(strings.Fields(string(text)), address) {
		return 0
	}
	c.printf("PING %s (%s) 56(84) bytes of data.\n\n--- %s ping statistics ---\n1 packets transmitted, 0 received, 100%% packet loss\n", address, address, address)
	return 1
}

// forward serves a direct-tcpip channel, RFC 4254 section 7.2.
func (h *Host) forward(ch ssh.NewChannel) {
	var target struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}
	if ssh.Unmarshal(ch.ExtraData(), &target) != nil || h.settings.NoForwarding {
		_ = ch.Reject(ssh.Prohibited, "open failed")
		return
	}
	address := net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port)))
	h.mu.Lock()
	to, known := h.forwards[address]
	h.mu.Unlock()
	if !known {
		_ = ch.Reject(ssh.ConnectionFailed, "No route to host")
		return
	}
	conn, err := net.Dial("tcp", to)
	if err != nil {
		_ = ch.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	channel, requests, err := ch.Accept()
	if err != nil {
		_ = conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	go func() {
		_, _ = io.Copy(conn, channel)
		_ = conn.Close()
	}()
	_, _ = io.Copy(channel, conn)
	_ = channel.Close()
}
