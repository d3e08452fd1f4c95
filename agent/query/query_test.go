package query

import (
	"errors"
	"fmt"
	"testing"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// holding returns the state with the queries, and with a service "web" of
// three instances: on "near" all is well, on "warned" there is a warning, on
// "dead" a critical check.
func holding(t *testing.T, queries ...state.Query) *state.Snapshot {
	t.Helper()
	store := state.New()
	err := store.Write(func(w *state.Writer) error {
		for n, row := range []struct {
			node   string
			status state.Status
			tags   []string
		}{
			{"near", state.Passing, []string{"Blue", "v1"}},
			{"warned", state.Warning, []string{"green", "v1"}},
			{"dead", state.Critical, []string{"blue", "v2"}},
		} {
			w.PutNode(state.Node{Node: row.node, Address: fmt.Sprintf("10.0.0.%d", n+1), Meta: map[string]string{"rack": fmt.Sprint(n)}})
			w.PutCoordinate(state.Coordinate{Node: row.node, Coord: state.Coord{Vec: []float64{float64(n)}}})
			err := errors.Join(
				w.PutService(state.Service{Node: row.node, ID: "web", Service: "web", Tags: row.tags, Meta: map[string]string{"n": fmt.Sprint(n)}}),
				w.PutCheck(state.Check{Node: row.node, CheckID: "check-" + row.node, Status: row.status, ServiceID: "web"}),
			)
			if err != nil {
				return err
			}
		}
		w.PutNode(state.Node{Node: "meshed"})
		if err := w.PutService(state.Service{
			Node: "meshed", ID: "proxy", Service: "proxy", Kind: mesh.ConnectProxy, Proxy: &mesh.Proxy{DestinationServiceName: "web"},
		}); err != nil {
			return err
		}
		for n, q := range queries {
			q.ID = fmt.Sprintf("00000000-0000-0000-0000-%012d", n)
			if err := w.PutQuery(q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store.Snapshot()
}

func template(name, service string) state.Query {
	return state.Query{Name: name, Template: state.QueryTemplateOptions{Type: state.PrefixTemplate}, Service: state.ServiceQuery{Service: service}}
}

func TestFind(t *testing.T) {
	static := state.Query{Name: "geo-db-static", Service: state.ServiceQuery{Service: "${name.full}"}}
	s := holding(t, static, template("", "any ${name.full}"), template("geo-", "geo ${name.suffix}"), template("geo-db", "db ${name.suffix}"))
	for _, c := range []struct{ name, want string }{
		{"geo-db-static", "${name.full}"},
		{"GEO-db-STATIC", "${name.full}"},
		{"00000000-0000-0000-0000-000000000000", "${name.full}"},
		{"geo-db-statics", "db -statics"},
		{"geo-db", "db "},
		{"Geo-d", "geo Geo-d"}, // the suffix is cut off as it is written
		{"geo-d", "geo d"},
		{"geo", "any geo"},
		{"ünï", "any ünï"},
		{"00000000-0000-0000-0000-000000000009", "any 00000000-0000-0000-0000-000000000009"},
	} {
		q, err := Find(s, c.name)
		if err != nil || q.Service.Service != c.want {
			t.Errorf("%q: got %+v, %v; want one for the service %q", c.name, q, err, c.want)
		}
	}
	if q, err := Find(s, "00000000-0000-0000-0000-000000000001"); !errors.Is(err, ErrTemplateByID) {
		t.Errorf("a template by its id: got %+v, %v", q, err)
	}
	if q, err := Find(s, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no name: got %+v, %v", q, err)
	}
	if q, err := Find(holding(t, static), "geo-db"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a part of the name: got %+v, %v", q, err)
	}
}

// nodes returns the nodes of an answer, in its order.
func nodes(a Answer) (all string) {
	for _, instance := range a.Nodes {
		all += instance.Node.Node + " "
	}
	return all
}

func TestRunChooses(t *testing.T) {
	s := holding(t)
	here := state.Node{Node: "near", Datacenter: "dc1"}
	for name, c := range map[string]struct {
		wanted state.ServiceQuery
		asker  Asker
		want   string
	}{
		"all that live":             {want: "near warned "},
		"without warnings":          {state.ServiceQuery{OnlyPassing: true}, Asker{}, "near "},
		"a check ignored":           {state.ServiceQuery{IgnoreCheckIDs: []string{"check-dead"}}, Asker{}, "near warned dead "},
		"a warning ignored":         {state.ServiceQuery{OnlyPassing: true, IgnoreCheckIDs: []string{"check-warned"}}, Asker{}, "near warned "},
		"a tag":                     {state.ServiceQuery{Tags: []string{"BLUE"}}, Asker{}, "near "},
		"not a tag":                 {state.ServiceQuery{Tags: []string{"v1", "!blue"}}, Asker{}, "warned "},
		"a tag nobody has":          {state.ServiceQuery{Tags: []string{""}}, Asker{}, ""},
		"node metadata":             {state.ServiceQuery{NodeMeta: map[string]string{"rack": "1"}}, Asker{}, "warned "},
		"service metadata":          {state.ServiceQuery{ServiceMeta: map[string]string{"n": "0"}}, Asker{}, "near "},
		"metadata that is not":      {state.ServiceQuery{ServiceMeta: map[string]string{"m": ""}}, Asker{}, ""},
		"of the mesh":               {state.ServiceQuery{Connect: true}, Asker{}, "meshed "},
		"of the mesh, by the asker": {asker: Asker{Connect: true}, want: "meshed "},
		"near another":              {state.ServiceQuery{Near: "dead"}, Asker{}, "warned near "},
		"the asker's near wins":     {state.ServiceQuery{Near: "dead"}, Asker{Near: "near"}, "near warned "},
		"near the agent":            {state.ServiceQuery{Near: "_agent"}, Asker{}, "near warned "},
		"near an address":           {state.ServiceQuery{Near: "_ip"}, Asker{IP: "10.0.0.2"}, "warned near "},
		"a limit":                   {state.ServiceQuery{Near: "dead"}, Asker{Limit: 1}, "warned "},
		"a limit above":             {state.ServiceQuery{Near: "near"}, Asker{Limit: 7}, "near warned "},
	} {
		t.Run(name, func(t *testing.T) {
			c.wanted.Service = "WEB"
			if c.wanted.Near == "" {
				c.wanted.Near = "near" // else the order is left to chance
			}
			got := Run(s, &state.Query{Service: c.wanted}, here, c.asker)
			if nodes(got) != c.want || got.Service != "WEB" || got.Datacenter != "dc1" || got.Failovers != 0 || got.Nodes == nil {
				t.Errorf("got %q, %+v; want %q", nodes(got), got, c.want)
			}
		})
	}
}

// TestRunShuffles: without a node to be near, everybody comes first in turn.
func TestRunShuffles(t *testing.T) {
	s := holding(t)
	for _, near := range []string{"", "nowhere", "_ip"} {
		first := map[string]bool{}
		for range 100 { // so that it fails by chance once in 2^99 runs
			got := Run(s, &state.Query{Service: state.ServiceQuery{Service: "web", Near: near}}, state.Node{}, Asker{})
			first[got.Nodes[0].Node.Node] = true
		}
		if len(first) != 2 {
			t.Errorf("near %q: came first %v, want near and warned in turn", near, first)
		}
	}
}

func TestRunLooksElsewhere(t *testing.T) {
	s := holding(t)
	here := state.Node{Node: "near", Datacenter: "dc1"}
	peers := []state.QueryFailoverTarget{{Peer: "east"}, {Datacenter: "dc2"}, {Peer: "west"}, {Peer: "far", Datacenter: "dc2"}, {}}
	for name, c := range map[string]struct {
		wanted     state.ServiceQuery
		datacenter string
		peer       string
		failovers  int
	}{
		"no need":           {state.ServiceQuery{Service: "web", Failover: state.QueryFailoverOptions{Targets: peers}}, "dc1", "", 0},
		"other datacenters": {state.ServiceQuery{Failover: state.QueryFailoverOptions{NearestN: 3, Datacenters: []string{"dc1", "dc2"}}}, "dc1", "", 0},
		"peers":             {state.ServiceQuery{Failover: state.QueryFailoverOptions{Targets: peers}}, "", "west", 2},
		"a peer at once":    {state.ServiceQuery{Service: "web", Peer: "east"}, "", "east", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := Run(s, &state.Query{Service: c.wanted}, here, Asker{})
			if got.Datacenter != c.datacenter || got.PeerName != c.peer || got.Failovers != c.failovers {
				t.Errorf("got %+v, want datacenter %q, peer %q, %d failovers", got, c.datacenter, c.peer, c.failovers)
			}
		})
	}
}
