package provider

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// cleanupTimeout is what is left to an operation that must look after itself although it was cancelled.
const cleanupTimeout = 30 * time.Second

// failed reports an error of the engine in the words of the host: action is "create", kind and name say what, host where.
// An error that names an attribute points to it.
func failed(diags *diag.Diagnostics, action string, kind model.Kind, name, host string, err error) {
	summary := fmt.Sprintf("Unable to %s %s", action, kind.Noun())
	if name != "" {
		summary += fmt.Sprintf(" %q", name)
	}
	if host != "" {
		summary += " on " + host
	}
	var field *model.FieldError
	if errors.As(err, &field) {
		addErrorAt(diags, fieldPath(field.Field), summary, field.Err.Error())
		return
	}
	diags.AddError(summary, err.Error())
}

// warnOfFailure tells of a thing that is there but of no use, why, and what to do.
func warnOfFailure(diags *diag.Diagnostics, kind model.Kind, header model.Header, state, failure string) {
	if failure == "" {
		return
	}
	diags.AddWarning(fmt.Sprintf("The %s %q on %s is in the state %s", kind.Noun(), header.Name, header.Host, state), failure)
}

// refused reports a value that the rules of the model do not allow, at plan time.
func refused(diags *diag.Diagnostics, kind model.Kind, err *model.FieldError) {
	addErrorAt(diags, fieldPath(err.Field), "Unable to use this value for the "+kind.Noun(), err.Err.Error())
}

// addErrorAt names a nested attribute in the text, too: Terraform shows only the line where the resource begins.
func addErrorAt(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	if len(at.Steps()) > 1 {
		detail = at.String() + ": " + detail
	}
	diags.AddAttributeError(at, summary, detail)
}

// fieldPath turns the dotted path of a model.FieldError into the path of the attribute: the first word is an attribute, and the second
// is a key where that attribute is a map.
func fieldPath(field string) path.Path {
	root, rest, nested := strings.Cut(field, ".")
	at := path.Root(root)
	if !nested {
		return at
	}
	switch root {
	case "disks", "nics":
		key, attribute, deeper := strings.Cut(rest, ".")
		at = at.AtMapKey(key)
		if deeper {
			at = at.AtName(attribute)
		}
		return at
	case "os", "graphics", "source_disk", "wait_for":
		return at.AtName(rest)
	}
	return at.AtMapKey(rest) // keys of variables, files and labels may hold dots
}
