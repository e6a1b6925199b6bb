// Package datastore keeps records and files in a folder of a host: where each thing lies, how ids are made, how a record is written
// so that it is there whole or not at all, and who may work on what at a time.
//
//	<root>/layout                     version of this layout
//	<root>/images/<id>/image.json     a record; the content of the image lies beside it
//	<root>/templates/<id>/template.json
//	<root>/contexts/<id>/context.json
//	<root>/vms/<id>/vm.json
//	<root>/locks/<kind>-<id>          who works on the record, since when, and the numbers of the shells that do
//	<root>/tmp/
//
// What only one record may have (a name, an address, a persistent image) stands in it as a claim, and what it cannot do without as
// a use. Both are looked up in the records themselves, under one lock of the datastore, so there is no index that could disagree.
package datastore

import (
	"bytes"
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// Layout is the version of the layout that this package reads and writes.
const Layout = "1"

// Exit statuses by which the scripts say what they found.
const (
	exitLayout   = 40
	exitForeign  = 41
	exitConflict = 42
	exitMissing  = 43
	exitAbsent   = 44
	exitExists   = 45
	exitInUse    = 46
	exitDamaged  = 47
	exitLocked   = 75
)

var (
	//go:embed scripts/init.sh
	initScript string
	//go:embed scripts/sweep.sh
	sweepScript string
	//go:embed scripts/unfinished.sh
	unfinishedScript string
	//go:embed scripts/put.sh
	putScript string
	//go:embed scripts/remove.sh
	removeScript string
)

// rootPattern leaves out what xl reads as more than a path: it takes an argument with an equals sign for a line of configuration.
var rootPattern = regexp.MustCompile(`^/[A-Za-z0-9/._+-]+$`)

// Host is what a datastore needs of a host.
type Host interface {
	Name() string
	Run(ctx context.Context, s host.Script) (host.Result, error)
	Hold(ctx context.Context, s host.Script) (*host.Held, error)
}

// Store is one datastore on one host.
type Store struct {
	host Host
	root string
}

// New names a datastore by its absolute path on the host. It asks nothing of the host.
func New(h Host, root string) (*Store, error) {
	if !path.IsAbs(root) || path.Clean(root) != root || !rootPattern.MatchString(root) {
		return nil, fmt.Errorf("the datastore %q of host %s is not an absolute path of letters, digits and the characters / . _ + -", root, h.Name())
	}
	return &Store{host: h, root: root}, nil
}

// Dir is the folder of a record.
func (s *Store) Dir(kind model.Kind, id int) string {
	return path.Join(s.root, string(kind), strconv.Itoa(id))
}

// Unfinished is a folder for content of a name that is on its way to the host. One that nobody comes back to goes after a week.
func (s *Store) Unfinished(name string) string { return path.Join(s.root, "tmp", "upload."+name) }

// Root is the datastore's own folder.
func (s *Store) Root() string { return s.root }

var recordFiles = map[model.Kind]string{
	model.KindImage:          "image.json",
	model.KindTemplate:       "template.json",
	model.KindContext:        "context.json",
	model.KindVirtualMachine: "vm.json",
}

// Record names a record.
type Record struct {
	Kind model.Kind
	ID   int
}

// Init makes the datastore when there is none. A folder with other things in it and a layout of another version are refused. It names the
// records in which one of the lines stands, as Encode writes them but without a comma at the end: `  "state": "PROLOG"`.
func (s *Store) Init(ctx context.Context, lines ...string) ([]Record, error) {
	open := host.Sequence("open the datastore "+s.root,
		host.Script{Text: initScript, Args: []string{s.root, Layout}},
		host.Script{Text: sweepScript, Args: []string{s.root}},
		host.Script{Text: unfinishedScript, Args: append([]string{s.root}, lines...)})
	open.Repeatable = true
	result, err := s.host.Run(ctx, open)
	if err != nil {
		return nil, s.explainLayout(err)
	}
	var found []Record
	for _, file := range strings.Fields(string(result.Stdout)) {
		kind, id, err := recordOf(file)
		if err != nil {
			return nil, err
		}
		found = append(found, Record{kind, id})
	}
	return found, nil
}

// Sweep clears away what belongs to nobody any more, such as the files of a record whose removal was cut off. Init does it, too.
func (s *Store) Sweep(ctx context.Context) error {
	_, err := s.host.Run(ctx, host.Script{Step: "clear the datastore " + s.root + " up", Text: sweepScript, Args: []string{s.root}, Repeatable: true})
	return err
}

func (s *Store) explainLayout(err error) error {
	exit, ok := errors.AsType[*host.ExitError](err)
	if !ok {
		return err
	}
	said := strings.TrimSpace(string(exit.Stdout))
	switch exit.Status {
	case exitLayout:
		return fmt.Errorf("the datastore %s on host %s has layout version %q, but this provider knows version %s only: use the version of the provider that made it, or another datastore", s.root, s.host.Name(), said, Layout)
	case exitForeign:
		return fmt.Errorf("the folder %s on host %s is not a datastore and holds other things (%s): name an empty or a new folder as datastore", s.root, s.host.Name(), strings.ReplaceAll(said, "\n", ", "))
	}
	return err
}

// ConflictError says that another record has what must be unique.
type ConflictError struct {
	Claim string // "name web-1"
	Kind  model.Kind
	ID    int // the record that has it
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is taken by %s %d", e.Claim, e.Kind.Noun(), e.ID)
}

// MissingError says that a record that is needed is not there, or not in the state that is needed.
type MissingError struct{ Use string } // "images/3"

func (e *MissingError) Error() string { return e.Use + " does not exist or is not ready" }

// InUseError says which records use the one that was to be removed.
type InUseError struct{ By []int } // numbers of virtual machines

func (e *InUseError) Error() string { return fmt.Sprintf("used by the virtual machines %v", e.By) }

// ErrAbsent is the host's own word that a record is not there.
var ErrAbsent = errors.New("does not exist")

// Need is a record that must be there, with a line as Encode writes it, when another one that uses it is written.
type Need struct {
	Use  string // "images/3"
	Line string // `  "state": "READY",`
}

// Create writes the first record of a reserved id. It fails with a ConflictError when a claim is taken and with a MissingError when a
// need is not met, both looked at under the lock of the datastore.
func (s *Store) Create(ctx context.Context, kind model.Kind, header model.Header, record any, needs ...Need) error {
	return s.put(ctx, kind, header, record, "create", needs)
}

// CreateAnd is Create and another script, which follows in the same session. It gives what that one printed, and whether the record stands,
// whatever came of the script.
func (s *Store) CreateAnd(ctx context.Context, kind model.Kind, header model.Header, record any, then host.Script, needs ...Need) (said []byte, stands bool, err error) {
	put, err := s.putScript(kind, header, record, "create", needs)
	if err != nil {
		return nil, false, err
	}
	result, err := s.host.Run(ctx, Under(ctx, host.Sequence(then.Step, put, host.Script{Text: "echo stands"}, then)))
	if said, stands = bytes.CutPrefix(result.Stdout, []byte("stands\n")); stands {
		return said, true, err
	}
	return nil, false, s.explain(err)
}

// Update replaces a record; ErrAbsent when there is none, a ConflictError when a claim is taken, a MissingError when a need is not met.
func (s *Store) Update(ctx context.Context, kind model.Kind, header model.Header, record any, needs ...Need) error {
	return s.put(ctx, kind, header, record, "update", needs)
}

// UpdateIdle is Update while no virtual machine uses the record, else an InUseError.
func (s *Store) UpdateIdle(ctx context.Context, kind model.Kind, header model.Header, record any, needs ...Need) error {
	return s.put(ctx, kind, header, record, "idle", needs)
}

func (s *Store) put(ctx context.Context, kind model.Kind, header model.Header, record any, mode string, needs []Need) error {
	script, err := s.putScript(kind, header, record, mode, needs)
	if err != nil {
		return err
	}
	_, err = s.host.Run(ctx, Under(ctx, script))
	return s.explain(err)
}

// UpdateScript is Update as a part of a longer script, of a record that stands and keeps the claims and needs that it was last written with:
// nothing about it has to be looked up, or explained.
func (s *Store) UpdateScript(kind model.Kind, id int, record any) (host.Script, error) {
	return s.putScript(kind, model.Header{ID: id}, record, "update", nil)
}

func (s *Store) putScript(kind model.Kind, header model.Header, record any, mode string, needs []Need) (host.Script, error) {
	content, err := Encode(record)
	if err != nil {
		return host.Script{}, err
	}
	var claims []string
	for _, claim := range header.Claims {
		line := fmt.Sprintf(claimLine, claim)
		claims = append(claims, line+",", line) // the last one of a list has no comma
	}
	args := []string{s.root, string(kind), strconv.Itoa(header.ID), recordFiles[kind], mode, string(content), strings.Join(claims, "\n")}
	for _, need := range needs {
		needed, _, _ := strings.Cut(need.Use, "/")
		args = append(args, need.Use+"/"+recordFiles[model.Kind(needed)]+":"+need.Line)
	}
	return host.Script{Step: fmt.Sprintf("write the record of %s %d", kind.Noun(), header.ID), Text: putScript, Args: args}, nil
}

// claimLine is a claim as it stands in a record.
const claimLine = `    "%s"`

// explain turns the statuses of the scripts into errors that callers can act on.
func (s *Store) explain(err error) error {
	exit, ok := errors.AsType[*host.ExitError](err)
	if !ok {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(exit.Stdout)), "\n")
	switch {
	case exit.Status == exitConflict && len(lines) == 2:
		kind, id, err := recordOf(lines[1])
		if err != nil {
			return err
		}
		return &ConflictError{Claim: strings.Trim(lines[0], ` ",`), Kind: kind, ID: id}
	case exit.Status == exitMissing:
		return &MissingError{Use: lines[0]}
	case exit.Status == exitAbsent:
		return ErrAbsent
	case exit.Status == exitExists:
		return fmt.Errorf("the record exists already: %w", exit)
	case exit.Status == exitInUse:
		return inUse(lines)
	case exit.Status == exitDamaged:
		return fmt.Errorf("%s in the datastore %s on host %s is damaged, so nobody knows what it uses, and nothing that it may use is given away: restore it from a backup or mend it; remove its folder only when nothing of it is needed any more", strings.Join(lines, ", "), s.root, s.host.Name())
	}
	return err
}

