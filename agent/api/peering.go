package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// Other clusters, to which this registry is no peer: the list of them is empty,
// and none can be added. What they might see is told as it is configured.

// none lists what there is none of: peers.
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

// exportedService is a service and the peers that may see it.
type exportedService struct {
	Service   string
	Consumers struct{ Peers []string }
}

// exported lists the services that peers may see, by name.
func (a *API) exported(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); errors.Is(err, errNoDatacenter) {
		return a.none(r)
	}
	return a.told(r, state.Everything, func(s *state.Snapshot) (any, int, error) {
		list := []exportedService{}
		configured := s.ConfigEntry(mesh.EntryID{Kind: mesh.ExportedServices, Name: mesh.DefaultPartition})
		if configured == nil {
			return list, 0, nil
		}
		var typical []string
		for _, svc := range s.Services() {
			if svc.Kind == "" {
				typical = append(typical, svc.Service)
			}
		}
		peers := configured.(*mesh.ExportedServicesConfigEntry).Exported(typical, "consul")
		for _, name := range slices.Sorted(maps.Keys(peers)) {
			one := exportedService{Service: name}
			one.Consumers.Peers = peers[name]
			list = append(list, one)
		}
		return list, 0, nil
	})
}
