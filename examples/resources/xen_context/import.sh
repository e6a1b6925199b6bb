# By host and number, or by host and name.
terraform import xen_context.web xen01/1
terraform import xen_context.web xen01/web
