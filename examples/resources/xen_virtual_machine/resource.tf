resource "xen_image" "debian" {
  name = "debian-12"
  type = "OS"
  path = "images/debian-12.qcow2"
}

resource "xen_context" "web" {
  network = true
}

resource "xen_virtual_machine" "web" {
  name   = "web-1"
  type   = "hvm"
  cpu    = 0.5
  vcpu   = 2
  memory = 2048 # MiB

  disks = {
    xvda = { image_id = xen_image.debian.id }
    xvdb = { volatile = "swap", size = 1024 }
  }

  nics = {
    eth0 = {
      bridge  = "br0"
      ip      = "192.168.70.150" # the MAC address is 02:00:c0:a8:46:96
      netmask = "255.255.255.0"
      gateway = "192.168.70.1"
      dns     = ["192.168.70.1"]
    }
  }

  graphics   = { type = "vnc" }
  context_id = xen_context.web.id
  context    = { SET_HOSTNAME = "web-1" }

  power_state      = "running" # or poweroff, suspended, paused
  shutdown_timeout = "2m"
  autostart        = true
  wait_for         = { tcp_port = 22, timeout = "10m" }
}
