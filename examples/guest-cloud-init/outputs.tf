output "machine" {
  description = "What there is to know about the guest."
  value = {
    addresses = xen_virtual_machine.debian.addresses
    mac       = xen_virtual_machine.debian.nics["eth0"].mac
    state     = xen_virtual_machine.debian.state
  }
}
