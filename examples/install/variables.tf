variable "iso" {
  description = "Path or http(s) URL of the installer's CD-ROM."
  type        = string
}

variable "installed" {
  description = "Whether the system is on the disk: false starts the installer, true starts virtual machines from what it installed."
  type        = bool
  default     = false
}

variable "copies" {
  description = "Number of virtual machines to start from what was installed."
  type        = number
  default     = 2
}

variable "size" {
  description = "Size of the disk to install to, in MiB."
  type        = number
  default     = 10240
}

variable "memory" {
  description = "Memory of each virtual machine, in MiB."
  type        = number
  default     = 1024
}

variable "bridge" {
  description = "Bridge on the host that the virtual machines are connected to; empty for none."
  type        = string
  default     = "br0"
}
