output "machines" {
  description = "What there is to know about each virtual machine."
  value = {
    for name, machine in xen_virtual_machine.web : name => {
      vid       = machine.vid
      mac       = machine.nics["eth0"].mac
      addresses = machine.addresses
      state     = machine.state
      vnc       = machine.vnc_port == null ? null : "127.0.0.1:${machine.vnc_port} on ${machine.host}"
    }
  }
}
