package state

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/realjf/muster/agent/mesh"
)

// config is a config entry as a row.
type config struct {
	entry mesh.Entry // nil in a row that was read and says nothing
}

func (c *config) id() mesh.EntryID {
	if c.entry == nil {
		return mesh.EntryID{}
	}
	return c.entry.ID()
}

// MarshalJSON implements json.Marshaler.
func (c *config) MarshalJSON() ([]byte, error) { return json.Marshal(c.entry) }

// UnmarshalJSON implements json.Unmarshaler.
func (c *config) UnmarshalJSON(data []byte) (err error) {
	if string(data) == "null" {
		return nil
	}
	c.entry, err = mesh.ReadEntry(data)
	return err
}

func configKey(id mesh.EntryID) string { return folded(id.Kind, id.Name) }

// virtualKinds are the kinds of entries whose service has a virtual address,
// be there instances or not.
var virtualKinds = []string{
	mesh.ServiceDefaults, mesh.ServiceRouter, mesh.ServiceSplitter, mesh.ServiceResolver, mesh.ServiceIntentions,
}

// hasVirtual reports whether an entry gives its service a virtual address.
func hasVirtual(id mesh.EntryID) bool {
	return slices.Contains(virtualKinds, id.Kind) && !strings.Contains(id.Name, "*")
}

// ConfigEntry returns the config entry with the id, or nil.
func (s *Snapshot) ConfigEntry(id mesh.EntryID) mesh.Entry {
	if found := s.configs.get(configKey(id)); found != nil {
		return found.entry
	}
	return nil
}

// ConfigEntries returns the config entries of a kind, by name; all for an empty
// kind.
func (s *Snapshot) ConfigEntries(kind string) []mesh.Entry {
	rows := s.configs.all()
	if kind != "" {
		rows = s.configs.by(configsOf, folded(kind))
	}
	entries := make([]mesh.Entry, len(rows))
	for n, row := range rows {
		entries[n] = row.entry
	}
	return entries
}

// SameConfigEntry reports whether an entry is stored as it is.
func (s *Snapshot) SameConfigEntry(e mesh.Entry) bool {
	old := s.ConfigEntry(e.ID())
	if old == nil {
		return false
	}
	asked := *e.Stored()
	defer func() { *e.Stored() = asked }()
	*e.Stored() = *old.Stored()
	return reflect.DeepEqual(old, e)
}

// PutConfigEntry stores an entry, which is the store's from now on. It does
// nothing when the entry is already so.
func (w *Writer) PutConfigEntry(e mesh.Entry) error {
	id := e.ID()
	if w.SameConfigEntry(e) {
		return nil
	}
	if hasVirtual(id) {
		if _, err := w.virtualAddress(id.Name); err != nil {
			return err
		}
	}
	stored := e.Stored()
	stored.CreateIndex, stored.ModifyIndex = w.index, w.index
	if old := w.ConfigEntry(id); old != nil {
		stored.CreateIndex = old.Stored().CreateIndex
	}
	w.configs.put(&config{e})
	w.touch(AllConfigEntries)
	return nil
}

// DeleteConfigEntry removes an entry. It does nothing when there is none.
func (w *Writer) DeleteConfigEntry(id mesh.EntryID) {
	row := w.configs.get(configKey(id))
	if row == nil {
		return
	}
	w.configs.remove(row)
	w.touch(AllConfigEntries)
	if hasVirtual(id) {
		w.freeVirtual(id.Name)
	}
}
