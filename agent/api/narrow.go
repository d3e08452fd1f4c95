package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/go-bexpr"

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
	matcher, err := bexpr.CreateFilter(expression, nil, list)
	if err != nil {
		return list, &failure{http.StatusInternalServerError, err.Error()} // Consul's status for it too
	}
	kept, err := matcher.Execute(list)
	if err != nil {
		return list, fmt.Errorf("filter %q: %w", expression, err)
	}
	return kept.(L), nil
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
