package transfer

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// Exit statuses of the scripts; 28 says that there is no room, 65 that the stream was cut.
const (
	exitDamaged = 66
	exitBusy    = 75
)

// discardTimeout bounds the clean-up after a source that turned out to be wrong.
const discardTimeout = 30 * time.Second

var (
	//go:embed scripts/common.sh
	commonScript string
	//go:embed scripts/prepare.sh
	prepareScript string
	//go:embed scripts/receive.sh
	receiveScript string
	//go:embed scripts/disk.py
	diskProgram string
)

// discardScript removes a work folder. $1 the folder.
const discardScript = `rm -rf -- "$1"`

// readiness is what the host says before a transfer.
type readiness struct {
	already
	tool string // to decompress with: zstd, gzip or none
}

// prepare asks what the host has already, and whether there is room for the rest.
func prepare(ctx context.Context, to Runner, src Source, dst Target, need int64) (readiness, error) {
	args := []string{dst.Path, dst.Work, strconv.FormatInt((need+1023)/1024, 10), "", ""}
	if dst.Base != nil {
		args[3], args[4] = dst.Base.Path, dst.Base.Map
	}
	result, err := to.Run(ctx, host.Script{
		Step:       fmt.Sprintf("make room for %s at %s", src.name(), dst.Path),
		Text:       commonScript + prepareScript,
		Args:       args,
		Repeatable: true,
	})
	if err != nil {
		return readiness{}, err
	}
	return parseReadiness(result.Stdout)
}

// parseReadiness reads lines such as "tool zstd", "free 4096", "sent 0 64" and, before a map, "base".
func parseReadiness(text []byte) (r readiness, err error) {
	lines := bufio.NewReader(bytes.NewReader(text))
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return r, nil //nolint:nilerr // the end of the answer
		}
		switch fields := strings.Fields(line); {
		case len(fields) == 2 && fields[0] == "tool":
			r.tool = fields[1]
		case len(fields) == 2 && fields[0] == "free":
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil || kib < 0 {
				return r, fmt.Errorf("the host answered %q where the free space was expected", line)
			}
			r.room = max(1, min(kib, maxVirtualBytes>>10)<<10)
		case len(fields) == 1 && fields[0] == "base":
			r.base, err = parseMap(lines)
			return r, err
		case len(fields) == 3 && fields[0] == "sent":
			first, err := strconv.ParseInt(fields[1], 10, 64)
			count, err2 := strconv.ParseInt(fields[2], 10, 64)
			if err != nil || err2 != nil || first < 0 || count < 0 || first+count > maxVirtualBytes/unit {
				return r, fmt.Errorf("the host answered %q where a number of blocks was expected", line)
			}
			r.sent.add(extent{first, count})
		}
	}
}

// receive lets the host read the stream.
func receive(ctx context.Context, to Runner, src Source, dst Target, ready readiness, s *stream) error {
	base := ""
	if ready.base.index != nil {
		base = dst.Base.Path
	}
	_, err := to.Run(ctx, host.Script{
		Step:  fmt.Sprintf("store %s as %s", src.name(), dst.Path),
		Text:  commonScript + receiveScript,
		Args:  []string{dst.Path, dst.Map, dst.Work, strconv.FormatInt((s.in.need+1023)/1024, 10), base, ready.tool, diskProgram},
		Stdin: s,
	})
	return err
}

// discard removes what was sent of a source that turned out to be wrong.
func discard(ctx context.Context, to Runner, dst Target) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	_, err := to.Run(ctx, host.Script{Step: "remove " + dst.Work, Text: discardScript, Args: []string{dst.Work}, Repeatable: true})
	return err
}

// exitStatus is the status with which a script said no; 0 when there is none.
func exitStatus(err error) int {
	var exit *host.ExitError
	if errors.As(err, &exit) {
		return exit.Status
	}
	return 0
}
