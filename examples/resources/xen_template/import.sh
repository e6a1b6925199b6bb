# By host and number, or by host and name.
terraform import xen_template.web xen01/2
terraform import xen_template.web xen01/web
