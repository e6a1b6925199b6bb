data "xen_console_log" "web" {
  id = "xen01/7"
}

output "console" {
  value = data.xen_console_log.web.text
}
