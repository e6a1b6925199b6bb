package main

import (
	"context"
	"fmt"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/bench"
)

// describeMachine says what the figures belong to.
func describeMachine(ctx context.Context) {
	fmt.Printf("%s\n%s; %s; %s\n\n", bench.Machine(ctx), bench.Said(ctx, "ssh", "-V"), bench.Said(ctx, "rsync", "--version"), bench.Said(ctx, "tar", "--version"))
	fmt.Println("Client and server share these processors. All but this provider neither sync the file nor prove it.")
}

func printTable(c benchCase, samples map[string][]sample) {
	fmt.Printf("\n%s: %s\n\n", c.name, c.what)
	fmt.Println("| method | wall s | client CPU s | server CPU s | wire MiB | client MiB | server MiB |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|")
	for _, m := range methods {
		of := samples[m.name]
		if len(of) == 0 {
			continue
		}
		seconds := func(f func(sample) time.Duration) float64 { return bench.Median(of, f).Seconds() }
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.1f | %d | %d |\n", m.name,
			seconds(func(s sample) time.Duration { return s.wall }),
			seconds(func(s sample) time.Duration { return s.client }),
			seconds(func(s sample) time.Duration { return s.server }),
			float64(bench.Median(of, func(s sample) int64 { return s.wire }))/mib,
			bench.Median(of, func(s sample) int64 { return s.clientMemory })/1024,
			bench.Median(of, func(s sample) int64 { return s.serverMemory })/1024)
	}
}
