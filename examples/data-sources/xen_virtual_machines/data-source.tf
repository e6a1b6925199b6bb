data "xen_virtual_machines" "web" {
  host   = "xen01"
  labels = { role = "web" }
  state  = "RUNNING"
}

output "web_addresses" {
  value = { for vm in data.xen_virtual_machines.web.virtual_machines : vm.name => vm.addresses }
}
