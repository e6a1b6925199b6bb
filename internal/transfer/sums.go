package transfer

import (
	"context"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxSums is far more than any list of checksums has.
const maxSums = 8 << 20

var (
	gnuSum  = regexp.MustCompile(`^\\?([0-9A-Fa-f]{32,128}) [ *](.+)$`)            // sha256sum(1)
	bsdSum  = regexp.MustCompile(`^([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9A-Fa-f]+)$`) // sha256sum --tag, openssl dgst
	bareSum = regexp.MustCompile(`^[0-9A-Fa-f]{32,128}$`)
)

// CheckURL refuses what is no http or https URL. The error does not show a URL that is not valid: nobody can tell which part is a
// password.
func CheckURL(address string) error { return checkURL(address) }

// FetchSum reads a list of checksums from an http or https URL and returns that of the named file; see FindSum.
func FetchSum(ctx context.Context, address, name string) (Checksum, error) {
	if err := checkURL(address); err != nil {
		return Checksum{}, err
	}
	body, _, err := get(ctx, address)
	if err != nil {
		return Checksum{}, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxSums))
	if err != nil {
		return Checksum{}, maskError(err)
	}
	sum, err := FindSum(string(text), name)
	if err != nil {
		return Checksum{}, fmt.Errorf("%s %w", MaskURLs(address), err)
	}
	return sum, nil
}

// FindSum returns the checksum of a file from a list such as SHA256SUMS: lines of sha256sum(1) and its like, plain or with --tag. The
// length of the digits tells the algorithm; of several for one file the longest counts. A list of nothing but one checksum is that of
// any file.
func FindSum(text, name string) (Checksum, error) {
	found, names := Checksum{}, []string{}
	for line := range strings.Lines(text) {
		file, sum := parseSum(strings.TrimRight(line, "\r\n"))
		switch {
		case sum.Hex == "":
		case file == name:
			if len(sum.Hex) > len(found.Hex) {
				found = sum
			}
		default:
			names = append(names, file)
		}
	}
	if fields := strings.Fields(text); found.Hex == "" && len(fields) == 1 && bareSum.MatchString(fields[0]) {
		found = checksumOf("", fields[0])
	}
	if found.Hex != "" {
		return found, nil
	}
	if len(names) == 0 {
		return Checksum{}, fmt.Errorf("holds no checksums: give the URL of a list such as SHA256SUMS")
	}
	const shown = 10
	slices.Sort(names)
	names = slices.Compact(names)
	more := ""
	if len(names) > shown {
		more = fmt.Sprintf(" and %d more", len(names)-shown)
		names = names[:shown]
	}
	return Checksum{}, fmt.Errorf("has no checksum of %q: it has those of %s%s", name, strings.Join(names, ", "), more)
}

// parseSum reads one line; the checksum is empty when it is something else.
func parseSum(line string) (file string, sum Checksum) {
	if m := bsdSum.FindStringSubmatch(line); m != nil {
		return path.Base(m[2]), checksumOf(m[1], m[3])
	}
	if m := gnuSum.FindStringSubmatch(line); m != nil {
		return path.Base(m[2]), checksumOf("", m[1])
	}
	return "", Checksum{}
}

// checksumOf finds the algorithm by the length of the digits; a named one must agree with it.
func checksumOf(name, digits string) Checksum {
	for algorithm := range algorithms {
		sum, err := ParseChecksum(algorithm + ":" + digits)
		if err == nil && (name == "" || strings.EqualFold(name, algorithm)) {
			return sum
		}
	}
	return Checksum{}
}
