package state

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-memdb"
)

// The tables. A new one is a line here and a file for its noun.
const (
	tableNodes      = "nodes"
	tableServices   = "services"
	tableChecks     = "checks"
	tableEntries    = "entries"
	tableTombstones = "tombstones"
	tableSessions   = "sessions"

	tableCoordinates = "coordinates"
)

var tables = map[string]*memdb.TableSchema{
	tableNodes: table(tableNodes, map[string]memdb.Indexer{
		"id": key(func(n *Node) []string { return []string{n.Node} }),
	}),
	tableServices: table(tableServices, map[string]memdb.Indexer{
		"id":   key(func(s *Service) []string { return []string{s.Node, s.ID} }),
		"name": key(func(s *Service) []string { return []string{s.Service} }),
	}),
	tableChecks: table(tableChecks, map[string]memdb.Indexer{
		"id":      key(func(c *Check) []string { return []string{c.Node, c.CheckID} }),
		"on":      key(func(c *Check) []string { return []string{c.Node, c.ServiceID} }),
		"service": key(func(c *Check) []string { return []string{c.ServiceName} }),
		"status":  key(func(c *Check) []string { return []string{string(c.Status)} }),
	}),
	tableEntries: table(tableEntries, map[string]memdb.Indexer{
		"id":      exactly(func(e *Entry) string { return e.Key }),
		"session": exactly(func(e *Entry) string { return e.Session }),
	}),
	tableTombstones: table(tableTombstones, map[string]memdb.Indexer{
		"id": exactly(func(t *tombstone) string { return t.Key }),
	}),
	tableCoordinates: table(tableCoordinates, map[string]memdb.Indexer{
		"id": key(func(c *Coordinate) []string { return []string{c.Node} }),
	}),
	tableSessions: table(tableSessions, map[string]memdb.Indexer{
		"id":   exactly(func(s *Session) string { return s.ID }),
		"node": key(func(s *Session) []string { return []string{s.Node} }),
	}),
}

// table describes one table; its index "id" is the unique one, which every
// object has. An object without a text for another index is not in that.
func table(name string, indexes map[string]memdb.Indexer) *memdb.TableSchema {
	schema := &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{}}
	for index, indexer := range indexes {
		schema.Indexes[index] = &memdb.IndexSchema{Name: index, Unique: index == "id", AllowMissing: index != "id", Indexer: indexer}
	}
	return schema
}

// key makes an index over the strings that parts returns. Keys compare
// without regard to case, as node and service names do in Consul.
func key[T any](parts func(T) []string) memdb.Indexer { return indexer[T]{parts} }

type indexer[T any] struct{ parts func(T) []string }

// exactly makes an index over the text that of returns, byte by byte. Texts
// are in the order of their bytes, and a prefix of them need not end anywhere.
func exactly[T any](of func(T) string) memdb.Indexer { return exact[T]{of} }

type exact[T any] struct{ of func(T) string }

// FromObject implements memdb.SingleIndexer.
func (i exact[T]) FromObject(object any) (bool, []byte, error) {
	typed, ok := object.(T)
	if !ok {
		return false, nil, fmt.Errorf("index of %T over a %T", *new(T), object)
	}
	text := i.of(typed)
	return text != "", []byte(text), nil
}

// FromArgs implements memdb.Indexer.
func (i exact[T]) FromArgs(args ...any) ([]byte, error) {
	text, ok := args[0].(string)
	if !ok || len(args) != 1 {
		return nil, errors.New("a key is one string")
	}
	return []byte(text), nil
}

// PrefixFromArgs implements memdb.PrefixIndexer.
func (i exact[T]) PrefixFromArgs(args ...any) ([]byte, error) { return i.FromArgs(args...) }

// FromObject implements memdb.SingleIndexer.
func (i indexer[T]) FromObject(object any) (bool, []byte, error) {
	typed, ok := object.(T)
	if !ok {
		return false, nil, fmt.Errorf("index of %T over a %T", *new(T), object)
	}
	return true, join(i.parts(typed)), nil
}

// FromArgs implements memdb.Indexer.
func (i indexer[T]) FromArgs(args ...any) ([]byte, error) {
	parts := make([]string, len(args))
	for n, arg := range args {
		text, ok := arg.(string)
		if !ok {
			return nil, errors.New("a key has strings only")
		}
		parts[n] = text
	}
	return join(parts), nil
}

// PrefixFromArgs implements memdb.PrefixIndexer: whole parts, from the left.
func (i indexer[T]) PrefixFromArgs(args ...any) ([]byte, error) { return i.FromArgs(args...) }

// join ends each part with a zero byte, which no name may hold, so that no
// two lists of parts give the same key.
func join(parts []string) []byte {
	size := 0
	for _, part := range parts {
		size += len(part) + 1
	}
	joined := make([]byte, 0, size)
	for _, part := range parts {
		joined = append(joined, strings.ToLower(part)...)
		joined = append(joined, 0)
	}
	return joined
}
