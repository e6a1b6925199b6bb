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

variable "prefix" {
  description = "First 64 bits of the network that the router advertises."
  type        = string
  default     = "2001:db8:0:70"
}

variable "outer_bridge" {
  description = "Bridge on the host that leads out."
  type        = string
  default     = "br0"
}

variable "inner_bridge" {
  description = "Bridge on the host behind the router."
  type        = string
  default     = "br1"
}

variable "memory" {
  description = "Memory of each guest, in MiB."
  type        = number
  default     = 128
}
