package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// endedError is why an operation was ended before it was done, in the user's words.
type endedError struct {
	text string
	kind error // context.Canceled or context.DeadlineExceeded
}

func (e *endedError) Error() string { return e.text }

func (e *endedError) Unwrap() error { return e.kind }

var errInterrupted = &endedError{"Terraform was interrupted", context.Canceled}

// limited gives an operation its time, and has the errors of what is ended say why. The setting by which the user gives it more time may be
// nothing.
func limited(parent context.Context, limit time.Duration, setting string) (context.Context, context.CancelFunc) {
	over := &endedError{fmt.Sprintf("it took longer than %s", limit), context.DeadlineExceeded}
	if setting != "" {
		over.text += fmt.Sprintf(", which is what %s allows: find out what takes so long on the host, or allow more there", setting)
	}
	ctx, interrupt := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() { interrupt(errInterrupted) })
	ctx, cancel := context.WithTimeoutCause(ctx, limit, over)
	return ctx, func() {
		stop()
		cancel()
		interrupt(nil)
	}
}

// looking gives what only looks at the host, a read or a plan, the time that the resource or the default gives.
func looking(ctx context.Context, limits timeouts.Value, diags *diag.Diagnostics) (context.Context, context.CancelFunc) {
	limit, more := limits.Read(ctx, readTimeout)
	diags.Append(more...)
	return limited(ctx, limit, "timeouts.read")
}
