output "mac" {
  value = provider::xen::mac_from_ip("192.168.70.150") # 02:00:c0:a8:46:96
}
