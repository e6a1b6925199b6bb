// Command lab starts and ends a real Xen host in QEMU; see package lab.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/onexen/terraform-provider-xen/internal/lab"
)

const usage = `Usage: lab [-dir FOLDER] VERB

  up              start the lab, build it first when it was never built; FOLDER/env says how to reach it
  down            end the lab
  power-cycle     cut the power of the lab's host for a moment; ends when it has booted again
  build           only build the lab
  image NAME      print the path of the disk of a guest that obeys contexts, debian or busybox; build it first when it was never built
  ssh [COMMAND]   open a shell on the lab's host, or run a command there
  console NAME    print what the guest NAME wrote to its console

`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, os.Args[1:])
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(ended.ExitCode())
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "lab: interrupted; what it started is ended")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	folder := flags.String("dir", ".lab", "`FOLDER` of the lab")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	here := &lab.Lab{Folder: *folder, Steps: lab.NewSteps(os.Stdout)}
	switch verb, rest := flags.Arg(0), flags.Args(); {
	case verb == "up" && len(rest) == 1:
		return here.Up(ctx)
	case verb == "down" && len(rest) == 1:
		return here.Down(ctx)
	case verb == "power-cycle" && len(rest) == 1:
		return here.PowerCycle(ctx)
	case verb == "build" && len(rest) == 1:
		return here.Build(ctx)
	case verb == "image" && len(rest) == 2:
		return image(ctx, here, rest[1])
	case verb == "ssh":
		return ssh(here, rest[1:])
	case verb == "console" && len(rest) == 2:
		return console(ctx, here, rest[1])
	}
	flags.Usage()
	return flag.ErrHelp
}

// image prints nothing but the path on standard output.
func image(ctx context.Context, here *lab.Lab, name string) error {
	here.Steps = lab.NewSteps(os.Stderr)
	path, err := here.GuestImage(ctx, name)
	if err == nil {
		fmt.Println(path)
	}
	return err
}

// ssh hands the terminal to OpenSSH's client.
func ssh(here *lab.Lab, command []string) error {
	client, err := here.SSH(command...)
	if err != nil {
		return err
	}
	client.Stdin, client.Stdout, client.Stderr = os.Stdin, os.Stdout, os.Stderr
	return client.Run()
}

func console(ctx context.Context, here *lab.Lab, guest string) error {
	env, err := here.Env()
	if err != nil {
		return err
	}
	text, err := env.Console(ctx, guest)
	fmt.Print(text)
	return err
}
