package model

import "time"

// TemplateSpec is what a user asks of a template: any of a virtual machine's attributes.
type TemplateSpec struct {
	Name   string
	Body   VirtualMachineBody
	Labels map[string]string
}

// Check returns the first thing wrong with the specification and the attribute it concerns.
func (s TemplateSpec) Check() *FieldError {
	if err := CheckName(s.Name); err != nil {
		return fieldError("name", "%s", err)
	}
	return s.Body.Check()
}

// Template is the record of a template, templates/<id>/template.json.
type Template struct {
	Header
	Body    VirtualMachineBody `json:"body"`
	Created time.Time          `json:"created"`
}
