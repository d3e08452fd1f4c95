package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mitchellh/hashstructure"
)

// Entry is one thing that is configured for all proxies, or for all of a
// service: a config entry. An entry belongs to whoever made it until it is
// stored; then it is never changed again.
// https://developer.hashicorp.com/consul/docs/connect/config-entries
type Entry interface {
	// ID returns what the entry is called.
	ID() EntryID
	// Stored returns when the entry was stored; for who stores it to set.
	Stored() *RaftIndex

	// normalize fills in what is the default and spells alike what means the
	// same.
	normalize() error
	// validate returns why the entry cannot be.
	validate() error
	// hash returns where the entry keeps its hash.
	hash() *uint64
}

// EntryID is the kind and the name of an entry.
type EntryID struct{ Kind, Name string }

// The kinds of entries that have rules here.
const (
	ServiceDefaults   = "service-defaults"
	ProxyDefaults     = "proxy-defaults"
	ServiceRouter     = "service-router"
	ServiceSplitter   = "service-splitter"
	ServiceResolver   = "service-resolver"
	ServiceIntentions = "service-intentions"
	MeshConfig        = "mesh"
	ExportedServices  = "exported-services"
	JWTProvider       = "jwt-provider"
	SamenessGroup     = "sameness-group"
)

// The only names of an entry for all proxies, of one for the whole mesh, and of
// one for what others may see.
const (
	Global           = "global"
	MeshName         = "mesh"
	DefaultPartition = "default"
)

// kinds makes an empty entry of each kind. A kind of Consul's that cannot be
// stored here has nil.
var kinds = map[string]func(name string) Entry{
	ServiceDefaults:   func(name string) Entry { return &ServiceConfigEntry{Name: name} },
	ProxyDefaults:     func(name string) Entry { return &ProxyConfigEntry{Name: name} },
	ServiceRouter:     func(name string) Entry { return &ServiceRouterConfigEntry{Name: name} },
	ServiceSplitter:   func(name string) Entry { return &ServiceSplitterConfigEntry{Name: name} },
	ServiceResolver:   func(name string) Entry { return &ServiceResolverConfigEntry{Name: name} },
	ServiceIntentions: func(name string) Entry { return &ServiceIntentionsConfigEntry{Name: name} },
	MeshConfig:        func(string) Entry { return &MeshConfigEntry{} },
	ExportedServices:  func(name string) Entry { return &ExportedServicesConfigEntry{Name: name} },
	JWTProvider:       func(name string) Entry { return &JWTProviderConfigEntry{Name: name} },
	SamenessGroup:     func(name string) Entry { return &SamenessGroupConfigEntry{Name: name} },

	"ingress-gateway": nil, "terminating-gateway": nil, "api-gateway": nil, "bound-api-gateway": nil,
	"file-system-certificate": nil, "inline-certificate": nil, "http-route": nil, "tcp-route": nil,
}

// UnknownKind is the error for a kind that there is not. Its text is Consul's.
type UnknownKind string

func (k UnknownKind) Error() string { return "invalid config entry kind: " + string(k) }

// UnservedKind is the error for a kind that Consul has and nothing here stores.
type UnservedKind string

func (k UnservedKind) Error() string {
	return "muster does not store config entries of the kind " + string(k) + " yet; run a Consul agent where you need them"
}

// CheckKind returns an error when there is no such kind: [UnknownKind]. There
// may be none of a kind that is: see [NewEntry].
func CheckKind(kind string) error {
	if _, known := kinds[kind]; !known {
		return UnknownKind(kind)
	}
	return nil
}

// NewEntry returns an entry that says nothing yet: [UnknownKind],
// [UnservedKind].
func NewEntry(kind, name string) (Entry, error) {
	if err := CheckKind(kind); err != nil {
		return nil, err
	}
	if kinds[kind] == nil {
		return nil, UnservedKind(kind)
	}
	return kinds[kind](name), nil
}

