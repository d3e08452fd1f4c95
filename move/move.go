// Package move carries what a registry knows to another one: [Collect] reads
// it into [Contents], [Save] and [Load] keep those in a file, and a [Plan] says
// what of it another registry lacks, and writes that.
//
// It speaks Consul's public API and nothing else, so either side may be muster
// or a Consul cluster. It refuses to remove anything, and to move what lives
// with its owner: sessions, locks, and the services of agents that it does not
// ask.
package move

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// Kind is a kind of things that move together, by the name that it has on the
// command line.
type Kind string

// The kinds.
const (
	ConfigEntries Kind = "config-entries"
	Services      Kind = "services"
	Keys          Kind = "kv"
	Queries       Kind = "queries"
)

// kinds are all of them, in the order in which they are read and written: what
// config entries say is in force when the services that they are about come.
var kinds = []struct {
	kind    Kind
	collect func(context.Context, *registry, Choice, *Contents) error
	plan    func(context.Context, *registry, Choice, *Contents) ([]*Item, error)
	write   func(context.Context, *registry, []*Item, func(int)) error
}{
	{ConfigEntries, collectEntries, planEntries, writeEntries},
	{Services, collectServices, planServices, writeEach},
	{Keys, collectKeys, planKeys, writeKeys},
	{Queries, collectQueries, planQueries, writeEach},
}

// Kinds returns the names of all kinds, in the order in which they move.
func Kinds() []Kind {
	var names []Kind
	for _, k := range kinds {
		names = append(names, k.kind)
	}
	return names
}

// Choice says what of a registry or of a file is meant. The zero value means
// everything.
type Choice struct {
	Only   []Kind // these kinds; all when empty
	Prefix string // of keys, those that begin so

	// SameMachine says that the agent which is written to runs on the machine
	// of the one that was read, though it has another address.
	SameMachine bool
	// WithoutChecks writes services whose checks cannot come along, without
	// those.
	WithoutChecks bool
}

func (c Choice) has(kind Kind) bool { return len(c.Only) == 0 || slices.Contains(c.Only, kind) }

// row is an object of Consul's API as it came: whatever a version has in it is
// kept. Numbers keep their digits.
type row map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (r *row) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode((*map[string]any)(r))
}

// text returns a field that is text, or nothing.
func (r row) text(field string) string {
	text, _ := r[field].(string)
	return text
}

// without returns the row less some fields.
func (r row) without(fields ...string) row {
	rest := maps.Clone(r)
	for _, field := range fields {
		delete(rest, field)
	}
	return rest
}

// alike reports whether two values say the same: what is empty says as much as
// what is missing.
func alike(a, b any) bool { return reflect.DeepEqual(essence(a), essence(b)) }

// essence is a value as JSON has it, less all that is empty; nil for nothing.
func essence(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return v // what cannot be written is like itself alone
	}
	var plain any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil {
		return v
	}
	return full(plain)
}

func full(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if v[key] = full(value); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for n := range v {
			v[n] = full(v[n])
		}
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "" || v == "0s" {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// registry is a registry that is read or written, and what its agent says of
// itself.
type registry struct {
	*api.Client
	self struct {
		Config struct{ NodeName, Datacenter, Version string }
		Member struct{ Addr string }
		Muster struct{ Version string }

		DebugConfig struct {
			EnableRemoteScriptChecks     bool
			KVMaxValueSize, TxnMaxReqLen int
		}
	}
}

// ask finds out what registry a client speaks to.
func ask(ctx context.Context, client *api.Client) (*registry, error) {
	r := &registry{Client: client}
	if _, err := r.Raw().Query("/v1/agent/self", &r.self, reading(ctx)); err != nil {
		return nil, fmt.Errorf("ask the registry what it is: %w", plain(err))
	}
	if r.self.Config.NodeName == "" {
		return nil, errors.New("ask the registry what it is: GET /v1/agent/self names no node: it is neither muster nor a Consul")
	}
	return r, nil
}

func (r *registry) isMuster() bool { return r.self.Muster.Version != "" }

// name is what people call the registry.
func (r *registry) name() string {
	if r.isMuster() {
		return "muster " + r.self.Muster.Version
	}
	return "Consul " + r.self.Config.Version
}

// list reads a list, or whatever out is, as it is now.
func (r *registry) list(ctx context.Context, path string, out any) error {
	meta, err := r.Raw().Query(path, out, reading(ctx))
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, plain(err))
	}
	return complete("GET "+path, meta)
}

// complete refuses an answer of which the registry left out what the token may not
// read.
func complete(asked string, meta *api.QueryMeta) error {
	if meta.ResultsFilteredByACLs {
		return fmt.Errorf("%s: the token may not read all that there is, and the rest would be missing: use one that may read everything", asked)
	}
	return nil
}

func reading(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

func writing(ctx context.Context) *api.WriteOptions { return (&api.WriteOptions{}).WithContext(ctx) }

// answered is an answer that is an error, on one line.
type answered struct{ api.StatusError }

func (a answered) Error() string {
	return fmt.Sprintf("%d %s: %s", a.Code, http.StatusText(a.Code), strings.TrimSpace(a.Body))
}

func (a answered) Unwrap() error { return a.StatusError }

// plain puts an answer that is an error on one line.
func plain(err error) error {
	if err == nil {
		return nil
	}
	var status api.StatusError
	if errors.As(err, &status) {
		return answered{status}
	}
	if text := err.Error(); strings.HasSuffix(text, "\n") { // what a client made of an answer
		return errors.New(strings.TrimSpace(text))
	}
	return err
}

// refused reports whether an error is an answer with one of the statuses.
func refused(err error, statuses ...int) bool {
	var status api.StatusError
	return errors.As(err, &status) && slices.Contains(statuses, status.Code)
}

// isLoopback reports whether an address, with a port or without, means the
// machine on which it is used.
func isLoopback(address string) bool {
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
