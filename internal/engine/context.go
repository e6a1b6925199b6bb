package engine

import (
	"context"
	_ "embed" // the script
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/context_store.sh
var contextStoreScript string

// CreateContext stores the variables and files of a context on a host.
func (e *Engine) CreateContext(ctx context.Context, hostName string, spec model.ContextSpec, reserved func(model.Context)) (model.Context, error) {
	if err := CheckContext(spec); err != nil {
		return model.Context{}, err
	}
	s, err := e.site(hostName)
	if err != nil {
		return model.Context{}, err
	}
	var record model.Context
	id, err := s.carryOut(ctx, creation{
		kind: model.KindContext,
		record: func(id int) (model.Header, any, error) {
			record = newContext(hostName, id, spec)
			return record.Header, record, nil
		},
		begun: func() {
			if reserved != nil {
				reserved(record)
			}
		},
		fill: func(ctx context.Context) error {
			if err := s.storeContextFiles(ctx, record); err != nil {
				return err
			}
			record.Ready = true
			return s.update(ctx, model.KindContext, record.Header, record)
		},
	})
	if err != nil {
		return model.Context{}, err
	}
	return e.Context(ctx, model.Ref{Host: hostName, ID: id})
}

func newContext(hostName string, id int, spec model.ContextSpec) model.Context {
	name := spec.Name
	if name == "" {
		name = "context-" + strconv.Itoa(id)
	}
	record := model.Context{
		Header:          model.Header{Host: hostName, ID: id, Name: name, Labels: spec.Labels, Claims: []string{claimName(name)}},
		ContextSettings: spec.ContextSettings,
		Variables:       spec.Variables,
		Secrets:         spec.Hidden(),
		Network:         spec.Network,
		Created:         time.Now().UTC().Truncate(time.Second),
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Files)) {
		file := spec.Files[name]
		file.Name = name
		record.Files = append(record.Files, file)
	}
	return record
}

// storeContextFiles streams the files to the host, which compares them with their checksums.
func (s *site) storeContextFiles(ctx context.Context, record model.Context) error {
	if len(record.Files) == 0 {
		return nil
	}
	args, content := []string{s.store.Dir(model.KindContext, record.ID)}, []io.Reader{}
	for _, file := range record.Files {
		args = append(args, file.Name, strconv.FormatInt(file.Bytes, 10), file.SHA256)
		stream := &lazyReader{open: file.Open}
		defer stream.Close()
		content = append(content, stream)
	}
	_, err := s.run(ctx, host.Script{
		Step:  fmt.Sprintf("store the files of context %q", record.Name),
		Text:  partFunctions + contextStoreScript,
		Args:  args,
		Stdin: io.MultiReader(content...),
	})
	return err
}

// lazyReader opens what it reads at its first byte and closes it at its last, so that of many files one is open.
type lazyReader struct {
	open func() (io.ReadCloser, error)
	from io.ReadCloser
}

func (r *lazyReader) Read(p []byte) (n int, err error) {
	if r.from == nil {
		if r.from, err = r.open(); err != nil {
			return 0, err
		}
	}
	n, err = r.from.Read(p)
	if err != nil {
		_ = r.from.Close()
	}
	return n, err
}

// Close closes what was not read to its end.
func (r *lazyReader) Close() {
	if r.from != nil {
		_ = r.from.Close()
	}
}

// Context reads a context; ErrAbsent when the host says that there is none.
func (e *Engine) Context(ctx context.Context, ref model.Ref) (model.Context, error) {
	_, v, err := e.settledOn(ctx, ref.Host)
	if err != nil {
		return model.Context{}, err
	}
	return v.context(ref.ID)
}

// UpdateContext changes the name and the labels. Everything else makes a new context.
func (e *Engine) UpdateContext(ctx context.Context, ref model.Ref, name string, labels map[string]string) (model.Context, error) {
	s, err := e.site(ref.Host)
	if err != nil {
		return model.Context{}, err
	}
	err = s.locked(ctx, model.KindContext, ref.ID, func(ctx context.Context) error {
		v, err := s.fresh(ctx)
		if err != nil {
			return err
		}
		record, err := datastore.Decode[model.Context](v.snapshot, model.KindContext, ref.ID)
		if err != nil {
			return err
		}
		record.Name, record.Labels, record.Claims = name, labels, []string{claimName(name)}
		return s.explainConflict(s.update(ctx, model.KindContext, record.Header, record))
	})
	if err != nil {
		return model.Context{}, err
	}
	return e.Context(ctx, ref)
}

// DeleteContext removes a context, unless a virtual machine uses it.
func (e *Engine) DeleteContext(ctx context.Context, ref model.Ref) error {
	return e.deleteRecord(ctx, model.KindContext, ref)
}
