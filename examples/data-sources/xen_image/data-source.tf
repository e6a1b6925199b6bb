data "xen_image" "debian" {
  name = "debian-12"
}

resource "xen_virtual_machine" "web" {
  memory = 1024
  disks  = { xvda = { image_id = data.xen_image.debian.id } }
}
