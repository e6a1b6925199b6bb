data "xen_template" "web" {
  name = "web"
}

resource "xen_virtual_machine" "web" {
  template_id = data.xen_template.web.id
  memory      = 2 * data.xen_template.web.memory
}