// Named returns what an entry is called that is asked for by kind and name: a
// kind may have but one name. Errors: [UnknownKind], and others with Consul's
// text.
func Named(kind, name string) (EntryID, error) {
	entry, err := NewEntry(kind, name)
	if errors.As(err, new(UnservedKind)) {
		return EntryID{kind, name}, nil
	}
	if err == nil {
		err = entry.normalize()
	}
	if err != nil {
		return EntryID{}, err
	}
	return entry.ID(), nil
}

// Prepare makes an entry ready to be stored: it fills in defaults and the hash,
// or returns why the entry cannot be. Texts are Consul's.
func Prepare(e Entry) error {
	if err := e.normalize(); err != nil {
		return err
	}
	sum, err := hashstructure.Hash(e, nil)
	if err != nil {
		return fmt.Errorf("hash %s %q: %w", e.ID().Kind, e.ID().Name, err)
	}
	*e.hash() = sum
	return e.validate()
}

// ReadEntry reads an entry that was prepared and shown as JSON: exactly, with
// the index at which it was stored.
func ReadEntry(data []byte) (Entry, error) {
	var head struct{ Kind string }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	entry, err := NewEntry(head.Kind, "")
	if err != nil {
		return nil, err
	}
	if err := strictly(data, entry); err != nil {
		return nil, err
	}
	return entry, Prepare(entry)
}

// RaftIndex says when an entry was stored and last changed. Its name is
// Consul's, from its log.
type RaftIndex struct {
	CreateIndex uint64 `bexpr:"-"`
	ModifyIndex uint64 `bexpr:"-"`
}

// EnterpriseMeta is where Consul's enterprise edition says to which tenant
// something belongs. It is empty, but part of every hash.
type EnterpriseMeta struct{}

// Duration is a span of time that is shown as text, like "5s".
type Duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	span, err := time.ParseDuration(text)
	*d = Duration(span)
	return err
}

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Duration(d).String() + `"`), nil
}

// Consul's limits on metadata.
const (
	maxMeta      = 64
	maxMetaKey   = 128
	maxMetaValue = 512
)

// metaFaults returns how the metadata of an entry breaks the limits.
func metaFaults(meta map[string]string) (found faults) {
	if len(meta) > maxMeta {
		found.addf("Meta exceeds maximum element count %d", maxMeta)
	}
	for key, value := range meta {
		if len(key) > maxMetaKey {
			found.addf("Meta key %q exceeds maximum length %d", key, maxMetaKey)
		}
		if len(value) > maxMetaValue {
			found.addf("Meta value for key %q exceeds maximum length %d", key, maxMetaValue)
		}
	}
	return found
}

// fault is an error with one of Consul's texts.
type fault string

func (f fault) Error() string { return string(f) }

// faultf returns a fault.
func faultf(format string, args ...any) error { return fault(fmt.Sprintf(format, args...)) }

const errNoName = fault("Name is required")

// HTTPLike reports whether requests of a protocol can be told apart, so that
// they can be routed.
func HTTPLike(protocol string) bool {
	return protocol == "http" || protocol == "http2" || protocol == "grpc"
}

// present returns a list without what is null in it.
func present[T any](list []*T) []*T {
	return slices.DeleteFunc(list, func(one *T) bool { return one == nil })
}

// Related returns the services that requests go to by way of an entry.
func Related(e Entry) []string {
	leads, is := e.(interface{ related() []string })
	if !is {
		return nil
	}
	services := leads.related()
	for n := range services {
		orElse(&services[n], e.ID().Name)
	}
	return services
}

// upper spells methods as HTTP does.
func upper(methods []string) {
	for n := range methods {
		methods[n] = strings.ToUpper(methods[n])
	}
}

// methodFault returns what is wrong with a list of methods.
func methodFault(place string, methods []string) error {
	seen := map[string]bool{}
	for _, method := range methods {
		switch method {
		case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE":
		default:
			return faultf("%s contains an invalid method %q", place, method)
		}
		if seen[method] {
			return faultf("%s contains %q more than once", place, method)
		}
		seen[method] = true
	}
	return nil
}

// count returns how many of the conditions hold.
func count(conditions ...bool) (n int) {
	for _, holds := range conditions {
		if holds {
			n++
		}
	}
	return n
}