func inUse(files []string) error {
	inUse := &InUseError{}
	for _, file := range files {
		_, id, err := recordOf(file)
		if err != nil {
			return err
		}
		inUse.By = append(inUse.By, id)
	}
	return inUse
}

// Remove takes a record and its files away. It is success when there is none, and an InUseError when another record uses it.
func (s *Store) Remove(ctx context.Context, kind model.Kind, id int) error {
	_, err := s.host.Run(ctx, Under(ctx, host.Script{
		Step:       fmt.Sprintf("remove %s %d", kind.Noun(), id),
		Text:       removeScript,
		Args:       []string{s.root, string(kind), strconv.Itoa(id)},
		Repeatable: true,
	}))
	return s.explain(err)
}

// recordOf reads "vms/3/vm.json".
func recordOf(file string) (model.Kind, int, error) {
	parts := strings.Split(file, "/")
	if len(parts) != 3 {
		return "", 0, fmt.Errorf("%q is not the path of a record", file)
	}
	id, err := strconv.Atoi(parts[1])
	if err != nil || strconv.Itoa(id) != parts[1] {
		return "", 0, fmt.Errorf("%q is not the path of a record", file)
	}
	return model.Kind(parts[0]), id, nil
}

// Encode is the one form in which records are stored: indented, so that a claim stands on a line of its own.
func Encode(record any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(record); err != nil {
		return nil, fmt.Errorf("unable to encode the record: %w", err)
	}
	return out.Bytes(), nil
}
