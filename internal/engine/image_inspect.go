package engine

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

//go:embed scripts/image_host_file.sh
var hostFileScript string

// exitHostFile is the status of image_host_file.sh when a file cannot be used.
const exitHostFile = 70

// SourceInfo is what can be known of an image's source before it is stored.
type SourceInfo struct {
	Format     string // raw, qcow2, iso, vmdk, vhd or vhdx
	VirtualMiB int64  // rounded up; 0: not known
}

// InspectSource looks at the head of a local file.
func InspectSource(ctx context.Context, path string) (SourceInfo, error) {
	info, err := transfer.Inspect(ctx, transfer.Source{Path: path})
	if err != nil {
		return SourceInfo{}, err
	}
	return SourceInfo{Format: info.Format, VirtualMiB: mebibytes(info.VirtualBytes)}, nil
}

// PublicPath is the path of an image's source for those who did not write it: of a URL without what may be a secret.
func PublicPath(path string) string {
	if model.IsURL(path) {
		return transfer.MaskURLs(path)
	}
	return path
}

// CheckFormat tells whether content of the format that InspectSource found can become the image.
func CheckFormat(typ model.ImageType, wanted, found string) error {
	return checkFormat(typ, wanted, found)
}

// ResolveChecksum reads the list of checksums that a specification names and gives that of its source, "<algorithm>:<hex>".
func ResolveChecksum(ctx context.Context, spec model.ImageSpec) (string, error) {
	name := filepath.Base(spec.Path)
	switch {
	case spec.HostPath != "":
		name = path.Base(spec.HostPath)
	case model.IsURL(spec.Path):
		address, err := url.Parse(spec.Path)
		if err != nil {
			return "", errors.New("the path is not a valid URL, so its name cannot be looked up")
		}
		name = path.Base(address.Path)
	}
	sum, err := transfer.FetchSum(ctx, spec.Checksum, name)
	if err != nil {
		return "", err
	}
	return sum.String(), nil
}

// CheckHostFile finds out whether a host has a file or block device that an image can be made of. The error is a model.FieldError when
// the host said no.
func (e *Engine) CheckHostFile(ctx context.Context, hostName, file string) error {
	s, err := e.site(hostName)
	if err != nil {
		return err
	}
	return s.checkHostFile(ctx, "host_path", file)
}

// checkHostFile is CheckHostFile for the file that a field names.
func (s *site) checkHostFile(ctx context.Context, field, file string) error {
	_, err := s.host.Run(ctx, host.Script{Step: "look for " + file, Text: hostFileScript, Args: []string{file, s.store.Root()}, Repeatable: true})
	if exit, ok := errors.AsType[*host.ExitError](err); ok && exit.Status == exitHostFile {
		return &model.FieldError{Field: field, Err: fmt.Errorf("host %s says: %s", s.name, strings.TrimSpace(string(exit.Stderr)))}
	}
	return err
}

// HasTool tells whether a host has a program. It asks a host once.
func (e *Engine) HasTool(ctx context.Context, hostName, tool string) (bool, error) {
	s, err := e.site(hostName)
	if err != nil {
		return false, err
	}
	facts, err := s.factsOnce(ctx)
	return slices.Contains(facts.Tools, tool), err
}
