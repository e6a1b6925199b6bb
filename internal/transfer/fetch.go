package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// Fetch streams a file of a host to w.
func Fetch(ctx context.Context, from Runner, path string, w io.Writer) error {
	if err := checkHostPath(path); err != nil {
		return err
	}
	_, err := from.Run(ctx, host.Script{Step: "read " + path, Text: `exec cat <"$1"`, Args: []string{path}, Stdout: w})
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
