package api

import (
	"net/http"
	"net/url"

	"github.com/realjf/muster/agent/state"
)

// coordinateDatacenters lists the other datacenters that this one is joined
// with: none.
func (a *API) coordinateDatacenters(*http.Request) (any, error) { return []any{}, nil }

func (a *API) coordinateNodes(r *http.Request) (any, error) {
	return a.coordinates(r, http.StatusOK, func(s *state.Snapshot) []*state.Coordinate { return s.Coordinates() })
}

// coordinateNode gives the coordinates of one node, under the name by which it
// was asked for.
func (a *API) coordinateNode(r *http.Request) (any, error) {
	name := r.PathValue("node")
	return a.coordinates(r, http.StatusNotFound, func(s *state.Snapshot) []*state.Coordinate {
		found := s.Coordinate(name)
		if found == nil {
			return nil
		}
		return []*state.Coordinate{{Node: name, Coord: found.Coord}}
	})
}

// coordinates is the question for a list of coordinates; none is the status
// when there are none.
func (a *API) coordinates(r *http.Request, none int, list func(*state.Snapshot) []*state.Coordinate) (any, error) {
	segments := parameters(r)["segment"]
	return a.told(r, state.AllCoordinates, func(s *state.Snapshot) (any, int, error) {
		found := keep(list(s), func(c *state.Coordinate) bool { return len(segments) == 0 || segments[0] == c.Segment })
		if len(found) == 0 && none != http.StatusOK {
			return raw(nil), none, nil
		}
		return found, http.StatusOK, nil
	})
}

// coordinateUpdate stores where a node lies; an unknown node is no error.
func (a *API) coordinateUpdate(r *http.Request) (any, error) {
	var request struct {
		Datacenter string
		state.Coordinate
		Coord *state.Coord
	}
	if err := decode(r, &request); err != nil {
		return nil, err
	}
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	if err := a.checkDatacenter(request.Datacenter); err != nil {
		return nil, err
	}
	switch {
	case request.Coord == nil || !request.Coord.Valid():
		return nil, &failure{http.StatusInternalServerError, "invalid coordinate"}
	case len(request.Coord.Vec) != state.Dimensions:
		return nil, &failure{http.StatusInternalServerError, "incompatible coordinate"}
	case request.Segment != "":
		return nil, &failure{http.StatusInternalServerError, "segments are a Consul Enterprise feature"}
	}
	return nil, a.store.Write(func(w *state.Writer) error {
		w.PutCoordinate(state.Coordinate{Node: request.Node, Coord: *request.Coord})
		return nil
	})
}

// near returns the node that ?near= asks to begin with, empty for none, and
// the topic of a list that is ordered so: coordinates decide too.
func (a *API) near(query url.Values, topic state.Topic) (string, state.Topic) {
	switch name := query.Get("near"); name {
	case "":
		return "", topic
	case "_agent":
		return a.local.Node().Node, state.Everything
	default:
		return name, state.Everything
	}
}
