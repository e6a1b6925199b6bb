data "xen_images" "debian" {
  name_regex = "^debian-"
  type       = "OS"
  state      = "READY"
  labels     = { stage = "tested" }
}

resource "xen_virtual_machine" "web" {
  memory = 1024
  disks  = { xvda = { image_id = data.xen_images.debian.images[0].id } }
}
