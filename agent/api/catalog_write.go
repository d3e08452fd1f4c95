package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// catalogRequest is the body of /v1/catalog/register: anything about a node,
// with or without an agent.
type catalogRequest struct {
	Datacenter      string
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Service         *catalogServiceRequest
	Check           *catalogCheckRequest
	Checks          []*catalogCheckRequest
	SkipNodeUpdate  bool
}

// catalogServiceRequest is a service as the catalog has it.
type catalogServiceRequest struct {
	Kind              mesh.Kind
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]state.ServiceAddress
	Meta              map[string]string
	Port              int
	SocketPath        string
	Weights           *state.Weights
	EnableTagOverride bool
	Locality          *state.Locality
	Proxy             *mesh.Proxy
	Connect           *connectRequest
	PeerName          string
	CreateIndex       uint64
	ModifyIndex       uint64
}

// catalogCheckRequest is a check as the catalog has it.
type catalogCheckRequest struct {
	Node        string
	CheckID     string
	Name        string
	Status      state.Status
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	Definition  catalogCheckDefinition
	PeerName    string
	CreateIndex uint64
	ModifyIndex uint64
}

// catalogCheckDefinition is taken and not kept: nobody runs the checks of the
// catalog here.
type catalogCheckDefinition struct {
	HTTP                           string
	Header                         map[string][]string
	Method                         string
	Body                           string
	TLSServerName                  string
	TLSSkipVerify                  bool
	TCP                            string
	TCPUseTLS                      bool
	UDP                            string
	GRPC                           string
	GRPCUseTLS                     bool
	OSService                      string
	Interval                       duration
	IntervalDuration               duration
	Timeout                        duration
	TimeoutDuration                duration
	DeregisterCriticalServiceAfter duration
}

// catalogRegister writes a node, a service on it and checks, in one step.
func (a *API) catalogRegister(r *http.Request) (any, error) {
	var request catalogRequest
	if err := decode(r, &request); err != nil {
		return nil, err
	}
	if err := a.checkDatacenter(request.Datacenter); err != nil {
		return nil, err
	}
	if err := request.validate(); err != nil {
		return nil, err
	}
	if err := a.store.Try(request.write(a.local.Node().Datacenter)); err != nil {
		return nil, err
	}
	return true, a.restore(request.Node)
}

// restore lets this agent announce again what a write to its node changed.
func (a *API) restore(node string) error {
	if !strings.EqualFold(node, a.local.Node().Node) {
		return nil
	}
	return a.local.Restore()
}

// validate returns why the request cannot be; the texts are Consul's.
func (c *catalogRequest) validate() error {
	text := ""
	switch {
	case c.Node == "":
		text = "Must provide node"
	case c.Address == "" && !c.SkipNodeUpdate:
		text = "Must provide address if SkipNodeUpdate is not set"
	case hasUnprintable(c.Node):
		return badRequest("Invalid node name: it holds characters that cannot be printed")
	}
	if text == "" && c.Service != nil {
		s := c.Service
		if s.ID == "" {
			s.ID = s.Service
		}
		err, meta := s.meshFault(), metaFault(s.Kind, s.Meta)
		switch {
		case err != nil:
			text = err.Error()
		case s.ID != "" && s.Service == "":
			text = "Must provide service name (Service.Service) when service ID is provided"
		case s.Address == "0.0.0.0" || s.Address == "::" || s.Address == "[::]":
			text = "Invalid service address"
		case hasUnprintable(s.ID) || hasUnprintable(s.Service):
			return badRequest("Invalid service name or ID: it holds characters that cannot be printed")
		case meta != "":
			text = fmt.Sprintf("failed inserting service: Invalid Service Meta for node %s and serviceID %s: %s", c.Node, s.ID, meta)
		}
	}
	if text != "" {
		return &failure{http.StatusInternalServerError, text}
	}
	return nil
}

// write returns the change that the request asks for.
func (c *catalogRequest) write(datacenter string) func(*state.Writer) error {
	return func(w *state.Writer) error {
		if !c.SkipNodeUpdate || w.Node(c.Node) == nil {
			w.PutNode(state.Node{
				ID: c.ID, Node: c.Node, Address: c.Address, Datacenter: datacenter,
				TaggedAddresses: c.TaggedAddresses, Meta: c.NodeMeta,
			})
		}
		if c.Service != nil && c.Service.Service != "" {
			if err := w.PutService(c.Service.on(c.Node)); err != nil {
				return err
			}
		}
		checks := c.Checks
		if c.Check != nil {
			checks = append([]*catalogCheckRequest{c.Check}, checks...)
		}
		for _, check := range checks {
			if err := w.PutCheck(check.on(c.Node)); err != nil {
				return err
			}
		}
		return nil
	}
}

// meshFault returns what the mesh's rules find wrong with the service.
func (s *catalogServiceRequest) meshFault() error { return member(s.on("")).Validate() }

// on returns the service as it is on a node.
func (s *catalogServiceRequest) on(node string) state.Service {
	svc := state.Service{
		Node: node, Kind: s.Kind, ID: s.ID, Service: s.Service, Tags: s.Tags, Address: s.Address,
		TaggedAddresses: s.TaggedAddresses, Meta: s.Meta, Port: s.Port, SocketPath: s.SocketPath,
		Weights: state.Weights{Passing: 1, Warning: 1}, EnableTagOverride: s.EnableTagOverride, Locality: s.Locality,
		Proxy: s.Proxy, Connect: state.Connect{Native: s.Connect != nil && s.Connect.Native},
	}
	if svc.Proxy == nil {
		svc.Proxy = &mesh.Proxy{}
	}
	if svc.Tags == nil {
		svc.Tags = []string{}
	}
	if s.Weights != nil && s.Weights.Passing > 0 { // clients that mean the default say 0
		svc.Weights = *s.Weights
	}
	return svc
}

// on returns the check as it is on a node.
func (c *catalogCheckRequest) on(node string) state.Check {
	check := state.Check{
		Node: node, CheckID: c.CheckID, Name: c.Name, Status: c.Status, Notes: c.Notes, Output: c.Output,
		ServiceID: c.ServiceID, Type: c.Type, Interval: c.Interval, Timeout: c.Timeout, ExposedPort: c.ExposedPort,
	}
	if check.CheckID == "" {
		check.CheckID = c.Name
	}
	if check.Status == "" {
		check.Status = state.Critical
	}
	return check
}

// catalogDeregister removes a node, a service or a check from the catalog.
// What this agent announced itself it announces again.
func (a *API) catalogDeregister(r *http.Request) (any, error) {
	var request struct {
		Datacenter string
		Node       string
		Address    string
		ServiceID  string
		CheckID    string
	}
	if err := decode(r, &request); err != nil {
		return nil, err
	}
	if err := a.checkDatacenter(request.Datacenter); err != nil {
		return nil, err
	}
	if request.Node == "" {
		return nil, &failure{http.StatusInternalServerError, "Must provide node"}
	}
	err := a.store.Write(func(w *state.Writer) error {
		switch {
		case request.ServiceID != "":
			w.DeleteService(request.Node, request.ServiceID)
		case request.CheckID != "":
			w.DeleteCheck(request.Node, request.CheckID)
		default:
			w.DeleteNode(request.Node)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return true, a.restore(request.Node)
}
