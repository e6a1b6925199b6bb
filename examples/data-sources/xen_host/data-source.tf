data "xen_host" "default" {}

output "free_memory" {
  value = "${data.xen_host.default.memory_free} MiB on ${data.xen_host.default.hostname}"
}
