variable "kernel" {
  description = "Path of a Linux kernel for paravirtualised guests."
  type        = string
}

variable "ramdisk" {
  description = "Path of the initial ramdisk that belongs to the kernel."
  type        = string
}

variable "disk" {
  description = "Path of a disk image whose root file system has the label guest-root."
  type        = string
}

variable "bridge" {
  description = "Bridge on the host that the guests are connected to."
  type        = string
  default     = "br0"
}
