package provider_test

import (
	"cmp"
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// client is one run of the provider. It reaches the host by a door of its own, and when that is shut it is dead: nothing that it still does
// reaches the host, and nothing that it answers is heard.
type client struct {
	plugin
	door net.Listener
	dead chan struct{}
	fuse atomic.Int64 // bytes to the host until it is killed; 0: it lives

	mu    sync.Mutex
	shut  bool
	conns []net.Conn
}

// connect starts a provider for the rig.
func (r *rig) connect(t *testing.T) *client {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{door: door, dead: make(chan struct{})}
	go c.serve(net.JoinHostPort(r.h.Address(), strconv.Itoa(r.h.Port())))
	t.Cleanup(c.die)
	c.plugin = startPluginAt(t, r.h, door.Addr().(*net.TCPAddr).Port, cmp.Or(r.patience, "30s")) //nolint:forcetypeassert // a TCP listener has a TCP address
	r.plugin = c.plugin
	return c
}

func (c *client) serve(host string) {
	for {
		in, err := c.door.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", host)
		if err != nil || !c.alive(func() { c.conns = append(c.conns, in, out) }) {
			_ = in.Close()
			continue
		}
		for from, to := range map[net.Conn]net.Conn{in: out, out: in} {
			go func() {
				_, _ = io.Copy(&fused{to, c, from == in}, from)
				_ = to.Close()
				_ = from.Close()
			}()
		}
	}
}

// alive does something unless the client is dead.
func (c *client) alive(do func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.shut {
		do()
	}
	return !c.shut
}

// die kills the client.
func (c *client) die() {
	first := false
	if c.alive(func() { c.shut, first = true, true }); !first {
		return
	}
	_ = c.door.Close()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	close(c.dead)
}

// interrupt is what Terraform does when its user presses Ctrl-C: what goes on is to come to an end. So it does when its time is over.
func (c *client) interrupt() {
	_, _ = c.StopProvider(context.Background(), &tfprotov6.StopProviderRequest{}) // it has no other answer
}

// fused passes bytes on until the fuse of the client blows.
type fused struct {
	net.Conn
	client *client
	counts bool
}

func (f *fused) Write(p []byte) (int, error) {
	if left := f.client.fuse.Load(); f.counts && left > 0 {
		if left <= int64(len(p)) {
			_, _ = f.Conn.Write(p[:left-1])
			f.client.die()
		}
		f.client.fuse.Add(-int64(len(p)))
	}
	return f.Conn.Write(p)
}
