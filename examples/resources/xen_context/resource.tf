variable "ssh_public_key" {
  type = string
}

variable "root_password" {
  type      = string
  ephemeral = true
}

# For images with OpenNebula's guest packages (one-context).
resource "xen_context" "web" {
  name               = "web"
  network            = true
  hostname_from_name = true
  time_zone          = "Europe/Berlin"
  password_wo        = var.root_password
  ssh_public_keys    = [var.ssh_public_key]
  variables          = { ROLE = "web" } # for the scripts below
  start_script       = <<-EOT
    #!/bin/sh
    systemctl enable --now nginx
  EOT

  files = {
    "motd"    = { content = "Made by Terraform.\n" }
    "init.sh" = { source = "files/init.sh", executable = true }
  }
}

# For images with cloud-init, such as those of Debian, Ubuntu and Fedora.
resource "xen_context" "cloud" {
  name               = "cloud"
  format             = "nocloud"
  network            = true
  hostname_from_name = true
  user               = "admin"
  ssh_public_keys    = [var.ssh_public_key]
  user_data          = <<-EOT
    #cloud-config
    packages: [nginx]
  EOT
}
