terraform {
  required_version = ">= 1.11"

  required_providers {
    xen = {
      source = "onexen/xen"
    }
  }
}

# The host, the user and the key come from the environment: XEN_HOST, XEN_USER, XEN_PRIVATE_KEY_FILE.
provider "xen" {}

# A guest of the type pv boots a kernel and a ramdisk of their own, in place of what is on its disk.
resource "xen_image" "kernel" {
  name = "kernel"
  type = "KERNEL"
  path = var.kernel
}

resource "xen_image" "ramdisk" {
  name = "ramdisk"
  type = "RAMDISK"
  path = var.ramdisk
}

resource "xen_image" "root" {
  name = "guest"
  type = "OS"
  path = var.disk
}

resource "xen_template" "guest" {
  name   = "guest"
  type   = "pv"
  memory = var.memory # MiB

  os = {
    kernel_id  = xen_image.kernel.id
    ramdisk_id = xen_image.ramdisk.id
    cmdline    = "console=hvc0 root=LABEL=busybox-root"
  }

  disks = { xvda = { image_id = xen_image.root.id } }
}

locals {
  prefix = "${var.prefix}::" # the network's 64 bits; the router is number one in it
}

# Advertises the prefix on the inner bridge. It has both files at hand, because scripts run in the folder of the medium.
resource "xen_context" "router" {
  files = {
    "init.sh" = { content = <<-EOT
      hostname router
      for number in 0 1; do ifconfig "eth$number" up; done
      ip -6 address add ${local.prefix}1/64 dev eth1
      echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
      radvd --config /mnt/radvd.conf --pidfile /run/radvd.pid
      echo "ROUTER advertises ${local.prefix}/64"
    EOT
    }
    "radvd.conf" = { content = <<-EOT
      interface eth1 {
        AdvSendAdvert on;
        MaxRtrAdvInterval 10;
        prefix ${local.prefix}/64 {
          AdvOnLink on;
          AdvAutonomous on;
        };
      };
    EOT
    }
  }
}

# Has no address of its own: its kernel makes one of the advertised prefix and its MAC address.
resource "xen_context" "host" {
  files = {
    "init.sh" = { content = <<-EOT
      hostname host
      ifconfig eth0 up
      for second in $(seq 60); do
        address=$(ip -6 address show dev eth0 scope global | awk '$1 == "inet6" && !/tentative/ { print $2 }')
        [ -z "$address" ] || break
        sleep 1
      done
      echo "ADDRESS $address"
      echo "ROUTE $(ip -6 route show default)"
      ping6 -c 3 ${local.prefix}1 || echo "the router does not answer"
    EOT
    }
  }
}

resource "xen_virtual_machine" "router" {
  name        = "router"
  template_id = xen_template.guest.id
  nics        = { eth0 = { bridge = var.outer_bridge }, eth1 = { bridge = var.inner_bridge } }
  context_id  = xen_context.router.id
}

resource "xen_virtual_machine" "host" {
  name        = "host"
  template_id = xen_template.guest.id
  nics        = { eth0 = { bridge = var.inner_bridge, mac = "02:00:c0:a8:46:b8" } }
  context_id  = xen_context.host.id
}
