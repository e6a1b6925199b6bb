package host

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// behind puts a host behind bastions: it is reached by way of the first one, and that by way of the next.
func behind(t *testing.T, h *Host, bastions ...*Host) *Host {
	t.Helper()
	cfg := h.cfg
	for last := &cfg; len(bastions) > 0; bastions = bastions[1:] {
		bastion := bastions[0].cfg
		last.Bastion = &bastion
		last = last.Bastion
	}
	reached := New(cfg)
	t.Cleanup(func() { _ = reached.Close() })
	return reached
}

// Every server of a chain has its own file of known hosts and its own connection.
func TestOpenSSHBastions(t *testing.T) {
	target, near, far := startSSHD(t), startSSHD(t), startSSHD(t)
	h := behind(t, target, near, far)
	for range 2 {
		result, err := h.Run(t.Context(), Script{Text: `set -- $SSH_CONNECTION; echo "$4"`})
		if err != nil || string(result.Stdout) != fmt.Sprintln(target.cfg.Port) {
			t.Fatalf("the script ran on the server at port %q, not %d: %v", result.Stdout, target.cfg.Port, err)
		}
	}
	for chain := h; chain != nil; chain = chain.bastion {
		if n := chain.Stats().Connections; n != 1 {
			t.Errorf("%d connections to %s", n, chain.target())
		}
	}

	// A bastion that comes back is dialled again.
	if err := h.bastion.bastion.current.client.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t.Context(), h.current.dead)
	if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}

func TestBastionThatDoesNotLetThrough(t *testing.T) {
	target := startSSHD(t)
	closed := startSSHD(t, "AllowTcpForwarding no")
	stranger := startSSHD(t)
	stranger.cfg.KnownHostsFiles = []string{writeFile(t, t.TempDir()+"/known_hosts", "")}
	nobody := startSSHD(t)
	nobody.cfg.PrivateKeyFiles = []string{t.TempDir() + "/none"}
	down := startSSHD(t)
	down.cfg.Port = 1
	lost := startSSHD(t)
	lost.cfg.Port = 1
	for name, test := range map[string]struct {
		h    *Host
		want []string
	}{
		"it forwards nothing":   {behind(t, target, closed), []string{"by way of the bastion ", closed.target(), "does not allow forwarding"}},
		"its key is unknown":    {behind(t, target, stranger), []string{"by way of the bastion ", stranger.target(), "known_hosts"}},
		"it knows no such user": {behind(t, target, nobody), []string{"by way of the bastion ", nobody.target(), "accepted none of the ways to authenticate"}},
		"nobody answers there":  {behind(t, target, down), []string{"by way of the bastion ", down.target(), "refused"}},
		"nobody answers to it":  {behind(t, lost, target), []string{"by way of the bastion ", target.target(), "no answer from 127.0.0.1:1"}},
		"the second of a chain": {behind(t, target, closed, lost), []string{"by way of the bastion " + closed.target() + ": by way of the bastion " + lost.target(), "refused"}},
	} {
		_, err := test.h.Run(t.Context(), Script{Step: "list images", Text: "true"})
		var failed *ConnectionError
		if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), `Unable to list images on host "xen01": `) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in %v", name, want, err)
			}
		}
	}
}

// What a host's key is recorded as does not depend on the way to it.
func TestHostKeyBehindABastionIsRecorded(t *testing.T) {
	bastion, target := startSSHD(t), startSSHD(t)
	known := t.TempDir() + "/known_hosts"
	target.cfg.KnownHostsFiles, target.cfg.HostKeyPolicy = []string{known}, AcceptNew
	if _, err := behind(t, target, bastion).Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(known); err != nil || !strings.HasPrefix(string(text), fmt.Sprintf("[127.0.0.1]:%d ", target.cfg.Port)) {
		t.Errorf("recorded %q, %v", text, err)
	}
	target.cfg.HostKeyPolicy = Strict
	if _, err := behind(t, target, bastion).Run(t.Context(), Script{Text: "true"}); err != nil {
		t.Error(err)
	}
}
