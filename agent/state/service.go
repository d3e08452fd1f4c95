package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/realjf/muster/agent/mesh"
)

// Service is one instance of a service on a node. Its fields and their JSON
// are those of Consul's catalog.
type Service struct {
	Node              string    `json:"-" bexpr:"-"`
	Kind              mesh.Kind `json:",omitempty"`
	ID                string    // unique on its node
	Service           string    // the name
	Tags              []string
	Address           string                    // empty where the node's address is meant
	TaggedAddresses   map[string]ServiceAddress `json:",omitempty"`
	Meta              map[string]string
	Port              int    `json:",omitempty"`
	SocketPath        string `json:",omitempty"`
	Weights           Weights
	EnableTagOverride bool
	Proxy             *mesh.Proxy // never nil in the catalog
	Connect           Connect
	PeerName          string
	Locality          *Locality `json:",omitempty" bexpr:"-"`
	Announced         bool      `json:"-" bexpr:"-"` // by its node's agent, which goes on with it after a restart
	CreateIndex       uint64    `bexpr:"-"`
	ModifyIndex       uint64    `bexpr:"-"`
}

// loaded implements loaded: most services are no proxies, and share that they
// are none.
func (s *Service) loaded() {
	if s.Proxy == nil || s.Proxy.Equal(mesh.Plain) {
		s.Proxy = mesh.Plain
	}
}

// savedAs implements savedAs: on the wire its node stands beside a service. Of
// those that are no proxies it is not said that they are none.
func (s *Service) savedAs() any {
	form := &struct {
		Node *string
		*Service
		Proxy     **mesh.Proxy `json:",omitempty"`
		Announced *ifTrue      `json:",omitzero"`
	}{Node: &s.Node, Service: s, Announced: (*ifTrue)(&s.Announced)}
	if s.Proxy != mesh.Plain {
		form.Proxy = &s.Proxy
	}
	return form
}

// ServiceAddress is one of the addresses of a service, as seen from one side.
type ServiceAddress struct {
	Address string
	Port    int
}

// Locality is where an instance runs.
type Locality struct {
	Region string `json:",omitempty"`
	Zone   string `json:",omitempty"`
}

// Weights says how much traffic an instance asks for, by its status.
type Weights struct {
	Passing int
	Warning int
}

// Connect says whether a service speaks the mesh's protocol itself.
type Connect struct {
	Native bool `json:",omitempty"`
}

// destination returns the service that is reached in the mesh through this
// instance; nothing when it does not belong to one.
func (s *Service) destination() string {
	switch {
	case s.Kind == mesh.ConnectProxy:
		return s.Proxy.DestinationServiceName
	case s.Connect.Native:
		return s.Service
	default:
		return ""
	}
}

func (s *Service) same(o *Service) bool {
	sameLocality := s.Locality == o.Locality || s.Locality != nil && o.Locality != nil && *s.Locality == *o.Locality
	return sameLocality && sameName(s.Node, o.Node) && s.Kind == o.Kind && s.ID == o.ID && s.Service == o.Service &&
		slices.Equal(s.Tags, o.Tags) && s.Address == o.Address &&
		maps.Equal(s.TaggedAddresses, o.TaggedAddresses) && maps.Equal(s.Meta, o.Meta) &&
		s.Port == o.Port && s.SocketPath == o.SocketPath && s.Weights == o.Weights &&
		s.EnableTagOverride == o.EnableTagOverride && s.Connect == o.Connect && s.Proxy.Equal(o.Proxy)
}

// Instance is a service with its node and the checks of both: what decides
// whether it may get traffic.
type Instance struct {
	Node    *Node
	Service *Service
	Checks  []*Check // the node's, then the service's; never nil
}

// Service returns the service with the id on the node, or nil.
func (s *Snapshot) Service(node, id string) *Service {
	return s.services.get(folded(node, id))
}

// ServicesOn returns the services on a node.
func (s *Snapshot) ServicesOn(node string) []*Service {
	return s.services.below(folded(node))
}

// Services returns every service instance there is.
func (s *Snapshot) Services() []*Service {
	return s.services.all()
}

// Instances returns the instances of the service with the name.
func (s *Snapshot) Instances(service string) []Instance { return s.instances(servicesByName, service) }

// MeshInstances returns the instances through which a service is reached in
// the mesh: its proxies, and those of its own that need none.
func (s *Snapshot) MeshInstances(service string) []Instance {
	return s.instances(servicesInMesh, service)
}

