package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// SourceChecksum is the SHA-256 of a local file's bytes as delivered, "sha256:<hex>". It reads the whole file.
func SourceChecksum(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, contextReader{ctx, file}); err != nil {
		return "", fmt.Errorf("unable to read %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(digest.Sum(nil)), nil
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
