package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onexen/terraform-provider-xen/internal/bench"
)

// applyWord as the first argument measures applies on a real host instead of plans.
const applyWord = "apply"

// applyConfig is the lab's guest, so many times. The variables are those that the lab's env file sets.
const applyConfig = `
terraform {
  required_providers {
    xen = { source = "onexen/xen" }
  }
}

provider "xen" {}

variable "number" { type = number }
variable "kernel" { type = string }
variable "ramdisk" { type = string }
variable "disk" { type = string }

resource "xen_image" "kernel" {
  name = "bench-kernel"
  type = "KERNEL"
  path = var.kernel
}

resource "xen_image" "ramdisk" {
  name = "bench-ramdisk"
  type = "RAMDISK"
  path = var.ramdisk
}

resource "xen_image" "root" {
  name = "bench-root"
  type = "OS"
  path = var.disk
}

resource "xen_virtual_machine" "of" {
  count  = var.number
  name   = "bench-${count.index + 1}"
  type   = "pv"
  memory = 100
  os = {
    kernel_id  = xen_image.kernel.id
    ramdisk_id = xen_image.ramdisk.id
    cmdline    = "console=hvc0 root=LABEL=guest-root"
  }
  disks = { xvda = { image_id = xen_image.root.id } }
  nics  = { eth0 = { bridge = "br0", ip = cidrhost("10.0.0.0/8", count.index + 1) } }
}

output "deployment" {
  value = try(xen_virtual_machine.of[0].deployment_file, "")
}
`

// byHand is what somebody would write who has to start so many guests: for each, the disk is copied, the deployment file written and the
// domain created, over one connection. $1 folder with the deployment files  $2 folder on the host  $3 user and host; OPTIONS are ssh's.
const byHand = `set -eu
ssh $OPTIONS -M -S "$1/master" -fN "$3"
trap 'ssh $OPTIONS -S "$1/master" -O exit "$3" 2>/dev/null' EXIT
root=$(ssh $OPTIONS -S "$1/master" "$3" "grep -lF '\"name\": \"bench-root\"' $XEN_DATASTORE/images/*/image.json")
root=${root%/*}/disk.raw
for file in "$1"/deployment.*; do
	dir=$2/${file##*.}
	ssh $OPTIONS -S "$1/master" "$3" "mkdir -p $dir && cp --sparse=always $root $dir/disk && cat >$dir/deployment && xl create $dir/deployment" <"$file"
done
`

// byHandUndo takes back what byHand made. $1 folder on the host  $2 user and host.
const byHandUndo = `ssh $OPTIONS "$2" "for name in \$(xl list | awk '/^by-hand-/ { print \$1 }'); do xl destroy \$name; done; rm -rf $1"`

// benchApply compares an apply of so many virtual machines with the script.
func benchApply(ctx context.Context) (err error) {
	flags := flag.NewFlagSet(applyWord, flag.ExitOnError)
	number := flags.Int("number", 20, "how many virtual machines are made")
	rounds := flags.Int("rounds", 3, "how often each way is measured")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "bench-apply-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := &bed{folder: folder}
	if err := b.installProvider(); err != nil {
		return err
	}
	w, err := b.newWorkspace("machines", applyConfig)
	if err != nil {
		return err
	}
	defer func() {
		_, destroyErr := w.run(context.WithoutCancel(ctx), "destroy", "-auto-approve", "-input=false", "-no-color", "-var=number=0")
		err = errors.Join(err, destroyErr)
	}()
	script, err := w.newScript(ctx, filepath.Join(folder, "script"), *number)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s\nA real host; %d virtual machines, each with a disk of its own.\n\n| round | terraform apply s | script s | ratio |\n|---:|---:|---:|---:|\n",
		bench.Machine(ctx), bench.Said(ctx, "terraform", "version"), *number)
	for round := range *rounds {
		applied, err := w.applyNumber(ctx, *number)
		if err != nil {
			return err
		}
		if _, err := w.applyNumber(ctx, 0); err != nil {
			return err
		}
		scripted, err := script.run(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("| %d | %.1f | %.1f | %.2f |\n", round+1, applied.Seconds(), scripted.Seconds(), applied.Seconds()/scripted.Seconds())
	}
	return nil
}

func (w workspace) applyNumber(ctx context.Context, number int) (time.Duration, error) {
	s, err := w.run(ctx, "apply", "-auto-approve", "-input=false", "-no-color", fmt.Sprintf("-var=number=%d", number))
	return s.wall, err
}

// script is the way without Terraform.
type script struct {
	folder  string // with the deployment files
	options string // of ssh
	to      string // user and host
}

// scriptDir is where the script puts its files on the host.
const scriptDir = "/var/tmp/bench-apply"

var targetPattern = regexp.MustCompile(`target=([^'"\]]+)`)

// newScript makes deployment files like the one that the provider makes for such a virtual machine.
func (w workspace) newScript(ctx context.Context, folder string, number int) (script, error) {
	known := filepath.Join(folder, "known_hosts")
	s := script{
		folder: folder,
		to:     os.Getenv("XEN_USER") + "@" + os.Getenv("XEN_HOST"),
		options: fmt.Sprintf("-F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=%s -i %s -p %s",
			known, os.Getenv("XEN_PRIVATE_KEY_FILE"), os.Getenv("XEN_PORT")),
	}
	line := fmt.Sprintf("[%s]:%s %s\n", os.Getenv("XEN_HOST"), os.Getenv("XEN_PORT"), os.Getenv("XEN_HOST_KEY"))
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(known, []byte(line), 0o600)); err != nil {
		return s, err
	}
	if _, err := w.applyNumber(ctx, 1); err != nil {
		return s, err
	}
	deployment, err := w.output(ctx, "deployment")
	if err != nil {
		return s, err
	}
	if _, err := w.applyNumber(ctx, 0); err != nil {
		return s, err
	}
	target := targetPattern.FindStringSubmatch(deployment)
	id := uuidPattern.FindString(deployment)
	if target == nil || id == "" {
		return s, fmt.Errorf("unable to read the deployment file %s", deployment)
	}
	for n := 1; n <= number; n++ {
		other := strings.NewReplacer("bench-1", fmt.Sprintf("by-hand-%d", n), id, uuid.NewString(), mac(1), mac(n),
			target[1], path.Join(scriptDir, fmt.Sprintf("%02d/disk", n)))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("deployment.%02d", n)), []byte(other.Replace(deployment)), 0o600); err != nil {
			return s, err
		}
	}
	return s, nil
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// run runs the script, and takes back what it did.
func (s script) run(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := s.sh(ctx, byHand, s.folder, scriptDir, s.to)
	took := time.Since(began)
	return took, errors.Join(err, s.sh(context.WithoutCancel(ctx), byHandUndo, scriptDir, s.to))
}

func (s script) sh(ctx context.Context, text string, args ...string) error {
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", text, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "OPTIONS="+s.options)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the script: %w\n%s", err, &output)
	}
	return nil
}

// output is the value of an output of the configuration.
func (w workspace) output(ctx context.Context, name string) (string, error) {
	cmd := w.command(ctx, "output", "-raw", name)
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("terraform output: %w", err)
	}
	return string(text), nil
}
