# By host and VID, or by host and name.
terraform import xen_virtual_machine.web xen01/12
terraform import xen_virtual_machine.web xen01/web-1
# A running domain that was made with plain xl, by host and name of the domain.
terraform import xen_virtual_machine.old xen01/old-web
