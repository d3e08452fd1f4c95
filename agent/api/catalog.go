package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// catalogDatacenters lists the datacenters: this one, wherever one asks for them.
func (a *API) catalogDatacenters(r *http.Request) (any, error) {
	options, err := a.readOptions(r)
	if err != nil && !errors.Is(err, errNoDatacenter) {
		return nil, err
	}
	said, err := a.encode(r, []string{a.local.Node().Datacenter})
	if err != nil {
		return nil, err
	}
	out := jsonReply(said)
	out.cache = options.fromCache(a.answers.slot(answerKey(r.URL.Path, parameters(r))), options.anew)
	return out, nil
}

func (a *API) catalogNodes(r *http.Request) (any, error) {
	meta, filter := nodeMeta(r), parameters(r).Get("filter")
	near, topic := a.near(parameters(r), state.AllNodes)
	return a.catalog(r, topic, func(s *state.Snapshot) (any, error) {
		nodes := keep(s.Nodes(), func(n *state.Node) bool { return meta.matches(n) })
		return filtered(filter, state.Nearest(s, near, nodes, func(n *state.Node) string { return n.Node }))
	})
}

// catalogServices maps each service's name to all tags of its instances.
func (a *API) catalogServices(r *http.Request) (any, error) {
	meta, filter := nodeMeta(r), parameters(r).Get("filter")
	topic := state.AllServices
	if len(meta) > 0 || filter != "" {
		topic = state.Everything // what is chosen by may be anything
	}
	return cacheable(a.catalog(r, topic, func(s *state.Snapshot) (any, error) {
		entries := make([]catalogEntry, 0)
		for _, svc := range s.Services() {
			if node := s.Node(svc.Node); meta.matches(node) {
				entries = append(entries, newCatalogEntry(node, svc))
			}
		}
		entries, err := filtered(filter, entries)
		if err != nil {
			return nil, err
		}
		tags := map[string][]string{}
		for _, entry := range entries {
			known := tags[entry.ServiceName]
			if known == nil {
				known = []string{}
			}
			for _, tag := range entry.ServiceTags {
				if !slices.Contains(known, tag) {
					known = append(known, tag)
				}
			}
			tags[entry.ServiceName] = known
		}
		return tags, nil
	}))
}

// catalogService lists the instances of a service, whatever their health.
func (a *API) catalogService(r *http.Request) (any, error) {
	return a.entries(r, parameters(r)["tag"], state.ServiceInstances, (*state.Snapshot).Instances)
}

// entries is the question for the instances of the service in the path that
// have the tags, without their health, as list finds them in the state.
func (a *API) entries(r *http.Request, tags []string, covers func(string) state.Topic, list func(*state.Snapshot, string) []state.Instance) (any, error) {
	service, err := pathName(r, "service", "Missing service name")
	if err != nil {
		return nil, err
	}
	query := parameters(r)
	meta, filter := nodeMeta(r), query.Get("filter")
	near, topic := a.near(query, covers(service))
	list, topic = central(query, list, topic)
	return cacheable(a.catalog(r, topic, func(s *state.Snapshot) (any, error) {
		entries := make([]catalogEntry, 0)
		for _, instance := range list(s, service) {
			if meta.matches(instance.Node) && hasTags(instance.Service, tags) {
				entries = append(entries, newCatalogEntry(instance.Node, instance.Service))
			}
		}
		return filtered(filter, state.Nearest(s, near, entries, func(e catalogEntry) string { return e.Node }))
	}))
}

// catalogNode gives a node with its services by id; null when it is unknown.
func (a *API) catalogNode(r *http.Request) (any, error) {
	name, err := pathName(r, "node", "Missing node name")
	if err != nil {
		return nil, err
	}
	filter := parameters(r).Get("filter")
	return a.catalog(r, state.NodeServices(name), func(s *state.Snapshot) (any, error) {
		services, err := filtered(filter, s.ServicesOn(name))
		if err != nil {
			return nil, err
		}
		node := s.Node(name)
		if node == nil {
			return nil, nil
		}
		byID := make(map[string]*state.Service, len(services))
		for _, svc := range services {
			byID[svc.ID] = svc
		}
		return struct {
			Node     *state.Node
			Services map[string]*state.Service
		}{node, byID}, nil
	})
}

// catalogNodeServices gives a node with the list of its services.
func (a *API) catalogNodeServices(r *http.Request) (any, error) {
	name, err := pathName(r, "node", "Missing node name")
	if err != nil {
		return nil, err
	}
	query := parameters(r)
	list, topic := central(query, onNode, state.NodeServices(name))
	return a.catalog(r, topic, func(s *state.Snapshot) (any, error) {
		var answer struct {
			Node     *state.Node
			Services []*state.Service
		}
		var services []*state.Service
		for _, instance := range list(s, name) {
			services = append(services, instance.Service)
		}
		services, err := filtered(query.Get("filter"), services)
		if answer.Node = s.Node(name); answer.Node != nil {
			answer.Services = services
		}
		return answer, err
	})
}

// onNode lists the services on a node.
func onNode(s *state.Snapshot, name string) []state.Instance {
	var instances []state.Instance
	for _, svc := range s.ServicesOn(name) {
		instances = append(instances, state.Instance{Service: svc})
	}
	return instances
}

// catalogEntry is an instance as the catalog shows it: flat, with its node.
type catalogEntry struct {
	ID                       string
	Node                     string
	Address                  string
	Datacenter               string
	TaggedAddresses          map[string]string
	NodeMeta                 map[string]string
	ServiceKind              mesh.Kind
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string
	ServiceTaggedAddresses   map[string]state.ServiceAddress `json:",omitempty"`
	ServiceWeights           state.Weights
	ServiceMeta              map[string]string
	ServicePort              int
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             *mesh.Proxy
	ServiceConnect           state.Connect
	ServiceLocality          *state.Locality `bexpr:"-"`
	PeerName                 string          `json:",omitempty"` // none: filters may ask
	CreateIndex              uint64          `bexpr:"-"`
	ModifyIndex              uint64          `bexpr:"-"`
}

func newCatalogEntry(n *state.Node, s *state.Service) catalogEntry {
	return catalogEntry{
		ID: n.ID, Node: s.Node, Address: n.Address, Datacenter: n.Datacenter,
		TaggedAddresses: n.TaggedAddresses, NodeMeta: n.Meta,
		ServiceKind: s.Kind, ServiceID: s.ID, ServiceName: s.Service, ServiceTags: s.Tags,
		ServiceAddress: s.Address, ServiceTaggedAddresses: s.TaggedAddresses, ServiceWeights: s.Weights,
		ServiceMeta: orEmpty(s.Meta), ServicePort: s.Port, ServiceSocketPath: s.SocketPath,
		ServiceEnableTagOverride: s.EnableTagOverride, ServiceProxy: s.Proxy, ServiceConnect: s.Connect,
		ServiceLocality: s.Locality, CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
}

// orEmpty returns m, or an empty map, which is {} in JSON, for nil.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
