terraform {
  required_providers {
    xen = {
      source = "onexen/xen"
    }
  }
}

provider "xen" {
  hosts = {
    xen01 = { address = "192.0.2.70" }
    xen02 = { address = "192.0.2.71", datastore = "/srv/xen" }

    # In a network of its own, behind an SSH server that lets through.
    xen03 = { address = "10.0.0.3", bastions = [{ address = "gw.example.com", user = "ops" }] }
  }
  default_host = "xen01"

  ssh = {
    user             = "root"
    private_key_file = "~/.ssh/id_ed25519"
  }
}
