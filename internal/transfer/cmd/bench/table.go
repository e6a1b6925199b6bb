package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describeMachine says what the figures belong to.
func describeMachine(ctx context.Context) {
	said := func(name string, args ...string) string {
		output, _ := exec.CommandContext(ctx, name, args...).CombinedOutput()
		line, _, _ := strings.Cut(string(output), "\n")
		return line
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	model := ""
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	fmt.Printf("%d x %s, Linux %s, %s\n%s; %s; %s\n\n", runtime.NumCPU(), model, said("uname", "-r"), runtime.Version(),
		said("ssh", "-V"), said("rsync", "--version"), said("tar", "--version"))
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
		seconds := func(f func(sample) time.Duration) float64 { return median(of, f).Seconds() }
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.1f | %d | %d |\n", m.name,
			seconds(func(s sample) time.Duration { return s.wall }),
			seconds(func(s sample) time.Duration { return s.client }),
			seconds(func(s sample) time.Duration { return s.server }),
			float64(median(of, func(s sample) int64 { return s.wire }))/mib,
			median(of, func(s sample) int64 { return s.clientMemory })/1024,
			median(of, func(s sample) int64 { return s.serverMemory })/1024)
	}
}
