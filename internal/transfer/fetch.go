package transfer

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

var (
	//go:embed scripts/fetch.sh
	fetchScript string
	//go:embed scripts/heads.sh
	headsScript string
)

// HostSource says what a host fetches by itself: a regular file or block device of its own, or an http or https URL, exactly one of
// the two.
type HostSource struct {
	Path      string    // absolute
	Forbidden string    // a folder of the host that Path must not lie in
	URL       string    // fetched with the host's curl or wget
	Checksum  *Checksum // compared with the bytes as delivered, before any decompression; nil checks nothing
	Verbatim  bool      // store the delivered bytes as they are: no decompression, no format
	Limit     int64     // how many bytes the content, decompressed, may have; 0: as many as a disk can have
}

// Fetch makes the file dst of a host from what the host fetches itself, and tells what it is. Gzip, xz, zstd and bzip2 are found by
// their content and decompressed with the host's tools; runs of zeros become holes. The file is neither padded nor synced, and what
// fails may leave a part of it in its folder. Info.SHA256 is not set, see MakeMap.
func Fetch(ctx context.Context, to Runner, src HostSource, dst string) (Info, error) {
	if err := src.check(); err != nil {
		return Info{}, err
	}
	if err := checkHostPath(dst); err != nil {
		return Info{}, err
	}
	algorithm, want, verbatim := "sha256", "", ""
	if src.Checksum != nil {
		algorithm, want = src.Checksum.Algorithm, src.Checksum.Hex
	}
	if src.Verbatim {
		verbatim = "verbatim"
	}
	result, err := to.Run(ctx, host.Script{
		Step:  fmt.Sprintf("fetch %s into %s", src.name(), dst),
		Text:  fetchScript + headsScript,
		Args:  []string{dst, src.Path, src.Forbidden, algorithm, want, verbatim, strconv.FormatInt(cmp.Or(src.Limit, maxVirtualBytes), 10)},
		Stdin: strings.NewReader(src.URL + "\n" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(src.URL) + "\n"),
	})
	if err != nil {
		return Info{}, src.masked(err)
	}
	digest, rest, _ := bytes.Cut(result.Stdout, []byte("\n"))
	info, err := parseHeads(rest, src.Verbatim)
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", src.name(), err)
	}
	info.Delivered = Checksum{Algorithm: algorithm, Hex: string(digest)}
	return info, nil
}

// Identify tells what a file of a host is that no guest could write to yet. Of a VHDX image the virtual size stays unknown.
func Identify(ctx context.Context, to Runner, file string) (Info, error) {
	result, err := to.Run(ctx, host.Script{Step: "look at " + file, Text: "set -eu\n" + headsScript, Args: []string{file}, Repeatable: true})
	if err != nil {
		return Info{}, err
	}
	return parseHeads(result.Stdout, false)
}

// parseHeads reads what heads.sh prints.
func parseHeads(text []byte, verbatim bool) (Info, error) {
	line, ends, _ := bytes.Cut(text, []byte("\n"))
	length, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil || int64(len(ends)) < min(length, headSize) {
		return Info{}, fmt.Errorf("the host answered %q where the length of a file and its first bytes were expected", line)
	}
	info := Info{Bytes: length, VirtualBytes: length}
	if verbatim {
		return info, nil
	}
	head := ends[:min(length, headSize)]
	var virtual int64
	if info.Format, virtual, err = identifyWhole(head, ends[len(head):]); err != nil {
		return Info{}, err
	}
	if info.Format != FormatRaw && info.Format != FormatISO {
		info.VirtualBytes = virtual
	}
	return info, nil
}

func (src HostSource) check() error {
	switch {
	case (src.Path == "") == (src.URL == ""):
		return errors.New("a source needs either a path or a URL")
	case src.URL != "":
		return checkURL(src.URL)
	case !path.IsAbs(src.Path):
		return fmt.Errorf("path on the host %q must be absolute", src.Path)
	}
	return nil
}

// name is how errors and logs call the source; it never holds credentials.
func (src HostSource) name() string {
	if src.URL != "" {
		return MaskURLs(src.URL)
	}
	return src.Path
}

// masked takes out of an error what the host's tool said of the URL.
func (src HostSource) masked(err error) error {
	var exit *host.ExitError
	if src.URL == "" || !errors.As(err, &exit) {
		return err
	}
	masked := *exit
	masked.Stderr = []byte(MaskURLs(string(exit.Stderr)))
	return &masked
}
