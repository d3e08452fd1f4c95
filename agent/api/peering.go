package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Other clusters, to which this registry is no peer: the lists of them and of
// what is shown to them are empty, and none can be added.

// none lists what there is none of: peers, and services that they may see.
func (a *API) none(r *http.Request) (any, error) {
	options, err := a.readOptions(r)
	if err != nil && !errors.Is(err, errNoDatacenter) { // there are none anywhere
		return nil, err
	}
	ask := func() (finding, error) { return finding{value: []any{}, index: a.born()}, nil }
	return &question{ask: ask, indexed: true, options: options}, nil
}

// peeringGet gives one peer.
func (a *API) peeringGet(r *http.Request) (any, error) {
	name, err := pathName(r, "name", "Must specify a name to fetch.")
	if err != nil {
		return nil, err
	}
	return nil, &failure{http.StatusNotFound, fmt.Sprintf("Peering not found for %q", name)}
}

// peeringDelete removes a peer, which is done.
func (a *API) peeringDelete(r *http.Request) (any, error) {
	_, err := pathName(r, "name", "Must specify a name to fetch.")
	return nil, err
}
