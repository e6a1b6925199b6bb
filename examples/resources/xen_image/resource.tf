variable "debian_checksum" {
  description = "sha512: and the digits that SHA512SUMS beside the image has."
  type        = string
}

# A disk to boot from. Every virtual machine gets a copy of its own.
resource "xen_image" "debian" {
  name     = "debian-12"
  type     = "OS"
  path     = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-generic-amd64.qcow2"
  checksum = var.debian_checksum
}

# A kernel and its ramdisk, for paravirtualised guests.
resource "xen_image" "kernel" {
  name = "vmlinuz"
  type = "KERNEL"
  path = "images/vmlinuz"
}

resource "xen_image" "ramdisk" {
  name = "initrd"
  type = "RAMDISK"
  path = "images/initrd.img"
}

# An empty disk that outlives the virtual machine that writes to it.
resource "xen_image" "data" {
  name       = "data"
  type       = "DATABLOCK"
  persistent = true
  size       = 10240 # MiB
  fstype     = "ext4"
}
