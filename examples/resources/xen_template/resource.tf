resource "xen_image" "debian" {
  name = "debian-12"
  type = "OS"
  path = "images/debian-12.qcow2"
}

resource "xen_template" "web" {
  name   = "web"
  type   = "hvm"
  vcpu   = 2
  memory = 2048 # MiB

  disks = { xvda = { image_id = xen_image.debian.id } }
  nics  = { eth0 = { bridge = "br0", netmask = "255.255.255.0", gateway = "192.168.70.1", dns = ["192.168.70.1"] } }
}
