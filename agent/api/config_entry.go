package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/realjf/muster/agent/chain"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// configPut stores a config entry, with ?cas= if it is still at the index, and
// tells whether it is stored.
func (a *API) configPut(r *http.Request) (any, error) {
	var body any
	if err := decodeAnything(r, &body); err != nil {
		return nil, err
	}
	raw, isObject := body.(map[string]any)
	if !isObject && body != nil {
		return nil, badRequest(fmt.Sprintf("Request decoding failed: '' expected a map, got '%s'", reflect.TypeOf(body).Kind()))
	}
	entry, err := mesh.DecodeEntry(raw)
	switch {
	case errors.As(err, new(mesh.UnservedKind)):
		return nil, &failure{http.StatusNotImplemented, err.Error()}
	case err != nil:
		return nil, badRequest("Request decoding failed: " + err.Error())
	}
	cas, conditional, err := casIndex(parameters(r))
	if err != nil {
		return nil, err
	}
	if err := prepare(entry); err != nil {
		return nil, err
	}
	stored := false
	err = a.local.Try(func(w *state.Writer) error {
		switch {
		case w.SameConfigEntry(entry):
		case conditional && !isAt(w.ConfigEntry(entry.ID()), cas):
			return nil
		default:
			if err := store(w, entry); err != nil {
				return err
			}
		}
		stored = true
		return nil
	})
	return stored, err
}

// prepare fills in what an entry does not say, and returns why it cannot be.
func prepare(entry mesh.Entry) error {
	if err := mesh.Prepare(entry); err != nil {
		return err
	}
	if !state.Printable(entry.ID().Name) {
		return badRequest("Invalid name: it holds characters that cannot be printed")
	}
	return nil
}

// store stores an entry that fits among those that are there.
func store(w *state.Writer, entry mesh.Entry) error {
	if err := chain.Check(w, entry.ID(), entry); err != nil {
		return err
	}
	return w.PutConfigEntry(entry)
}

// ReadEntry returns the config entry that a body of /v1/config stores.
func ReadEntry(body []byte) (mesh.Entry, error) {
	var raw map[string]any
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, err
	}
	entry, err := mesh.DecodeEntry(raw)
	if err != nil {
		return nil, err
	}
	return entry, prepare(entry)
}

// StoreEntries stores config entries, except where there is one of that kind
// and name already; all of them or none.
func StoreEntries(to *local.Local, entries []mesh.Entry) error {
	return to.Try(func(w *state.Writer) error { return storeMissing(w, entries) })
}

// TryEntries returns why StoreEntries would fail, and stores nothing.
func TryEntries(on *state.Store, entries []mesh.Entry) error {
	fits := errors.New("they fit")
	err := on.Try(func(w *state.Writer) error {
		if err := storeMissing(w, entries); err != nil {
			return err
		}
		return fits // takes everything back
	})
	if errors.Is(err, fits) {
		return nil
	}
	return err
}

func storeMissing(w *state.Writer, entries []mesh.Entry) error {
	for _, entry := range entries {
		if w.ConfigEntry(entry.ID()) != nil {
			continue
		}
		if err := store(w, entry); err != nil {
			return fmt.Errorf("config entry %s %q: %w", entry.ID().Kind, entry.ID().Name, err)
		}
	}
	return nil
}

// decodeAnything reads a body whose names are not known yet.
func decodeAnything(r *http.Request, target any) error {
	err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(target)
	switch {
	case isTooLarge(err):
		return tooLarge(r, maxBody, "")
	case err != nil:
		return badRequest("Request decoding failed: " + err.Error())
	default:
		return nil
	}
}

// casIndex returns the index that ?cas= asks for, if it is there.
func casIndex(query url.Values) (index uint64, asked bool, err error) {
	text := query.Get("cas")
	if text == "" {
		return 0, false, nil
	}
	index, err = strconv.ParseUint(text, 10, 64)
	return index, true, err
}

// isAt reports whether an entry, nil for none, is still at the index; none is
// at 0.
func isAt(entry mesh.Entry, index uint64) bool {
	if entry == nil {
		return index == 0
	}
	return index != 0 && entry.Stored().ModifyIndex == index
}

// configPath returns the kind in the path, and the name behind it if there is
// one.
func configPath(r *http.Request) (id mesh.EntryID, named bool) {
	id.Kind, id.Name, named = strings.Cut(r.PathValue("entry"), "/")
	return id, named
}

// configGet gives one config entry, or lists those of a kind.
func (a *API) configGet(r *http.Request) (any, error) {
	id, named := configPath(r)
	if err := mesh.CheckKind(id.Kind); err != nil && (named || id.Kind != "") {
		return nil, err
	}
	if !named {
		return a.configList(r, id.Kind)
	}
	return bare(a.stored(r, func() (finding, error) {
		snapshot, index, changed := a.store.Look(state.AllConfigEntries)
		found := finding{index: index, changed: changed}
		if entry := snapshot.ConfigEntry(id); entry != nil {
			found.value = entry
		} else {
			found.value, found.status = raw(fmt.Sprintf("Config entry not found for %q / %q", id.Kind, id.Name)), http.StatusNotFound
			found.header = http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
		}
		return found, nil
	}))
}

// configList lists the config entries of a kind, or of all.
func (a *API) configList(r *http.Request, kind string) (any, error) {
	filter := parameters(r).Get("filter")
	if filter != "" && kind != mesh.ServiceDefaults {
		return nil, fmt.Errorf("filtering not supported for config entry kind=%v", kind)
	}
	if _, err := filtered(filter, []*mesh.ServiceConfigEntry{}); err != nil {
		return nil, err
	}
	return bare(a.told(r, state.AllConfigEntries, func(s *state.Snapshot) (any, int, error) {
		if filter == "" {
			return s.ConfigEntries(kind), 0, nil
		}
		var defaults []*mesh.ServiceConfigEntry
		for _, entry := range s.ConfigEntries(kind) {
			defaults = append(defaults, entry.(*mesh.ServiceConfigEntry))
		}
		kept, err := filtered(filter, defaults)
		return kept, 0, err
	}))
}

// configDelete removes a config entry; with ?cas= if it is still at the index,
// and tells whether it is gone.
func (a *API) configDelete(r *http.Request) (any, error) {
	id, named := configPath(r)
	if !named {
		return nil, &failure{http.StatusNotFound, "Must provide both a kind and name to delete"}
	}
	if err := mesh.CheckKind(id.Kind); err != nil {
		return nil, badRequest(err.Error())
	}
	cas, conditional, err := casIndex(parameters(r))
	if err != nil {
		return nil, err
	}
	if id, err = mesh.Named(id.Kind, id.Name); err != nil {
		return nil, err
	}
	deleted := false
	err = a.local.Try(func(w *state.Writer) error {
		entry := w.ConfigEntry(id)
		if entry == nil {
			deleted = true
			return nil
		}
		if conditional && !isAt(entry, cas) {
			return nil
		}
		if err := chain.Check(w, id, nil); err != nil {
			return err
		}
		w.DeleteConfigEntry(id)
		deleted = true
		return nil
	})
	if err != nil || conditional {
		return deleted, err
	}
	return struct{}{}, nil
}
