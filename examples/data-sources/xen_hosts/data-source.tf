data "xen_hosts" "all" {}

# A new virtual machine goes where most memory is free.
locals {
  free     = { for host in data.xen_hosts.all.hosts : host.name => host.memory_free }
  roomiest = [for name, free in local.free : name if free == max(values(local.free)...)]
}

resource "xen_virtual_machine" "web" {
  host   = local.roomiest[0]
  memory = 1024

  lifecycle { ignore_changes = [host] }
}
