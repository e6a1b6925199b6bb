// Package contract is what the simulated host and a real Xen host have in common: one scenario of shell steps whose
// exit status, telling words, domains and loop devices must be the same on both.
package contract

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// Prefix begins the name of every domain of the scenario, so that others on a shared host do not count.
const Prefix = "contract-"

// Runner runs one line of sh on a host, with text on its standard input.
type Runner func(ctx context.Context, command, stdin string) (Output, error)

// Output is what a command left behind.
type Output struct {
	Stdout, Stderr string
	Status         int
}

// Step is one command and what must be seen after it. "@W@" in texts is the scenario's folder on the host.
type Step struct {
	Name    string
	File    string   // a deployment file to write as @W@/cfg before
	Do      string   // sh text
	Status  int      // exit status
	Stdout  string   // regular expression that the output matches; empty: not compared
	Stderr  string   // the same for the error output
	Domains []string // "name state" of the scenario's domains afterwards; nil: as before
	Loops   []string // "file count" of files in @W@ with loop devices afterwards; nil: as before
}

// observe prints the domains, a line between, and the loop devices of the scenario.
const observe = `xl list && echo === && losetup -a | grep -F '@W@/' || [ $? = 1 ]`

// Run goes through the steps in the folder dir of a host and reports every difference through differ.
func Run(ctx context.Context, run Runner, dir string, steps []Step, differ func(step, what string)) error {
	domains, loops := []string{}, []string{}
	for _, s := range steps {
		out, err := s.run(ctx, run, dir)
		if err != nil {
			return fmt.Errorf("step %q: %w", s.Name, err)
		}
		for _, what := range s.compare(out, dir) {
			differ(s.Name, what)
		}
		if s.Domains != nil {
			domains = s.Domains
		}
		if s.Loops != nil {
			loops = s.Loops
		}
		haveDomains, haveLoops, err := look(ctx, run, dir)
		if err != nil {
			return fmt.Errorf("after step %q: %w", s.Name, err)
		}
		if !slices.Equal(haveDomains, domains) {
			differ(s.Name, fmt.Sprintf("the domains are %q, not %q", haveDomains, domains))
		}
		if !slices.Equal(haveLoops, loops) {
			differ(s.Name, fmt.Sprintf("the loop devices are %q, not %q", haveLoops, loops))
		}
	}
	return nil
}

func (s Step) run(ctx context.Context, run Runner, dir string) (Output, error) {
	text := strings.ReplaceAll(s.Do, "@W@", dir)
	if s.File != "" {
		text = fmt.Sprintf("cat >%s/cfg\n%s", dir, text)
	}
	return run(ctx, text, strings.ReplaceAll(s.File, "@W@", dir))
}

// compare says how a step's output differs from what it should be.
func (s Step) compare(out Output, dir string) []string {
	var differences []string
	if out.Status != s.Status {
		differences = append(differences, fmt.Sprintf("status %d, not %d; stderr: %s", out.Status, s.Status, out.Stderr))
	}
	for _, stream := range []struct{ name, got, want string }{{"stdout", out.Stdout, s.Stdout}, {"stderr", out.Stderr, s.Stderr}} {
		want := strings.ReplaceAll(stream.want, "@W@", regexp.QuoteMeta(dir))
		if !regexp.MustCompile(want).MatchString(stream.got) {
			differences = append(differences, fmt.Sprintf("%s does not match %q: %s", stream.name, want, stream.got))
		}
	}
	return differences
}

// look lists the scenario's domains with the class of their state, and its files with loop devices.
func look(ctx context.Context, run Runner, dir string) (domains, loops []string, err error) {
	out, err := run(ctx, strings.ReplaceAll(observe, "@W@", dir), "")
	if err != nil {
		return nil, nil, err
	}
	list, devices, found := strings.Cut(out.Stdout, "===\n")
	if !found {
		return nil, nil, fmt.Errorf("xl list or losetup failed: %s", out.Stderr)
	}
	all, err := xl.ParseList([]byte(list))
	if err != nil {
		return nil, nil, err
	}
	domains = []string{}
	for _, d := range all {
		if name, ours := strings.CutPrefix(d.Name, Prefix); ours {
			domains = append(domains, name+" "+class(d))
		}
	}
	slices.Sort(domains)
	return domains, countFiles(devices, dir), nil
}

// class is what a state means: whether a guest that may run does at the moment of the look is chance.
func class(d xl.Domain) string {
	switch {
	case d.Dying():
		return "dying"
	case d.Shutdown():
		return "shutdown"
	case d.Paused():
		return "paused"
	}
	return "runs"
}

// countFiles reads losetup -a: how many devices stand on each file of dir.
func countFiles(devices, dir string) []string {
	count := map[string]int{}
	for line := range strings.Lines(devices) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), "("+dir+"/")
		count[strings.TrimSuffix(path, ")")]++
	}
	list := []string{}
	for file, n := range count {
		list = append(list, fmt.Sprintf("%s %d", file, n))
	}
	slices.Sort(list)
	return list
}
