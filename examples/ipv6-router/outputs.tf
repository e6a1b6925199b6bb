output "machines" {
  description = "What there is to know about both guests."
  value = {
    for machine in [xen_virtual_machine.router, xen_virtual_machine.host] : machine.name => machine.state
  }
}
