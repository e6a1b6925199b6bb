data "xen_virtual_machine_log" "web" {
  host  = "xen01"
  name  = "web-1"
  lines = 20
}

output "log" {
  value = data.xen_virtual_machine_log.web.text
}
