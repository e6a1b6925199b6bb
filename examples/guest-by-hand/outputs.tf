output "machine" {
  description = "What there is to know about the guest."
  value = {
    addresses = xen_virtual_machine.busybox.addresses
    mac       = xen_virtual_machine.busybox.nics["eth0"].mac
    state     = xen_virtual_machine.busybox.state
  }
}
