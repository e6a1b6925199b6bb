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

resource "xen_image" "kernel" {
  name = "guest-kernel"
  type = "KERNEL"
  path = var.kernel
}

resource "xen_image" "ramdisk" {
  name = "guest-ramdisk"
  type = "RAMDISK"
  path = var.ramdisk
}

resource "xen_image" "root" {
  name = "guest-root"
  type = "OS"
  path = var.disk
}

# Belongs to web-1 and outlives it.
resource "xen_image" "data" {
  name       = "web-data"
  type       = "DATABLOCK"
  persistent = true
  size       = 64 # MiB
  fstype     = "ext4"
}

resource "xen_context" "web" {
  name         = "web"
  network      = true
  start_script = <<-EOT
    #!/bin/sh
    echo "The context of $(hostname) has been read." >/dev/console
  EOT
}

resource "xen_template" "web" {
  name   = "web"
  type   = "pv"
  memory = 128 # MiB

  os = {
    kernel_id  = xen_image.kernel.id
    ramdisk_id = xen_image.ramdisk.id
    cmdline    = "console=hvc0 root=LABEL=guest-root"
  }

  disks = { xvda = { image_id = xen_image.root.id } }
  nics  = { eth0 = { bridge = var.bridge, netmask = "255.255.255.0" } }
}

locals {
  machines = {
    web-1 = { ip = "192.168.70.151", disks = { xvdb = { image_id = xen_image.data.id } }, graphics = { type = "vnc" } }
    web-2 = { ip = "192.168.70.152", disks = {}, graphics = null }
  }
}

resource "xen_virtual_machine" "web" {
  for_each = local.machines

  name        = each.key
  template_id = xen_template.web.id
  disks       = each.value.disks
  nics        = { eth0 = { ip = each.value.ip } }
  graphics    = each.value.graphics
  context_id  = xen_context.web.id
  context     = { SET_HOSTNAME = each.key }
}
