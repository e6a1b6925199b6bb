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
  }
  default_host = "xen01"

  ssh = {
    user             = "root"
    private_key_file = "~/.ssh/id_ed25519"
  }
}
