package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// What Consul's own page asks, and others who make pages: the catalog summed
// up. muster's page uses the public API.

// serviceSummary is a service with how its instances fare.
type serviceSummary struct {
	Kind                 mesh.Kind `json:",omitempty"`
	Name                 string
	Datacenter           string
	Tags                 []string
	Nodes                []string
	ExternalSources      []string
	InstanceCount        int
	ChecksPassing        int
	ChecksWarning        int
	ChecksCritical       int
	GatewayConfig        struct{}
	TransparentProxy     bool
	ConnectNative        bool
	ConnectedWithProxy   bool
	ConnectedWithGateway bool

	counted map[*state.Check]bool // a node's checks are those of all instances on it
	proxied bool                  // it has a proxy, and whether it is transparent is known
}

// add counts one more instance.
func (s *serviceSummary) add(i state.Instance) {
	s.Kind, s.Datacenter = i.Service.Kind, i.Node.Datacenter
	s.InstanceCount++
	s.Nodes = include(s.Nodes, i.Node.Node)
	for _, tag := range i.Service.Tags {
		s.Tags = include(s.Tags, tag)
	}
	if source := i.Service.Meta["external-source"]; source != "" {
		s.ExternalSources = include(s.ExternalSources, source)
	}
	s.ConnectNative = s.ConnectNative || i.Service.Connect.Native
	s.count(i.Checks)
}

// addProxy notes a proxy of the service: its checks count as the service's own.
// It is transparent as long as all its proxies are.
func (s *serviceSummary) addProxy(i state.Instance) {
	s.ConnectedWithProxy = true
	s.count(i.Checks)
	transparent := i.Service.Proxy.Mode == mesh.Transparent
	s.TransparentProxy = transparent && (s.TransparentProxy || !s.proxied)
	s.proxied = true
}

// count counts checks, each of them once.
func (s *serviceSummary) count(checks []*state.Check) {
	for _, check := range checks {
		if s.counted[check] {
			continue
		}
		s.counted[check] = true
		switch check.Status {
		case state.Passing:
			s.ChecksPassing++
		case state.Warning:
			s.ChecksWarning++
		case state.Critical:
			s.ChecksCritical++
		}
	}
}

// include returns a sorted list with the text in it.
func include(list []string, text string) []string {
	at, there := slices.BinarySearch(list, text)
	if there {
		return list
	}
	return slices.Insert(list, at, text)
}

// uiServices sums up every service.
func (a *API) uiServices(r *http.Request) (any, error) {
	filter, peer := parameters(r).Get("filter"), parameters(r).Get("peer")
	return a.told(r, state.Everything, func(s *state.Snapshot) (any, int, error) {
		instances := []state.Instance{}
		if peer == "" { // else another cluster's, which is not known
			instances = everyInstance(s)
		}
		instances, err := filtered(filter, instances)
		if err != nil {
			return nil, 0, err
		}
		byName := map[string]*serviceSummary{}
		summary := func(name string) *serviceSummary {
			if byName[name] == nil {
				byName[name] = &serviceSummary{Name: name, counted: map[*state.Check]bool{}}
			}
			return byName[name]
		}
		for _, instance := range instances {
			summary(instance.Service.Service).add(instance)
			if instance.Service.Kind == mesh.ConnectProxy {
				summary(instance.Service.Proxy.DestinationServiceName).addProxy(instance)
			}
		}
		sums := make([]*serviceSummary, 0, len(byName))
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			sums = append(sums, byName[name])
		}
		return sums, 0, nil
	})
}

// everyInstance returns the instances of all services.
func everyInstance(s *state.Snapshot) []state.Instance {
	instances, seen := []state.Instance{}, map[string]bool{}
	for _, svc := range s.Services() {
		if name := strings.ToLower(svc.Service); !seen[name] {
			seen[name] = true
			instances = append(instances, s.Instances(svc.Service)...)
		}
	}
	return instances
}

// nodeSummary is a node with all that is on it.
type nodeSummary struct {
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	Meta            map[string]string
	Services        []*state.Service
	Checks          []*state.Check
}

