package move

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Format and Version are what a file says of itself. A version that reads
// otherwise gets another number.
const (
	Format  = "muster export"
	Version = 1
)

// Contents are what was read of a registry.
type Contents struct {
	Written time.Time
	From    Source
	Kinds   []Kind // those that were asked for

	ConfigEntries []row     `json:",omitempty"` // as in /v1/config/:kind
	Agent         *Agent    `json:",omitempty"`
	Nodes         []Node    `json:",omitempty"` // those without an agent
	Keys          []Key     `json:",omitempty"`
	Queries       []row     `json:",omitempty"` // as in /v1/query
	Left          []Leaving `json:",omitempty"`
}

// Source says where contents come from.
type Source struct{ Registry, Datacenter, Node, Address string }

// Leaving is what was not taken along, and why.
type Leaving struct {
	Kind   Kind
	Name   string
	Reason string
}

// file is what stands around contents.
type file struct {
	Format  string
	Version int
	SHA256  string `json:",omitempty"` // of Content without white space between its parts
	Content json.RawMessage
}

// Save writes contents as a file.
func Save(w io.Writer, c *Contents) error {
	var content bytes.Buffer
	if err := encoder(&content).Encode(c); err != nil {
		return err
	}
	compact := bytes.TrimSpace(content.Bytes())
	out := encoder(w)
	out.SetIndent("", "  ")
	return out.Encode(file{Format, Version, sum(compact), compact})
}

// encoder writes JSON for people, to whom < says more than \u003c.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// sum is the checksum of JSON without white space.
func sum(compact []byte) string {
	digest := sha256.Sum256(compact)
	return hex.EncodeToString(digest[:])
}

// Load reads a file, all of which must be as it was written.
func Load(r io.Reader) (*Contents, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if start := bytes.TrimSpace(text); len(start) > 0 && start[0] == '[' {
		return nil, errors.New("it is a list, and no file of muster export; what consul kv export wrote goes to consul kv import")
	}
	var f file
	decoder := json.NewDecoder(bytes.NewReader(text))
	err = decoder.Decode(&f)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("it is damaged: it ends in the middle, after %d bytes", len(text))
	case err != nil:
		return nil, fmt.Errorf("it is damaged, or no file of muster export: %w", err)
	case f.Format != Format:
		return nil, fmt.Errorf("it is no file of muster export: its Format is %q, want %q", f.Format, Format)
	case f.Version != Version:
		return nil, fmt.Errorf("it has version %d of the format, and this muster reads version %d: use the muster that wrote it, or export anew", f.Version, Version)
	case len(bytes.TrimSpace(text[decoder.InputOffset():])) > 0:
		return nil, errors.New("it is damaged: something stands behind its end")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.Content); err != nil {
		return nil, fmt.Errorf("it is damaged: Content: %w", err)
	}
	if f.SHA256 != "" && f.SHA256 != sum(compact.Bytes()) {
		return nil, errors.New("it is damaged: its content has another checksum than the line SHA256 says; if it was changed on purpose, remove that line")
	}
	var contents Contents
	strict := json.NewDecoder(&compact)
	strict.DisallowUnknownFields()
	if err := strict.Decode(&contents); err != nil {
		return nil, fmt.Errorf("its Content cannot be read: %w", err)
	}
	if err := contents.named(); err != nil {
		return nil, fmt.Errorf("its Content cannot be read: %w", err)
	}
	return &contents, nil
}

// named returns what has no name to be known by, or that of another key, which
// only a hand can have written, or a muster that did not know better; or nil.
func (c *Contents) named() error {
	var faults []error
	want := func(what string, n int, r row, fields ...string) {
		for _, field := range fields {
			if r.text(field) == "" {
				faults = append(faults, fmt.Errorf("%s %d has no %s", what, n+1, field))
			}
		}
	}
	for n, entry := range c.ConfigEntries {
		want("config entry", n, entry, "Kind")
	}
	if c.Agent != nil {
		for n, service := range c.Agent.Services {
			want("service of the agent", n, service.Service, "ID", "Service")
			for m, check := range service.Checks {
				want(fmt.Sprintf("service of the agent %d: check", n+1), m, check.Check, "CheckID")
			}
		}
		for n, check := range c.Agent.Checks {
			want("check of the agent", n, check.Check, "CheckID")
		}
	}
	for n, node := range c.Nodes {
		want("node", n, node.Node, "Node", "Address")
		for m, service := range node.Services {
			want(fmt.Sprintf("node %d: service", n+1), m, service.Service, "ID", "Service")
		}
	}
	keys := make(map[string]int, len(c.Keys))
	for n, key := range c.Keys {
		want("key", n, row{"key": key.Key}, "key")
		if first, known := keys[key.Key]; known {
			faults = append(faults, fmt.Errorf("key %d has the name of key %d, %q: only one of them could be written", n+1, first+1, key.Key))
		} else {
			keys[key.Key] = n
		}
	}
	for n, query := range c.Queries {
		if template, _ := query["Template"].(map[string]any); row(template).text("Type") == "" {
			want("query", n, query, "Name")
		}
	}
	return errors.Join(faults...)
}
