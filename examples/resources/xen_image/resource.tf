# A disk to boot from. Every virtual machine gets a copy of its own. The checksum is looked up in the list for every plan.
resource "xen_image" "debian" {
  name     = "debian-12"
  type     = "OS"
  path     = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-generic-amd64.qcow2"
  checksum = "https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS"
}

# The host fetches the image by itself, and its qemu-img converts it.
resource "xen_image" "appliance" {
  name       = "appliance"
  type       = "OS"
  path       = "https://example.org/appliance.vmdk"
  fetch_from = "host"
  format     = "qcow2"
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

# An empty disk that outlives the virtual machine that writes to it. A larger size grows it in place.
resource "xen_image" "data" {
  name       = "data"
  type       = "DATABLOCK"
  persistent = true
  size       = 10240 # MiB
  fstype     = "ext4"
}

# What lies on the host already: a file, or a block device.
resource "xen_image" "old" {
  name      = "old-server"
  type      = "OS"
  host_path = "/dev/vg0/old-server"
}

# A copy of another image, for one virtual machine to write to.
resource "xen_image" "work" {
  name            = "work"
  type            = "OS"
  persistent      = true
  source_image_id = xen_image.debian.id
}

# A disk of a virtual machine, as it is while the machine is powered off.
resource "xen_image" "golden" {
  name        = "golden"
  type        = "OS"
  source_disk = { virtual_machine_id = "xen01/7", slot = "xvda" }
}
