# By host and VID, or by host and name.
terraform import xen_virtual_machine.web xen01/12
terraform import xen_virtual_machine.web xen01/web-1
