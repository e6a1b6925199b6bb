variable "kernel" {
  description = "Path of a Linux kernel for paravirtualised guests."
  type        = string
}

variable "ramdisk" {
  description = "Path of the initial ramdisk that belongs to the kernel."
  type        = string
}

variable "disk" {
  description = "Path of a disk image whose root file system has the label busybox-root."
  type        = string
}

variable "ssh_public_key" {
  description = "Who logs in as root, as a line of authorized_keys."
  type        = string
}

variable "hostname" {
  description = "Host name of the guest."
  type        = string
  default     = "busybox-1"
}

variable "start_script" {
  description = "What the guest runs once, with this context."
  type        = string
  default     = <<-EOT
    #!/bin/sh
    echo "This is $(hostname)." >/etc/motd
  EOT
}

variable "ip" {
  description = "IPv4 address of the guest."
  type        = string
  default     = "192.168.70.182"
}

variable "gateway" {
  description = "IPv4 address of the guest's router."
  type        = string
  default     = "192.168.70.1"
}

variable "size" {
  description = "Size of the root disk, in MiB."
  type        = number
  default     = 256
}

variable "memory" {
  description = "Memory of the guest, in MiB."
  type        = number
  default     = 128
}

variable "bridge" {
  description = "Bridge on the host that the guest is connected to."
  type        = string
  default     = "br0"
}
