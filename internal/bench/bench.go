// Package bench is what the programs that measure have in common.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Machine says on one line what the figures belong to: processors, kernel, Go.
func Machine(ctx context.Context) string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	model := ""
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%d x %s, Linux %s, %s", runtime.NumCPU(), model, Said(ctx, "uname", "-r"), runtime.Version())
}

// Said is the first line that a program prints, such as its version; empty when it cannot be run.
func Said(ctx context.Context, name string, args ...string) string {
	output, _ := exec.CommandContext(ctx, name, args...).CombinedOutput()
	line, _, _ := strings.Cut(string(output), "\n")
	return line
}

// Median is the middle one of the values that samples have; of an even number it is the upper of the two.
func Median[S any, T cmp.Ordered](samples []S, of func(S) T) T {
	values := []T{}
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
