package engine

import (
	"context"

	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

// SourceChecksum is the SHA-256 of a local file's bytes as delivered, "sha256:<hex>". It reads the whole file, unless that was done
// before and the file has not changed since.
func SourceChecksum(ctx context.Context, path string) (string, error) {
	sum, err := transfer.Hash(ctx, path)
	if err != nil {
		return "", err
	}
	return sum.String(), nil
}