// instances returns the services with the key in an index, with their nodes
// and checks.
func (s *Snapshot) instances(index int, key string) []Instance {
	rows := s.services.by(index, folded(key))
	instances := make([]Instance, 0, len(rows))
	type host struct {
		node   *Node
		checks []*Check
	}
	hosts := map[string]host{}
	for _, row := range rows {
		on, known := hosts[row.Node]
		if !known {
			on = host{s.Node(row.Node), s.checksOf(row.Node, "")}
			hosts[row.Node] = on
		}
		own := s.checksOf(row.Node, row.ID)
		checks := make([]*Check, 0, len(on.checks)+len(own)) // never nil
		instances = append(instances, Instance{on.node, row, append(append(checks, on.checks...), own...)})
	}
	return instances
}

// PutService stores a copy of svc on its node, which must exist:
// [ErrUnknownNode]. It does nothing when the service is already so. Checks
// that stand on it follow its name and tags. One that was announced stays so.
func (w *Writer) PutService(svc Service) error {
	node := w.Node(svc.Node)
	if node == nil {
		return fmt.Errorf("service %q: %w %q", svc.ID, ErrUnknownNode, svc.Node)
	}
	svc.loaded()
	if destination := svc.destination(); destination != "" {
		address, err := w.virtualAddress(destination)
		if err != nil {
			return fmt.Errorf("service %q: %w", svc.ID, err)
		}
		addresses := map[string]ServiceAddress{}
		maps.Copy(addresses, svc.TaggedAddresses)
		addresses[VirtualTag] = ServiceAddress{Address: address, Port: svc.Port}
		svc.TaggedAddresses = addresses
	}
	svc.CreateIndex, svc.ModifyIndex = w.index, w.index
	old := w.Service(svc.Node, svc.ID)
	if old != nil {
		if old.same(&svc) {
			w.markAnnounced(old, svc.Announced)
			return nil
		}
		svc.CreateIndex, svc.Announced = old.CreateIndex, svc.Announced || old.Announced
	}
	w.services.put(&svc)
	w.touch(NodeServices(svc.Node), ServiceInstances(svc.Service))
	w.touchHealth(&svc)
	if old == nil || old.Service != svc.Service || !slices.Equal(old.Tags, svc.Tags) {
		w.touch(AllServices)
	}
	if old != nil {
		w.relabelChecks(&svc)
		if !sameName(old.Service, svc.Service) {
			w.leave(old.Service)
		}
		if !sameName(old.destination(), svc.destination()) {
			w.leaveMesh(old.destination())
		}
	}
	return nil
}

// markAnnounced notes that a service is announced, which no reader sees.
func (w *Writer) markAnnounced(svc *Service, announced bool) {
	if announced && !svc.Announced {
		marked := *svc
		marked.Announced = true
		w.services.put(&marked)
		w.touch(Everything)
	}
}

// DeleteService removes a service with its checks. It does nothing when there
// is no such service.
func (w *Writer) DeleteService(node, id string) {
	svc := w.Service(node, id)
	if svc == nil {
		return
	}
	for _, check := range w.checksOf(node, id) {
		w.DeleteCheck(node, check.CheckID)
	}
	w.services.remove(svc)
	w.touch(AllServices, NodeServices(node))
	w.leave(svc.Service)
	w.leaveMesh(svc.destination())
}

// touchHealth marks what changes with the health of an instance.
func (w *Writer) touchHealth(svc *Service) {
	w.touch(ServiceHealth(svc.Service))
	if destination := svc.destination(); destination != "" {
		w.touch(MeshHealth(destination))
	}
}

// leave notes that a service lost an instance, perhaps its last.
func (w *Writer) leave(service string) {
	if w.services.has(servicesByName, folded(service)) {
		w.touch(ServiceInstances(service), ServiceHealth(service))
		return
	}
	w.touch(Topic{kind: extinct})
	w.forget(ServiceInstances(service))
	w.forget(ServiceHealth(service))
	w.freeVirtual(service)
}

// leaveMesh notes that a service lost an instance through which it is reached
// in the mesh, perhaps its last.
func (w *Writer) leaveMesh(service string) {
	switch {
	case service == "":
	case w.services.has(servicesInMesh, folded(service)):
		w.touch(MeshHealth(service))
	default:
		w.touch(Topic{kind: extinct})
		w.forget(MeshHealth(service))
	}
}
