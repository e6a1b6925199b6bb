package datastore

import (
	"bytes"
	"context"
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/load.sh
var loadScript string

// File is what the host says of a file in the datastore.
type File struct {
	Bytes     int64
	Allocated int64 // bytes on disk, less than Bytes when the file has holes
	Modified  int64 // seconds since 1970
}

// maxRecordKiB is more than any record takes: a context with its files in base64 stays far below.
const maxRecordKiB = 16 << 10

// Snapshot is everything a datastore holds at one moment.
type Snapshot struct {
	Host, Root string // where it was read
	Bare       bool   // the folder is there and nothing of a datastore is in it, as when its file system is not mounted

	Records map[model.Kind]map[int][]byte // JSON
	Files   map[string]File               // by absolute path
	Texts   map[string]string             // deployment files by absolute path
}

// Load reads the whole datastore in one round trip, however much it holds. A datastore whose folder does not exist is empty. The
// output of the shell text also comes along, so that the caller learns of other things at the same moment.
func (s *Store) Load(ctx context.Context, also string) (Snapshot, []byte, error) {
	result, err := s.host.Run(ctx, host.Script{
		Step:       "read the datastore " + s.root,
		Text:       loadScript + also,
		Args:       []string{s.root, Layout, strconv.Itoa(maxRecordKiB)},
		Repeatable: true,
	})
	if err != nil {
		return Snapshot{}, nil, s.explainLayout(err)
	}
	parts := bytes.SplitN(result.Stdout, []byte{0}, 4)
	if len(parts) != 4 {
		return Snapshot{}, nil, fmt.Errorf("host %s answered something else than the content of the datastore %s: %q", s.host.Name(), s.root, result.Stdout)
	}
	snapshot := Snapshot{
		Host: s.host.Name(), Root: s.root, Bare: len(parts[0]) > 0,
		Records: map[model.Kind]map[int][]byte{}, Files: s.parseFiles(parts[2]), Texts: map[string]string{},
	}
	s.collect(snapshot, parts[1])
	return snapshot, parts[3], nil
}

// collect puts the lines together again, "vms/3/vm.json:{".
func (s *Store) collect(snapshot Snapshot, lines []byte) {
	texts := map[string]*bytes.Buffer{}
	for line := range bytes.Lines(lines) {
		file, text, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		if texts[string(file)] == nil {
			texts[string(file)] = &bytes.Buffer{}
		}
		texts[string(file)].Write(text)
	}
	for file, text := range texts {
		kind, id, err := recordOf(file)
		if err != nil {
			continue
		}
		if path.Base(file) != recordFiles[kind] {
			snapshot.Texts[path.Join(s.root, file)] = text.String()
			continue
		}
		if snapshot.Records[kind] == nil {
			snapshot.Records[kind] = map[int][]byte{}
		}
		snapshot.Records[kind][id] = text.Bytes()
	}
}

// parseFiles reads the lines of stat: length, blocks of 512 bytes, time of the last change, path.
func (s *Store) parseFiles(lines []byte) map[string]File {
	files := map[string]File{}
	for line := range strings.Lines(string(lines)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 {
			continue
		}
		var numbers [3]int64
		for i := range numbers {
			numbers[i], _ = strconv.ParseInt(fields[i], 10, 64)
		}
		files[path.Join(s.root, fields[3])] = File{Bytes: numbers[0], Allocated: numbers[1] * 512, Modified: numbers[2]}
	}
	return files
}

// numbered is what every record is by its Header.
type numbered interface{ Number() int }

// absence is ErrAbsent, or why nobody can say that a record is not there.
func (s Snapshot) absence() error {
	if s.Bare {
		return fmt.Errorf("the folder %s on host %s holds no datastore: mount the file system that belongs there, or let the user look into it; "+
			"only when everything in it is gone for good, remove the folder, or take its resources out of the state (terraform state rm)", s.Root, s.Host)
	}
	return ErrAbsent
}

// Decode reads one record of a snapshot; ErrAbsent when there is none, unless the snapshot is Bare. A record that cannot be read, or is that of
// another number, is an error that names its file: it is not absent, and stands in nobody else's way.
func Decode[T numbered](s Snapshot, kind model.Kind, id int) (T, error) {
	var record T
	content, ok := s.Records[kind][id]
	if !ok {
		return record, s.absence()
	}
	err := json.Unmarshal(content, &record)
	switch said := strings.TrimSpace(string(content)); {
	case err != nil && strings.HasPrefix(said, "(") && len(said) < 200:
		err = errors.New(strings.Trim(said, "()"))
	case err == nil && record.Number() != id:
		err = fmt.Errorf("it says that it is %s %d", kind.Noun(), record.Number())
	case err == nil:
		if checked, ok := any(record).(interface{ Sound() error }); ok {
			err = checked.Sound()
		}
	}
	if err != nil {
		var none T
		file := path.Join(s.Root, string(kind), strconv.Itoa(id), recordFiles[kind])
		return none, fmt.Errorf("the record of %s %d is damaged: %w. It is the file %s on host %s: restore it from a backup or mend it; remove its folder only when nothing of it is needed any more", kind.Noun(), id, err, file, s.Host)
	}
	return record, nil
}
