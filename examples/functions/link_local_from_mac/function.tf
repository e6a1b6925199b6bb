output "link_local" {
  value = provider::xen::link_local_from_mac("02:00:c0:a8:46:96") # fe80::c0ff:fea8:4696
}
