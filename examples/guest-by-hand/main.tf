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

# A guest of the type pv boots a kernel and a ramdisk of their own, in place of what is on its disk.
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = var.kernel
}

resource "xen_image" "ramdisk" {
  name = "ramdisk"
  type = "RAMDISK"
  path = var.ramdisk
}

resource "xen_image" "root" {
  name = "busybox"
  type = "OS"
  path = var.disk
}

# The guest does nothing but mount this, read context.sh and read init.sh, which does the rest. It is not executable: the guest's shell
# reads it itself, and so it sees the variables.
resource "xen_context" "busybox" {
  network         = true
  ssh_public_keys = [var.ssh_public_key]
  start_script    = var.start_script
  files           = { "init.sh" = { content = file("${path.module}/init.sh") } }
}

resource "xen_virtual_machine" "busybox" {
  name   = "busybox"
  type   = "pv"
  memory = var.memory # MiB

  os = {
    kernel_id  = xen_image.kernel.id
    ramdisk_id = xen_image.ramdisk.id
    cmdline    = "console=hvc0 root=LABEL=busybox-root"
  }

  disks = {
    xvda = { image_id = xen_image.root.id, size = var.size } # the guest's file system grows to this
    xvdb = { volatile = "swap", size = 64 }
  }

  nics       = { eth0 = { bridge = var.bridge, ip = var.ip, netmask = "255.255.255.0", gateway = var.gateway } }
  context_id = xen_context.busybox.id
  context    = { SET_HOSTNAME = var.hostname }

  # A guest reads its context when it boots: what has changed there is followed by a reboot.
  restart_policy = "on_change"
}
