output "deployment_file" {
  value = provider::xen::deployment_file({
    name   = "web-1"
    memory = 512
    os     = { kernel = "/boot/vmlinuz", ramdisk = "/boot/initrd.img", cmdline = "console=hvc0 root=/dev/xvda1" }
    disks  = { xvda = { file = "/srv/xen/web-1.img" } }
    nics   = { eth0 = { bridge = "br0", ip = "192.168.70.150" } }
  })
}
