# By host and number, or by host and name.
terraform import xen_image.debian xen01/3
terraform import xen_image.debian xen01/debian-12
