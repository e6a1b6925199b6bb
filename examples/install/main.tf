terraform {
  required_version = ">= 1.11"

  required_providers {
    xen = {
      source = "onexen/xen"
    }
  }
}

# The host, the user and the key come from the environment: XEN_HOST, XEN_USER, XEN_PRIVATE_KEY_FILE.
provider "xen" {}

locals {
  nics = var.bridge == "" ? {} : { eth0 = { bridge = var.bridge } }
}

# What the installer boots from.
resource "xen_image" "installer" {
  name = "installer"
  type = "CDROM"
  path = var.iso
}

# First an empty disk that the installer writes to, then the system that virtual machines get copies of.
resource "xen_image" "system" {
  name       = "system"
  type       = var.installed ? "OS" : "DATABLOCK"
  persistent = !var.installed
  size       = var.size # MiB
}

# Boots the CD-ROM and writes to the disk itself, because the disk is persistent.
resource "xen_virtual_machine" "installer" {
  count = var.installed ? 0 : 1

  name   = "installer"
  type   = "hvm"
  memory = var.memory # MiB

  os = { boot = ["cdrom", "disk"] }

  disks = {
    xvda = { image_id = xen_image.system.id }
    hdc  = { image_id = xen_image.installer.id }
  }

  nics     = local.nics
  graphics = { type = "vnc" }
}

# Each boots from a copy of its own, because the disk is not persistent any more.
resource "xen_virtual_machine" "installed" {
  count = var.installed ? var.copies : 0

  name   = "web-${count.index + 1}"
  type   = "hvm"
  memory = var.memory # MiB

  disks = { xvda = { image_id = xen_image.system.id } }

  nics     = local.nics
  graphics = { type = "vnc" }
  context  = { SET_HOSTNAME = "web-${count.index + 1}" }
}
