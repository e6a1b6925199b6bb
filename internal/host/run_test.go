package host

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

func TestRun(t *testing.T) {
	h := startServer(t).host(nil)
	result, err := h.Run(t.Context(), Script{Text: `printf %s "$1"; echo err >&2`, Args: []string{"a b"}})
	if err != nil || string(result.Stdout) != "a b" || string(result.Stderr) != "err\n" {
		t.Fatalf("%q %q %v", result.Stdout, result.Stderr, err)
	}
	_, _, _ = bytes.NewReader, errors.Is, context.Canceled
}
