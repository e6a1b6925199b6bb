// Bench measures what `terraform plan` costs where a thousand virtual machines stand on one host: remote commands, SSH connections, time
// and memory. Beside it stands the floor, the same for as many terraform_data resources, with which no provider of ours has to do.
//
// The host is a simulated one in this process; Terraform is the one in PATH or in TF_ACC_TERRAFORM_PATH, and its provider this same
// program, called again. `make bench-scale` runs it.
//
// With the argument apply it makes virtual machines on a real host, and compares the time with that of a shell script: `make bench-apply`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/bench"
	"github.com/onexen/terraform-provider-xen/internal/provider"
)

// serveWord as the first argument makes this program the provider.
const serveWord = "serve"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := benchPlan
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case serveWord:
			run = serve
		case applyWord:
			run = benchApply
		}
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	return provider.Serve(ctx, "bench", false)
}

func benchPlan(ctx context.Context) error {
	sizes := flag.String("sizes", "10,100,1000", "the `numbers` of virtual machines to measure")
	rounds := flag.Int("rounds", 3, "how often each plan is made")
	flag.Parse()
	fmt.Printf("%s, %s\nTerraform, the provider and the simulated host share these processors. Medians; the floor is as many terraform_data resources.\n\n",
		bench.Machine(ctx), bench.Said(ctx, "terraform", "version"))
	printHeader()
	for text := range strings.SplitSeq(*sizes, ",") {
		number, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a number of virtual machines", text)
		}
		r, err := measureSize(ctx, number, *rounds)
		if err != nil {
			return fmt.Errorf("%d virtual machines: %w", number, err)
		}
		printRow(r)
	}
	return nil
}

// result is what was measured with so many virtual machines and images.
type result struct {
	number      int
	plan, floor []sample // one for each round
}

// measureSize makes a host with so many virtual machines and images, and plans over all of them. The floor takes turns with it.
func measureSize(ctx context.Context, number, rounds int) (r result, err error) {
	folder, err := os.MkdirTemp("", "bench-scale-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b, err := newBed(ctx, folder, number)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, workspace := range []workspace{b.machines, b.floor} {
		if err := workspace.apply(ctx); err != nil {
			return r, err
		}
	}
	r.number = number
	for range rounds {
		plan, err := b.measure(ctx, b.machines)
		if err != nil {
			return r, err
		}
		floor, err := b.measure(ctx, b.floor)
		if err != nil {
			return r, err
		}
		r.plan, r.floor = append(r.plan, plan), append(r.floor, floor)
	}
	return r, nil
}
