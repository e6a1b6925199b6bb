package main

import (
	"fmt"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/bench"
)

func printHeader() {
	fmt.Println("| virtual machines + images | remote commands | SSH connections | plan s | provider MiB | Terraform MiB | floor: plan s | floor: Terraform MiB |")
	fmt.Println("|---:|---:|---:|---:|---:|---:|---:|---:|")
}

func printRow(r result) {
	wall := func(s sample) time.Duration { return s.wall }
	terraform := func(s sample) int64 { return s.terraform }
	fmt.Printf("| %d + %d | %d | %d | %.2f | %d | %d | %.2f | %d |\n", r.number, r.number,
		bench.Median(r.plan, func(s sample) int { return s.commands }), bench.Median(r.plan, func(s sample) int { return s.connections }),
		bench.Median(r.plan, wall).Seconds(), bench.Median(r.plan, func(s sample) int64 { return s.provider })/1024, bench.Median(r.plan, terraform)/1024,
		bench.Median(r.floor, wall).Seconds(), bench.Median(r.floor, terraform)/1024)
}
