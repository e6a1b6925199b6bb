package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// check refuses what the host would refuse. A template, when there is one, is laid under it; without one that is known, what is missing
// may still come from it. Where a value is not known yet, what depends on it is left to the apply.
func (m machineModel) check(ctx context.Context, kind model.Kind, template *model.VirtualMachineBody, complete bool, diags *diag.Diagnostics) {
	body := m.toBody(ctx, diags)
	if diags.HasError() {
		return
	}
	if template != nil {
		body = body.Over(*template)
	}
	values := m.values()
	for _, value := range values {
		complete = complete && !undecided(value)
	}
	if err := engine.CheckBody(body, complete); err != nil && !undecided(within(values, err.Field)) {
		refused(diags, kind, err)
	}
}

// within is the device or other argument that a field belongs to.
func within(values map[string]attr.Value, field string) attr.Value {
	root, rest, _ := strings.Cut(field, ".")
	if devices, ok := values[root].(types.Map); ok {
		key, _, _ := strings.Cut(rest, ".")
		if device, there := devices.Elements()[key]; there {
			return device
		}
	}
	return values[root]
}

// undecided tells whether the value holds something that is not known yet, other than ids, of which it is enough that they will be there.
func undecided(value attr.Value) bool {
	if value == nil {
		return false
	}
	var children map[string]attr.Value
	switch value := value.(type) {
	case types.Map:
		children = value.Elements()
	case types.Object:
		children = value.Attributes()
	case types.List:
		for _, element := range value.Elements() {
			if element.IsUnknown() {
				return true
			}
		}
	}
	for name, child := range children {
		if undecided(child) && !strings.HasSuffix(name, "_id") {
			return true
		}
	}
	return value.IsUnknown()
}

// reference is an id of something else in the configuration.
type reference struct {
	at   path.Path
	id   types.String
	kind model.Kind
}

// references are the ids of other things by where they stand.
func (m machineModel) references(ctx context.Context, diags *diag.Diagnostics) []reference {
	refs := []reference{{path.Root("context_id"), m.ContextID, model.KindContext}}
	if os := object[osModel](ctx, m.OS, diags); os != nil {
		refs = append(refs,
			reference{path.Root("os").AtName("kernel_id"), os.KernelID, model.KindImage},
			reference{path.Root("os").AtName("ramdisk_id"), os.RamdiskID, model.KindImage})
	}
	for slot, disk := range diskModels(ctx, m.Disks, diags) {
		refs = append(refs, reference{path.Root("disks").AtMapKey(slot).AtName("image_id"), disk.ImageID, model.KindImage})
	}
	return refs
}

// checkReferences refuses ids of another host and of things that are not there. Those that stood there before are not asked for again.
func (b *backend) checkReferences(ctx context.Context, host string, refs, before []reference, diags *diag.Diagnostics) {
	checked := map[string]bool{}
	for _, r := range before {
		checked[r.at.String()+" "+r.id.ValueString()] = true
	}
	for _, r := range refs {
		if !r.id.IsNull() && !r.id.IsUnknown() && !checked[r.at.String()+" "+r.id.ValueString()] {
			b.checkReference(ctx, host, r, diags)
		}
	}
}

func (b *backend) checkReference(ctx context.Context, host string, r reference, diags *diag.Diagnostics) {
	ref, err := model.ParseRef(r.id.ValueString())
	if err != nil {
		addErrorAt(diags, r.at, "Unable to read an id", err.Error())
		return
	}
	if host != "" && ref.Host != host {
		addErrorAt(diags, r.at, "Unable to use the "+r.kind.Noun()+" of another host",
			fmt.Sprintf("%s is on host %s, but this resource is on host %s. All that a resource uses stands on its own host.", ref, ref.Host, host))
		return
	}
	eng, _, err := b.on(ref.Host)
	if err != nil {
		return // not known yet; the apply asks again
	}
	if err := exists(ctx, eng, r.kind, ref); errors.Is(err, engine.ErrAbsent) {
		addErrorAt(diags, r.at, "Unable to find the "+r.kind.Noun(), fmt.Sprintf("There is no %s %s.", r.kind.Noun(), ref))
	} else if err != nil {
		addErrorAt(diags, r.at, fmt.Sprintf("Unable to look for %s %s", r.kind.Noun(), ref), err.Error())
	} else if r.kind == model.KindImage {
		warnOfDisabled(ctx, eng, r.at, ref, diags)
	}
}

func exists(ctx context.Context, eng *engine.Engine, kind model.Kind, ref model.Ref) (err error) {
	switch kind {
	case model.KindImage:
		_, err = eng.ImageToUse(ctx, ref)
	case model.KindContext:
		_, err = eng.Context(ctx, ref)
	case model.KindTemplate:
		_, err = eng.Template(ctx, ref)
	case model.KindVirtualMachine:
		_, err = eng.VirtualMachine(ctx, ref)
	}
	return err
}
