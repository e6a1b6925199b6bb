package transfer

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

var (
	//go:embed scripts/verify.sh
	verifyScript string
	//go:embed scripts/make_map.sh
	makeMapScript string
)

// ErrDamaged says that a file on a host is not what its map says.
var ErrDamaged = errors.New("its content is not what was stored")

// Verify reads a file on a host and compares it with its map, whose digest must be the one given. It fails with ErrDamaged when they
// differ, or when one of the two is missing.
func Verify(ctx context.Context, on Runner, file File, sha256 string) error {
	_, err := on.Run(ctx, host.Script{
		Step: "verify " + file.Path, Text: commonScript + verifyScript, Args: []string{file.Path, file.Map, sha256, diskProgram}, Repeatable: true,
	})
	var exit *host.ExitError
	if errors.As(err, &exit) && exit.Status == exitDamaged {
		return fmt.Errorf("%w: %s", ErrDamaged, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// MakeMap makes the map of a file that came to be on the host itself, and returns its digest, the SHA-256 of the data in it.
func MakeMap(ctx context.Context, on Runner, file File) (sha256 string, err error) {
	result, err := on.Run(ctx, host.Script{
		Step: "read " + file.Path, Text: commonScript + makeMapScript, Args: []string{file.Path, file.Map, diskProgram}, Repeatable: true,
	})
	return strings.TrimSpace(string(result.Stdout)), err
}
