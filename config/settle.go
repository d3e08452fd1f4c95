package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/internal/keyfile"
)

// settler takes settings out of a tree of keys that fits the table, and gathers
// what is wrong with their values and what to warn of.
type settler struct {
	root     *keyfile.Node
	faults   []error
	faulty   map[string]bool // keys of which a fault is noted
	warnings []string
	lacking  map[string][]string // keys that have no effect, by the reason
	reasons  []string            // of them, in order
}

// wrong notes what is wrong with a key, where it stands.
func (s *settler) wrong(key, format string, args ...any) {
	err := fmt.Errorf("%s: %w", key, fmt.Errorf(format, args...))
	if node := s.root.At(key); node != nil {
		err = fmt.Errorf("%v: %w", node.Place, err)
	}
	s.faults = append(s.faults, err)
	s.faulty[key] = true
}

func (s *settler) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// has reports whether a key was given.
func (s *settler) has(key string) bool { return s.root.At(key) != nil }

// value returns the value of a key, or nothing when it was not given.
func value[T any](s *settler, key string) (v T, ok bool) {
	if node := s.root.At(key); node != nil {
		v, ok = node.Value.(T)
	}
	return v, ok
}

func (s *settler) text(key string, into *string) {
	if v, ok := value[string](s, key); ok {
		*into = v
	}
}

// secret takes a text that shuts a door, and would leave it open with nothing in
// it: who gives an empty one lost what was to stand there.
func (s *settler) secret(key string, into *string) {
	s.text(key, into)
	if v, ok := value[string](s, key); ok && strings.TrimSpace(v) == "" {
		s.wrong(key, "it is empty, and would let everybody in: give what is to stand there, or leave it out where no token is to be demanded")
	}
}

func (s *settler) flag(key string, into *bool) {
	if v, ok := value[bool](s, key); ok {
		*into = v
	}
}

func (s *settler) whole(key string, into *int, least, most int) {
	v, ok := value[float64](s, key)
	switch {
	case !ok:
	case v < float64(least) || v > float64(most):
		s.wrong(key, "want %d to %d, got %v", least, most, v)
	default:
		*into = int(v)
	}
}

func (s *settler) span(key string, into *time.Duration) {
	if v, ok := value[string](s, key); ok && v != "" {
		*into, _ = time.ParseDuration(v) // the table saw to it
		if *into < 0 {
			s.wrong(key, "want a time that is not negative, got %s", v)
		}
	}
}

func (s *settler) texts(key string, into *[]string) {
	list, ok := value[keyfile.List](s, key)
	if !ok {
		return
	}
	*into = make([]string, len(list))
	for i, item := range list {
		(*into)[i] = item.Value.(string)
	}
}

func (s *settler) pairs(key string, into *map[string]string) {
	object, ok := value[keyfile.Object](s, key)
	if !ok {
		return
	}
	*into = make(map[string]string, len(object))
	for _, m := range object {
		(*into)[m.Key] = m.Value.(string)
	}
}

func (s *settler) networks(key string, into *[]netip.Prefix) {
	var all []string
	s.texts(key, &all)
	for _, one := range all {
		network, err := netip.ParsePrefix(one)
		if err != nil {
			s.wrong(key, "want networks like 10.0.0.0/8, got %q", one)
			continue
		}
		*into = append(*into, network.Masked())
	}
}

// choice takes a text that must be one of some words.
func (s *settler) choice(key string, into *string, words ...string) {
	v, ok := value[string](s, key)
	switch {
	case !ok:
	case !slices.Contains(words, v):
		s.wrong(key, "want %s, got %q", strings.Join(words, " or "), v)
	default:
		*into = v
	}
}

// lacks notes that a key has no effect, and why.
func (s *settler) lacks(key string, f fate) {
	if s.lacking[f.why] == nil {
		s.reasons = append(s.reasons, f.why)
	}
	s.lacking[f.why] = append(s.lacking[f.why], key)
}

// ineffective warns of the keys that are taken and have no effect, each reason
// once with all its keys. What says no by itself asks for nothing.
func (s *settler) ineffective() {
	var walk func(node *keyfile.Node, path string)
	walk = func(node *keyfile.Node, path string) {
		if fate, known := fates[path]; known {
			if fate.loud && asks(node.Value) {
				s.lacks(path, fate)
			}
			return
		}
		object, _ := node.Value.(keyfile.Object)
		for _, m := range object {
			walk(m.Node, strings.TrimPrefix(path+"."+m.Key, "."))
		}
	}
	walk(s.root, "")
	for _, why := range s.reasons {
		slices.Sort(s.lacking[why])
		s.warn("without effect: %s (%s)", strings.Join(s.lacking[why], ", "), why)
	}
}

// asks reports whether a value asks for something.
func asks(value any) bool {
	switch value := value.(type) {
	case bool:
		return value
	case string:
		return value != ""
	case keyfile.List:
		return len(value) > 0
	case keyfile.Object:
		return len(value) > 0
	default:
		return true
	}
}

func (s *settler) err() error { return errors.Join(s.faults...) }

// judged notes what the agent finds wrong with its settings: where the key
// stands, as far as it was given, and once for each.
func (s *settler) judged(err error) {
	var all agent.Faults
	if !errors.As(err, &all) {
		return
	}
	for _, one := range all {
		var fault agent.Fault
		if !errors.As(one, &fault) {
			s.faults = append(s.faults, one)
			continue
		}
		given := slices.IndexFunc(fault.Keys, s.has)
		switch {
		case slices.ContainsFunc(fault.Keys, func(key string) bool { return s.faulty[key] }):
		case given < 0:
			s.faults = append(s.faults, fault)
		default:
			s.wrong(fault.Keys[given], "%w", fault.Err)
		}
	}
}
