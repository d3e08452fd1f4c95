package api

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/go-bexpr"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// pathName returns the name at the end of the path, which may hold slashes;
// without one the request is answered with missing.
func pathName(r *http.Request, wildcard, missing string) (string, error) {
	name := r.PathValue(wildcard)
	if name == "" {
		return "", badRequest(missing)
	}
	return name, nil
}

// keep returns the elements that fit; never nil, so that it encodes as a list.
func keep[T any](all []T, fits func(T) bool) []T {
	kept := make([]T, 0, len(all))
	for _, one := range all {
		if fits(one) {
			kept = append(kept, one)
		}
	}
	return kept
}

// filtered returns the elements of list, a slice or a map, that a filter
// expression chooses; all of them for an empty expression.
// https://developer.hashicorp.com/consul/api-docs/features/filtering
func filtered[L any](expression string, list L) (L, error) {
	if expression == "" {
		return list, nil
	}
	if err := mesh.CheckFilter(expression); errors.Is(err, mesh.ErrFilter) {
		return list, badRequest(err.Error())
	}
	matcher, err := bexpr.CreateFilter(expression, nil, list)
	if err != nil {
		return list, &failure{http.StatusInternalServerError, err.Error()} // Consul's status for it too
	}
	kept, err := choose(matcher, list)
	if errors.Is(err, errNoPart) {
		return oneByOne(matcher, list), nil
	}
	if err != nil {
		return list, fmt.Errorf("filter %q: %w", expression, err)
	}
	return kept.(L), nil
}

var errNoPart = errors.New("an element does not have the part that the filter looks at")

// choose returns the elements of list that a filter chooses: errNoPart where
// that is a matter of a part which an element does not have, like the proxy of
// a service that is none. The library panics there, and a Consul with it.
func choose(matcher *bexpr.Filter, list any) (kept any, err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *reflect.ValueError:
			err = errNoPart
		default:
			panic(fault)
		}
	}()
	return matcher.Execute(list)
}

// oneByOne returns the elements of list that a filter chooses, of those that
// have the part it looks at.
func oneByOne[L any](matcher *bexpr.Filter, list L) L {
	all := reflect.ValueOf(list)
	chosen := func(one reflect.Value) bool {
		kept, err := choose(matcher, one.Interface())
		return err == nil && reflect.ValueOf(kept).Len() == 1
	}
	if all.Kind() == reflect.Map {
		kept := reflect.MakeMap(all.Type())
		for key, value := range all.Seq2() {
			one := reflect.MakeMap(all.Type())
			one.SetMapIndex(key, value)
			if chosen(one) {
				kept.SetMapIndex(key, value)
			}
		}
		return kept.Interface().(L)
	}
	kept := reflect.MakeSlice(all.Type(), 0, 0)
	for n := range all.Len() {
		if chosen(all.Slice(n, n+1)) {
			kept = reflect.Append(kept, all.Index(n))
		}
	}
	return kept.Interface().(L)
}

// metaFilter is what ?node-meta=key:value, repeated, asks of a node.
type metaFilter map[string]string

func nodeMeta(r *http.Request) metaFilter {
	wanted := metaFilter{}
	for _, pair := range parameters(r)["node-meta"] {
		key, value, _ := strings.Cut(pair, ":")
		wanted[key] = value
	}
	return wanted
}

func (m metaFilter) matches(n *state.Node) bool {
	for key, value := range m {
		if got, ok := n.Meta[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// hasTags reports whether a service has all the tags, whatever their case.
func hasTags(s *state.Service, tags []string) bool {
	for _, tag := range tags {
		if !slices.ContainsFunc(s.Tags, func(own string) bool { return strings.EqualFold(own, tag) }) {
			return false
		}
	}
	return true
}
