variable "ssh_public_key" {
  type = string
}

variable "root_password" {
  type      = string
  ephemeral = true
}

resource "xen_context" "web" {
  name            = "web"
  network         = true
  variables       = { TIMEZONE = "Europe/Berlin" }
  variables_wo    = { PASSWORD = var.root_password }
  ssh_public_keys = [var.ssh_public_key]
  start_script    = <<-EOT
    #!/bin/sh
    systemctl enable --now nginx
  EOT

  files = {
    "motd"    = { content = "Made by Terraform.\n" }
    "init.sh" = { source = "files/init.sh", executable = true }
  }
}
