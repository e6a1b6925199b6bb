package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// backend is what every resource and data source gets from the provider: the engine, and what is not known yet when a plan is
// made before the values of the provider configuration are.
type backend struct {
	engine  *engine.Engine    // nil while unknown is set
	unknown string            // the argument of the provider configuration that is not known yet
	pending map[string]string // by host: the argument of it that is not known yet, or nothing

	templates sync.Map // by id: plannedTemplate
	changing  sync.Map // ids of images of which the plan changes how virtual machines use them
}

// on returns the engine and the host's name; an empty name is the default host.
func (b *backend) on(host string) (*engine.Engine, string, error) {
	if b == nil {
		return nil, "", errors.New("the provider is not configured")
	}
	if b.engine == nil {
		return nil, "", notKnownYet(b.unknown)
	}
	name, err := b.engine.ResolveHost(host)
	if err != nil {
		return nil, "", err
	}
	if argument := b.pending[name]; argument != "" {
		return nil, "", notKnownYet("hosts." + name + "." + argument)
	}
	return b.engine, name, nil
}

func notKnownYet(argument string) error {
	return fmt.Errorf("the provider's argument %s is not known before the apply, so the host cannot be asked now; "+
		"apply what the argument comes from first, with -target", argument)
}

// base is what all resources have in common.
type base struct {
	backend *backend
}

func (b *base) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	b.backend, _ = req.ProviderData.(*backend) // nil while the provider is not configured
}

// refOf reads an id that this provider wrote, and returns the engine that reaches its host.
func (b *base) refOf(id types.String) (*engine.Engine, model.Ref, error) {
	ref, err := model.ParseRef(id.ValueString())
	if err != nil {
		return nil, ref, err
	}
	eng, _, err := b.backend.on(ref.Host)
	return eng, ref, err
}

// planHost makes the host part of the plan, and returns its name when it is known.
func (b *base) planHost(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) string {
	at := path.Root("host")
	var configured, planned types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &configured)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, at, &planned)...)
	if configured.IsUnknown() || b.backend == nil || b.backend.engine == nil {
		return planned.ValueString()
	}
	name, err := b.backend.engine.ResolveHost(planned.ValueString())
	if err != nil {
		addErrorAt(&resp.Diagnostics, at, "Unable to choose a host", err.Error())
		return ""
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, name)...)
	return name
}

// importState finds what "<host>/<number>", "<host>/<name>", or a plain number or name on the default host means.
func (b *base) importState(ctx context.Context, kind model.Kind, id string, resp *resource.ImportStateResponse) {
	b.importFound(ctx, kind, id, resp, func(eng *engine.Engine, host, nameOrNumber string) (model.Ref, error) {
		return eng.Find(ctx, kind, host, nameOrNumber)
	})
}

// importFound is importState with another way to find things.
func (b *base) importFound(ctx context.Context, kind model.Kind, id string, resp *resource.ImportStateResponse,
	find func(eng *engine.Engine, host, nameOrNumber string) (model.Ref, error),
) {
	ctx, cancel := limited(ctx, importTimeout, "")
	defer cancel()
	host, nameOrNumber, both := strings.Cut(id, "/")
	if !both {
		host, nameOrNumber = "", id
	}
	eng, host, err := b.backend.on(host)
	if err == nil {
		var ref model.Ref
		if ref, err = find(eng, host, nameOrNumber); err == nil {
			resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), ref.String())...)
			return
		}
	}
	resp.Diagnostics.AddError(fmt.Sprintf("Unable to import %s %q", kind.Noun(), id),
		err.Error()+"\n\nAn import id is <host>/<number> or <host>/<name>, or the number or name alone on the default host.")
}

// destroy asks the engine to remove what the state names, in the time that the resource or the default gives.
func (b *base) destroy(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse, kind model.Kind,
	limit time.Duration, remove func(*engine.Engine, context.Context, model.Ref) error,
) {
	var id, name types.String
	var limits timeouts.Value
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &id)...)
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("timeouts"), &limits)...)
	limit, diags := limits.Delete(ctx, limit)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := limited(ctx, limit, "timeouts.delete")
	defer cancel()
	eng, ref, err := b.refOf(id)
	if err == nil {
		err = remove(eng, ctx, ref)
	}
	if err != nil {
		failed(&resp.Diagnostics, "destroy", kind, name.ValueString(), ref.Host, err)
	}
}

// gone takes a resource out of the state that the host does not have any more. If its removal was cut off, what that left goes now.
func gone(ctx context.Context, state *tfsdk.State, eng *engine.Engine, ref model.Ref) {
	state.RemoveResource(ctx)
	_ = eng.ClearUp(ctx, ref.Host) // the next client tries again
}

// afterFailedCreate takes the resource out of the state when the host says that nothing is left of it. Otherwise it stays there as
// tainted, and the next apply cleans it up.
func afterFailedCreate(ctx context.Context, state *tfsdk.State, read func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if errors.Is(read(ctx), engine.ErrAbsent) {
		state.RemoveResource(ctx)
	}
}
