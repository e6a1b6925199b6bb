package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/onexen/terraform-provider-xen/internal/provider"
	"github.com/onexen/terraform-provider-xen/internal/simhost"
)

// bed is a simulated host with records, and what Terraform is run with.
type bed struct {
	host            *simhost.Host
	folder          string
	machines, floor workspace
}

// newBed makes a host on which so many virtual machines run, each from an image of its own. Terraform makes the first pair; the others
// are copies of its records with other numbers, because a thousand applies would take an hour and a plan sees no difference.
func newBed(ctx context.Context, folder string, number int) (*bed, error) {
	h, err := simhost.New(filepath.Join(folder, "host"), simhost.Memory(1<<20, 1536))
	if err != nil {
		return nil, err
	}
	b := &bed{host: h, folder: folder}
	if err := b.lay(ctx, number); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bed) close() error { return b.host.Close() }

func (b *bed) lay(ctx context.Context, number int) error {
	disk := filepath.Join(b.folder, "disk.raw")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	if err := b.installProvider(); err != nil {
		return err
	}
	first, err := b.newWorkspace("first", b.providerBlock()+machines(1, disk))
	if err != nil {
		return err
	}
	if err := first.apply(ctx); err != nil {
		return err
	}
	uuidOfFirst := b.host.Domains()[0].UUID
	for n := 2; n <= number; n++ {
		if err := b.copyPair(n, uuidOfFirst); err != nil {
			return err
		}
	}
	if b.machines, err = b.newWorkspace("machines", b.providerBlock()+machines(number, disk)+imports); err != nil {
		return err
	}
	b.floor, err = b.newWorkspace("floor", floor(number))
	return err
}

// installProvider puts a program in the place where Terraform is told to find the provider, that is this one.
func (b *bed) installProvider() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script := "#!/bin/sh\nexec '" + self + "' " + serveWord + "\n"
	return errors.Join(
		os.MkdirAll(filepath.Join(b.folder, "provider"), 0o700),
		os.WriteFile(filepath.Join(b.folder, "provider", "terraform-provider-xen"), []byte(script), 0o700),
		os.WriteFile(filepath.Join(b.folder, "terraformrc"), fmt.Appendf(nil,
			"provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", provider.Address, filepath.Join(b.folder, "provider")), 0o600),
	)
}

// copyPair gives the host an image and a running virtual machine like its first ones.
func (b *bed) copyPair(n int, uuidOfFirst string) error {
	number := strconv.Itoa(n)
	other := strings.NewReplacer(
		`"id": 1,`, `"id": `+number+`,`, `"image_id": 1`, `"image_id": `+number, "image-1", "image-"+number, "images/1", "images/"+number,
		"vm-1", "vm-"+number, "/vms/1/", "/vms/"+number+"/", uuidOfFirst, uuid.NewString(),
		address(1), address(n), mac(1), mac(n),
	)
	image, machine := b.path("images", number), b.path("vms", number)
	err := errors.Join(
		os.Mkdir(image, 0o700), os.Mkdir(machine, 0o700),
		os.Link(b.path("images", "1", "disk.raw"), filepath.Join(image, "disk.raw")),
		os.WriteFile(filepath.Join(machine, "disk.0"), nil, 0o600),
	)
	for _, file := range []string{"images/1/image.json", "vms/1/vm.json", "vms/1/deployment.0"} {
		text, readErr := os.ReadFile(b.path(file))
		to := b.path(filepath.Dir(filepath.Dir(file)), number, filepath.Base(file))
		err = errors.Join(err, readErr, os.WriteFile(to, []byte(other.Replace(string(text))), 0o600))
	}
	if err != nil {
		return err
	}
	if _, stderr, status := b.host.XL("create", filepath.Join(machine, "deployment.0")); status != 0 {
		return fmt.Errorf("xl create: %s", stderr)
	}
	return nil
}

func (b *bed) path(parts ...string) string {
	return filepath.Join(append([]string{b.host.Datastore()}, parts...)...)
}

// address is the IP address of a virtual machine, as cidrhost gives it.
func address(n int) string { return fmt.Sprintf("10.0.%d.%d", n/256, n%256) }

func mac(n int) string { return fmt.Sprintf("02:00:0a:00:%02x:%02x", n/256, n%256) }

func (b *bed) providerBlock() string {
	return fmt.Sprintf(`
terraform {
  required_providers {
    xen = { source = "onexen/xen" }
  }
}

provider "xen" {
  hosts = {
    xen01 = {
      address          = %q
      port             = %d
      private_key_file = %q
      host_key         = %q
      datastore        = %q
      agent            = false
    }
  }
}
`, b.host.Address(), b.host.Port(), b.host.PrivateKeyFile(), b.host.HostKey(), b.host.Datastore())
}

// machines is a configuration of so many virtual machines, each with an image of its own.
func machines(number int, disk string) string {
	return fmt.Sprintf(`
locals {
  numbers = toset([for n in range(1, %d) : tostring(n)])
}

resource "xen_image" "of" {
  for_each = local.numbers
  name     = "image-${each.key}"
  type     = "OS"
  path     = %q
}

resource "xen_virtual_machine" "of" {
  for_each = local.numbers
  name     = "vm-${each.key}"
  memory   = 64
  labels   = { role = "measured" }
  disks    = { xvda = { image_id = xen_image.of[each.key].id } }
  nics     = { eth0 = { bridge = "br0", ip = cidrhost("10.0.0.0/8", tonumber(each.key)) } }
}
`, number+1, disk)
}

// imports takes all of them into the state.
const imports = `
import {
  for_each = local.numbers
  to       = xen_image.of[each.key]
  id       = "xen01/${each.key}"
}

import {
  for_each = local.numbers
  to       = xen_virtual_machine.of[each.key]
  id       = "xen01/${each.key}"
}
`

// floor is a configuration of the same form whose resources stand in the state alone.
func floor(number int) string {
	return fmt.Sprintf(`
locals {
  numbers = toset([for n in range(1, %d) : tostring(n)])
}

resource "terraform_data" "image" {
  for_each = local.numbers
  input = {
    name = "image-${each.key}"
    type = "OS"
  }
}

resource "terraform_data" "machine" {
  for_each = local.numbers
  input = {
    name   = "vm-${each.key}"
    memory = 64
    labels = { role = "measured" }
    disks  = { xvda = { image_id = terraform_data.image[each.key].id } }
    nics   = { eth0 = { bridge = "br0", ip = cidrhost("10.0.0.0/8", tonumber(each.key)) } }
  }
}
`, number+1)
}
