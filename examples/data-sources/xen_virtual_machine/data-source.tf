data "xen_virtual_machine" "web" {
  host = "xen01"
  name = "web-1"
}

output "web" {
  value = "${data.xen_virtual_machine.web.state}, ${join(" ", data.xen_virtual_machine.web.addresses)}"
}