func newNodeSummary(s *state.Snapshot, n *state.Node) nodeSummary {
	sum := nodeSummary{
		ID: n.ID, Node: n.Node, Address: n.Address, TaggedAddresses: n.TaggedAddresses, Meta: n.Meta,
		Services: []*state.Service{}, Checks: []*state.Check{},
	}
	sum.Services = append(sum.Services, s.ServicesOn(n.Node)...)
	sum.Checks = append(sum.Checks, s.ChecksOn(n.Node)...)
	return sum
}

// uiNodes sums up every node.
func (a *API) uiNodes(r *http.Request) (any, error) {
	filter := parameters(r).Get("filter")
	return a.told(r, state.Everything, func(s *state.Snapshot) (any, int, error) {
		sums := []nodeSummary{}
		for _, node := range s.Nodes() {
			sums = append(sums, newNodeSummary(s, node))
		}
		kept, err := filtered(filter, sums)
		return kept, 0, err
	})
}

// uiNode sums up one node.
func (a *API) uiNode(r *http.Request) (any, error) {
	name, err := pathName(r, "node", "Missing node name")
	if err != nil {
		return nil, err
	}
	peer := parameters(r).Get("peer")
	return a.told(r, state.Everything, func(s *state.Snapshot) (any, int, error) {
		if node := s.Node(name); node != nil && peer == "" {
			return newNodeSummary(s, node), 0, nil
		}
		return raw(nil), http.StatusNotFound, nil
	})
}

// healthCount is how many of something there are, by how they fare.
type healthCount struct {
	Name     string `json:",omitempty"`
	Total    int
	Passing  int
	Warning  int
	Critical int
}

func (c *healthCount) add(status state.Status) {
	c.Total++
	switch status {
	case state.Passing:
		c.Passing++
	case state.Warning:
		c.Warning++
	default:
		c.Critical++
	}
}

// counts are healthCounts by name.
type counts map[string]*healthCount

func (c counts) add(name string, status state.Status) {
	if c[name] == nil {
		c[name] = &healthCount{Name: name}
	}
	c[name].add(status)
}

func (c counts) list() []*healthCount {
	return slices.SortedFunc(maps.Values(c), func(a, b *healthCount) int { return cmp.Compare(a.Name, b.Name) })
}

// uiCatalogOverview counts nodes, instances of each service, and checks of
// each name, by how they fare.
func (a *API) uiCatalogOverview(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	s := a.store.Snapshot()
	nodes, services, checks := &healthCount{}, counts{}, counts{}
	for _, node := range s.Nodes() {
		on := keep(s.ChecksOn(node.Node), func(c *state.Check) bool { return c.ServiceID == "" })
		nodes.add(state.Worst(on))
	}
	for _, instance := range everyInstance(s) {
		services.add(instance.Service.Service, state.Worst(instance.Checks))
	}
	for _, check := range s.ChecksIn(state.AnyStatus) {
		checks.add(check.Name, check.Status)
	}
	return struct{ Nodes, Services, Checks []*healthCount }{[]*healthCount{nodes}, services.list(), checks.list()}, nil
}

// uiNoGateway sums up what stands behind a gateway: there is none.
func (a *API) uiNoGateway(r *http.Request) (any, error) { return a.nothing(r, "") }

// uiExported sums up the services that a peer may see: there is none.
func (a *API) uiExported(r *http.Request) (any, error) {
	if parameters(r).Get("peer") == "" {
		return a.nothing(r, "must provide PeerName")
	}
	return a.nothing(r, "")
}

// nothing is the question for an empty list, or, with a fault, for that.
func (a *API) nothing(r *http.Request, fault string) (any, error) {
	return a.stored(r, func() (finding, error) {
		if fault != "" {
			return finding{}, &failure{http.StatusInternalServerError, fault}
		}
		return finding{value: []any{}, index: a.born()}, nil
	})
}

// uiNoMetrics hands on nothing: metrics are for who collects them.
func uiNoMetrics(*http.Request) (any, error) {
	return nil, &failure{http.StatusNotFound, "Metrics proxy is not enabled"}
}
