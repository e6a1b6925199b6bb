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
	fmt.Printf("%d x %s, Linux %s, %s, %s\n", runtime.NumCPU(), model, said("uname", "-r"), runtime.Version(), said("terraform", "version"))
	fmt.Print("Terraform, the provider and the simulated host share these processors. Medians; the floor is as many terraform_data resources.\n\n")
}

func printHeader() {
	fmt.Println("| virtual machines + images | remote commands | SSH connections | plan s | provider MiB | Terraform MiB | floor: plan s | floor: Terraform MiB |")
	fmt.Println("|---:|---:|---:|---:|---:|---:|---:|---:|")
}

func printRow(r result) {
	wall := func(s sample) time.Duration { return s.wall }
	terraform := func(s sample) int64 { return s.terraform }
	fmt.Printf("| %d + %d | %d | %d | %.2f | %d | %d | %.2f | %d |\n", r.number, r.number,
		median(r.plan, func(s sample) int { return s.commands }), median(r.plan, func(s sample) int { return s.connections }),
		median(r.plan, wall).Seconds(), median(r.plan, func(s sample) int64 { return s.provider })/1024, median(r.plan, terraform)/1024,
		median(r.floor, wall).Seconds(), median(r.floor, terraform)/1024)
}
