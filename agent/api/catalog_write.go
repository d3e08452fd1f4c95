package api

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

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

// catalogCheckDefinition is how a check is to be run, by somebody else.
type catalogCheckDefinition state.Definition

// UnmarshalJSON implements json.Unmarshaler. As in Consul unknown fields are
// no mistake here, and a time span may be called its field's Duration too.
func (d *catalogCheckDefinition) UnmarshalJSON(data []byte) error {
	var parsed struct {
		state.CheckDefinition
		// These take the place of the embedded ones.
		Interval, Timeout, DeregisterCriticalServiceAfter, TTL                    duration
		IntervalDuration, TimeoutDuration, DeregisterCriticalServiceAfterDuration duration
	}
	if err := json.Unmarshal(data, &parsed); err != nil {
		return err
	}
	all := parsed.CheckDefinition
	all.Interval = state.DurationText(cmp.Or(parsed.IntervalDuration, parsed.Interval))
	all.Timeout = state.DurationText(cmp.Or(parsed.TimeoutDuration, parsed.Timeout))
	all.DeregisterCriticalServiceAfter = state.DurationText(
		cmp.Or(parsed.DeregisterCriticalServiceAfterDuration, parsed.DeregisterCriticalServiceAfter))
	all.TTL = time.Duration(parsed.TTL)
	if !reflect.ValueOf(all).IsZero() {
		d.CheckDefinition = &all
	}
	return nil
}

// catalogRegister writes a node, a service on it and checks, in one step.
func (a *API) catalogRegister(r *http.Request) (any, error) {
	var request catalogRequest
	if err := decode(r, &request); err != nil {
		return nil, enterpriseField(err)
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
	return true, a.restore(request.Node, request.ID)
}

// restore lets this agent announce again what a write to its node changed,
// which went by the name or by the ID.
func (a *API) restore(name, id string) error {
	if own := a.local.Node(); !strings.EqualFold(name, own.Node) && !strings.EqualFold(id, own.ID) {
		return nil
	}
	return a.local.Restore()
}

// validate returns why the request cannot be; the texts are Consul's.
func (c *catalogRequest) validate() error {
	if err := checkNode(c.Node, c.ID); err != nil {
		return err
	}
	if c.Address == "" && !c.SkipNodeUpdate {
		return invalid("Must provide address if SkipNodeUpdate is not set")
	}
	if c.Check != nil {
		c.Checks, c.Check = append(c.Checks, c.Check), nil
	}
	if c.Service == nil {
		return nil
	}
	if err := c.Service.validate(); err != nil {
		return err
	}
	if err := c.Service.validateMeta(c.Node); err != nil {
		return fmt.Errorf("failed inserting service: %w", err)
	}
	return nil
}

// validateChecks returns why the checks cannot be on the node: each is of the
// node itself, of the service in the request, or of one that is there already.
func (c *catalogRequest) validateChecks(s *state.Snapshot) error {
	for _, request := range c.Checks {
		check := request.on(c.Node)
		if request.Node != "" && !strings.EqualFold(request.Node, c.Node) {
			return invalid(fmt.Sprintf("Node '%s' for check '%s' doesn't match register request node '%s'", request.Node, check.CheckID, c.Node))
		}
		if check.ServiceID == "" || c.Service != nil && c.Service.ID == check.ServiceID {
			continue
		}
		if known := s.Service(c.Node, check.ServiceID); known == nil || known.ID != check.ServiceID { // here case matters
			return state.UnknownService{Service: check.ServiceID, Check: check.CheckID}
		}
	}
	return nil
}

// invalid is the error for what the catalog cannot hold, with Consul's status.
func invalid(text string) error { return &failure{http.StatusInternalServerError, text} }

// checkNode returns why a node cannot have the name and the ID.
func checkNode(name, id string) error {
	switch {
	case name == "":
		return invalid("Must provide node")
	case !state.Printable(name):
		return badRequest("Invalid node name: it holds characters that cannot be printed")
	case id != "":
		return checkUUID(id)
	default:
		return nil
	}
}

// checkUUID returns why a text is no node ID.
func checkUUID(id string) error {
	const prefix, shape = "Bad node ID: ", "00000000-0000-0000-0000-000000000000"
	if len(id) != len(shape) {
		return invalid(prefix + "uuid string is wrong length")
	}
	for n := range shape {
		if shape[n] == '-' && id[n] != '-' {
			return invalid(prefix + "uuid is improperly formatted")
		}
	}
	if _, err := hex.DecodeString(id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]); err != nil {
		return invalid(prefix + err.Error())
	}
	return nil
}

// validate returns why the service cannot be; one without an id gets its name.
func (s *catalogServiceRequest) validate() error {
	if s.ID == "" {
		s.ID = s.Service
	}
	err := s.meshFault()
	switch {
	case err != nil:
		return invalid(err.Error())
	case s.ID != "" && s.Service == "":
		return invalid("Must provide service name (Service.Service) when service ID is provided")
	case s.Address == "0.0.0.0" || s.Address == "::" || s.Address == "[::]":
		return invalid("Invalid service address")
	case !state.Printable(s.ID) || !state.Printable(s.Service):
		return badRequest("Invalid service name or ID: it holds characters that cannot be printed")
	default:
		return nil
	}
}

// validateMeta returns why the service cannot say that of itself on the node.
func (s *catalogServiceRequest) validateMeta(node string) error {
	if reason := metaFault(s.Kind, s.Meta); reason != "" {
		return invalid(fmt.Sprintf("Invalid Service Meta for node %s and serviceID %s: %s", node, s.ID, reason))
	}
	return nil
}

// write returns the change that the request asks for.
func (c *catalogRequest) write(datacenter string) func(*state.Writer) error {
	return func(w *state.Writer) error {
		if err := c.validateChecks(&w.Snapshot); err != nil {
			return err
		}
		if !c.SkipNodeUpdate || w.Node(c.Node) == nil {
			if err := w.PutNode(state.Node{
				ID: c.ID, Node: c.Node, Address: c.Address, Datacenter: datacenter,
				TaggedAddresses: c.TaggedAddresses, Meta: c.NodeMeta,
			}); err != nil {
				return fmt.Errorf("failed inserting node: %w", err)
			}
		}
		if c.Service != nil && c.Service.Service != "" {
			if err := w.PutService(c.Service.on(c.Node)); err != nil {
				return err
			}
		}
		for _, request := range c.Checks {
			check := request.on(c.Node)
			if check.Type == "" {
				check.Type = check.Definition.Kind()
			}
			if err := w.PutCheck(check); err != nil {
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
		svc.Proxy = mesh.Plain
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
		Definition: state.Definition(c.Definition),
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
		return nil, enterpriseField(err)
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
	return true, a.restore(request.Node, "")
}
