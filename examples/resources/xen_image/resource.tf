# A disk to boot from. Every virtual machine gets a copy of its own.
resource "xen_image" "debian" {
  name     = "debian-12"
  type     = "OS"
  path     = "https://cloud.debian.org/images/cloud/bookworm/20250210-2019/debian-12-generic-amd64-20250210-2019.qcow2"
  checksum = "sha512:a3c2c0c7a3ab3ba4a7d4e2ad3a7f9b0a6e6ee7f5b3d1e4f0c9b8a7d6e5f4c3b2a1908f7e6d5c4b3a29180f7e6d5c4b3a2918f7e6d5c4b3a29180f7e6d5c4b3a2"
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
