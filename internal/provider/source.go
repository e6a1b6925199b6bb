package provider

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/engine"
)

// sourceKey is where the private state keeps the checksum of a local file.
const sourceKey = "source"

// source is a local file as it was when it was hashed: while size and time stay the same, so does its content.
type source struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Checksum string    `json:"checksum"`
}

func isURL(location string) bool {
	return strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://")
}

// localChecksum is the SHA-256 of a local file, "sha256:<hex>", and the source to remember it by. A file that is as remembered is not read.
func localChecksum(ctx context.Context, private privateState, file string) (source, error) {
	info, err := os.Stat(file)
	if err != nil {
		return source{}, err
	}
	now := source{Path: file, Size: info.Size(), Modified: info.ModTime().UTC()}
	var remembered source
	if text, _ := private.GetKey(ctx, sourceKey); text != nil && json.Unmarshal(text, &remembered) == nil {
		now.Checksum = remembered.Checksum
		if now == remembered {
			return now, nil
		}
	}
	now.Checksum, err = engine.SourceChecksum(ctx, file)
	return now, err
}

// refreshSource remembers the checksum of the file at hand, so that the plan need not read it. A file that is not there is no error here:
// the image stands on the host.
func refreshSource(ctx context.Context, private privateState, file string) {
	if file == "" || isURL(file) {
		return
	}
	if now, err := localChecksum(ctx, private, file); err == nil {
		if text, err := json.Marshal(now); err == nil {
			private.SetKey(ctx, sourceKey, text)
		}
	}
}
