// Bench compares this package with the tools that people copy disks with, over a real OpenSSH server on the loopback interface: scp,
// sftp, rsync, tar and cat. Each case is repeated in rounds, in which the tools take turns; what arrived is compared byte by byte
// with what was sent, and the medians are printed as a table.
//
// XEN_TEST_SSHD names the server; `make bench-transfer` sets it and installs the other tools.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := benchAll
	if len(os.Args) > 1 && os.Args[1] == "send" {
		run = send
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func benchAll(ctx context.Context) (err error) {
	rounds := flag.Int("rounds", 3, "how often each case is repeated")
	only := flag.String("only", "", "measure the `cases` whose names hold this text only")
	parent := flag.String("dir", os.TempDir(), "`folder` with 20 GiB free for the disks")
	flag.Parse()
	folder, err := os.MkdirTemp(*parent, "bench-transfer-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := bed{folder: folder, sshd: os.Getenv("XEN_TEST_SSHD")}
	if b.sshd == "" {
		return errors.New("XEN_TEST_SSHD does not name an sshd: make bench-transfer sets it")
	}
	if err := b.makeKeys(ctx); err != nil {
		return err
	}
	describeMachine(ctx)
	for _, c := range cases {
		if !strings.Contains(c.name, *only) {
			continue
		}
		if err := b.measureCase(ctx, c, *rounds); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// measureCase prints the table of one case.
func (b bed) measureCase(ctx context.Context, c benchCase, rounds int) error {
	fmt.Fprintf(os.Stderr, "%s: making the disks\n", c.name)
	disks, err := c.make(ctx, filepath.Join(b.folder, "source"))
	if err != nil {
		return err
	}
	samples := map[string][]sample{}
	for round := range rounds {
		for _, m := range methods {
			if m.onlyFor != nil && !slices.Contains(m.onlyFor, c.name) {
				continue
			}
			s, err := b.measure(ctx, m, disks)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			fmt.Fprintf(os.Stderr, "%s, round %d, %s: %s\n", c.name, round+1, m.name, s)
			samples[m.name] = append(samples[m.name], s)
		}
	}
	printTable(c, samples)
	return os.RemoveAll(filepath.Join(b.folder, "source"))
}

// task is what send is to do.
type task struct {
	Port         int
	Key, HostKey string
	Source       string // path
	Target       transfer.Target
}

// connect names the server as this package reaches it.
func (t task) connect() *host.Host {
	off := false
	return host.New(host.Config{Address: "127.0.0.1", Port: t.Port, User: "root", PrivateKeyFiles: []string{t.Key}, HostKey: t.HostKey, Agent: &off})
}

// send is this package as a program of its own, so that it is measured like the others.
func send(ctx context.Context) error {
	var t task
	if err := json.Unmarshal([]byte(os.Args[2]), &t); err != nil {
		return err
	}
	h := t.connect()
	defer h.Close()
	info, err := transfer.Send(ctx, h, transfer.Source{Path: t.Source}, t.Target)
	if err == nil {
		fmt.Printf("%d scripts, %d bytes\n", h.Stats().Scripts, info.Sent)
	}
	return err
}
