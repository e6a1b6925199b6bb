output "ip" {
  value = provider::xen::ip_from_mac("02:00:c0:a8:46:96") # 192.168.70.150
}
