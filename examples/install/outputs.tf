output "machines" {
  description = "What there is to know about each virtual machine."
  value = {
    for machine in concat(xen_virtual_machine.installer, xen_virtual_machine.installed) : machine.name => {
      state = machine.state
      vnc   = "127.0.0.1:${machine.vnc_port} on ${machine.host}"
    }
  }
}
