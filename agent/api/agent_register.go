package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// serviceRequest is the body of /v1/agent/service/register.
type serviceRequest struct {
	Kind              mesh.Kind
	ID                string
	Name              string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]state.ServiceAddress
	Meta              map[string]string
	Port              int
	SocketPath        string
	Check             serviceCheckRequest
	Checks            []serviceCheckRequest
	Weights           *state.Weights
	Token             string
	EnableTagOverride bool
	Locality          *state.Locality
	Proxy             *mesh.Proxy
	Connect           *connectRequest
}

// connectRequest is the part of a service that says how it belongs to the mesh.
type connectRequest struct {
	Native         bool
	SidecarService *serviceRequest
}

// UnmarshalJSON implements json.Unmarshaler. Like Consul's it takes both
// spellings of a name.
func (c *connectRequest) UnmarshalJSON(data []byte) error {
	type Alias connectRequest
	body := struct {
		SidecarServiceSnake *serviceRequest `json:"sidecar_service"`
		*Alias
	}{Alias: (*Alias)(c)}
	if err := json.Unmarshal(data, &body); err != nil {
		return err
	}
	if c.SidecarService == nil {
		c.SidecarService = body.SidecarServiceSnake
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *serviceRequest) UnmarshalJSON(data []byte) error {
	return s.read(func(target any) error { return decodeBytes(data, target) })
}

// read fills the request in by decode. It goes through a struct as Consul's
// decoder does, so that a wrong type gives the same text.
func (s *serviceRequest) read(decode func(target any) error) error {
	type Alias serviceRequest
	body := struct {
		EnableTagOverrideSnake bool                            `json:"enable_tag_override"`
		TaggedAddressesSnake   map[string]state.ServiceAddress `json:"tagged_addresses"`
		*Alias
	}{Alias: (*Alias)(s)}
	if err := decode(&body); err != nil {
		return err
	}
	s.EnableTagOverride = s.EnableTagOverride || body.EnableTagOverrideSnake
	if s.TaggedAddresses == nil {
		s.TaggedAddresses = body.TaggedAddressesSnake
	}
	return nil
}

// agentServiceRegister announces a service of this node, with its checks and
// perhaps its sidecar.
func (a *API) agentServiceRegister(r *http.Request) (any, error) {
	asked, err := decodeRegistration(r)
	if err != nil {
		return nil, err
	}
	if err := a.mayRun(asked.AllChecks()...); err != nil {
		return nil, err
	}
	query := parameters(r)
	text := query.Get("replace-existing-checks")
	replace := query.Has("replace-existing-checks") && (text == "" || text == "true")
	asked.Token = Token(r) // as in Consul, the one of the body is for files
	return nil, a.local.Register(asked, replace)
}

// decodeRegistration returns what a request asks for, or why it cannot be.
func decodeRegistration(r *http.Request) (local.Definition, error) {
	var request serviceRequest
	if err := request.read(func(target any) error { return decode(r, target) }); err != nil {
		return local.Definition{}, err
	}
	return request.registration()
}

// ReadService returns what a body of /v1/agent/service/register announces when
// the configuration has it, which may say whether scripts are run.
func ReadService(body []byte, scripts bool) (local.Definition, error) {
	var request serviceRequest
	if err := request.UnmarshalJSON(body); err != nil {
		return local.Definition{}, err
	}
	definition, err := request.registration()
	if err == nil && !scripts && slices.ContainsFunc(definition.AllChecks(), local.Check.RunsScript) {
		err = errLocalScript
	}
	return definition, err
}

// registration returns what is to be announced, or why it cannot be.
func (s *serviceRequest) registration() (asked local.Definition, err error) {
	if err := s.validate(); err != nil {
		return asked, err
	}
	asked.Service, asked.Token = s.definition(), s.Token
	if asked.Checks, err = s.checks(""); err != nil {
		return asked, err
	}
	if sidecar := s.sidecar(); sidecar != nil {
		asked.Sidecar, err = sidecar.beside(asked.Service)
	}
	return asked, err
}

// sidecar returns the request for the service's sidecar, or nil.
func (s *serviceRequest) sidecar() *serviceRequest {
	if s.Connect == nil {
		return nil
	}
	return s.Connect.SidecarService
}

// definition returns the service that is asked for.
func (s *serviceRequest) definition() state.Service {
	svc := state.Service{
		Kind: s.Kind, ID: s.ID, Service: s.Name, Tags: s.Tags, Address: s.Address,
		TaggedAddresses: s.TaggedAddresses, Meta: s.Meta, Port: s.Port, SocketPath: s.SocketPath,
		Weights: state.Weights{Passing: 1, Warning: 1}, EnableTagOverride: s.EnableTagOverride, Locality: s.Locality,
		Proxy: proxyOf(s.Proxy), Connect: state.Connect{Native: s.Connect != nil && s.Connect.Native},
	}
	if svc.ID == "" {
		svc.ID = svc.Service
	}
	if svc.Tags == nil {
		svc.Tags = []string{}
	}
	if s.Weights != nil {
		svc.Weights = *s.Weights
	}
	return svc
}

// proxyOf returns how a proxy is to be set up, with what is the default; never
// nil.
func proxyOf(asked *mesh.Proxy) *mesh.Proxy {
	if asked == nil {
		return mesh.Plain
	}
	for n := range asked.Upstreams {
		if asked.Upstreams[n].DestinationType == "" {
			asked.Upstreams[n].DestinationType = "service"
		}
	}
	return asked
}

// checks returns the checks that are asked for, or why they cannot be; place
// says whose they are, where that is not the service itself.
func (s *serviceRequest) checks(place string) ([]local.Check, error) {
	requests := s.Checks
	if !reflect.ValueOf(s.Check).IsZero() {
		requests = append([]serviceCheckRequest{s.Check}, requests...)
	}
	var checks []local.Check
	for _, request := range requests {
		check, err := request.definition(place)
		if err != nil {
			return nil, err
		}
		checks = append(checks, check)
	}
	return checks, nil
}

// beside returns the sidecar that is asked for, with what follows from its
// service where it says nothing.
func (s *serviceRequest) beside(svc state.Service) (*local.Sidecar, error) {
	if err := s.storable(); err != nil {
		return nil, err
	}
	checks, err := s.checks(" in sidecar_service")
	if err != nil {
		return nil, err
	}
	if reason := metaFault(s.Kind, s.Meta); reason != "" {
		return nil, badRequest("Invalid SidecarService: " + reason)
	}
	proxy := s.definition()
	if proxy.Kind == "" {
		proxy.Kind = mesh.ConnectProxy
	}
	if proxy.Service == "" {
		proxy.Service = local.SidecarID(svc.Service)
	}
	if proxy.Address == "" {
		proxy.Address = svc.Address
	}
	if len(proxy.Meta) == 0 {
		proxy.Meta = svc.Meta
	}
	if len(proxy.Tags) == 0 {
		proxy.Tags = svc.Tags
	}
	if proxy.Locality == nil {
		proxy.Locality = svc.Locality
	}
	proxy.Proxy = proxy.Proxy.Before(svc.Service, svc.ID, svc.Port, svc.SocketPath)
	if err := member(proxy).ValidateSidecar(); err != nil {
		return nil, badRequest("Failed Validation: " + err.Error())
	}
	return &local.Sidecar{Service: proxy, Checks: checks, Token: s.Token}, nil
}

// member returns what the rules of the mesh are about.
func member(s state.Service) mesh.Member {
	return mesh.Member{
		Kind: s.Kind, Port: s.Port, SocketPath: s.SocketPath, Proxy: s.Proxy, Native: s.Connect.Native,
		NoRegion: s.Locality != nil && s.Locality.Zone != "" && s.Locality.Region == "",
	}
}

// validate returns why the service cannot be announced. The texts, and the
// order, are Consul's; what it lets through and muster does not stands in
// docs/compatibility.md.
func (s *serviceRequest) validate() error {
	switch {
	case s.Name == "":
		return badRequest("Missing service name")
	case s.Address == "0.0.0.0" || s.Address == "::" || s.Address == "[::]":
		return badRequest("Invalid service address")
	}
	if err := s.storable(); err != nil {
		return err
	}
	if s.Weights != nil {
		if reason := weightsFault(*s.Weights); reason != "" {
			return badRequest("Invalid Weights: " + reason)
		}
	}
	if reason := metaFault(s.Kind, s.Meta); reason != "" {
		return badRequest("Invalid Service Meta: " + reason)
	}
	if err := s.meshFault(); err != nil {
		return badRequest("Validation failed: " + err.Error())
	}
	return nil
}

// storable returns why the service cannot be kept.
func (s *serviceRequest) storable() error {
	switch {
	case !state.Printable(s.Name) || !state.Printable(s.ID):
		return badRequest("Invalid service name or ID: it holds characters that cannot be printed")
	case s.Port < 0 || s.Port > 65535:
		return badRequest(fmt.Sprintf("Invalid service port %d: must be between 0 and 65535", s.Port))
	default:
		return nil
	}
}

// meshFault returns what the mesh's rules find wrong with the service.
func (s *serviceRequest) meshFault() error {
	rules := member(s.definition())
	if sidecar := s.sidecar(); sidecar != nil {
		rules.HasSidecar, rules.SidecarID, rules.SidecarSidecar = true, sidecar.ID != "", sidecar.sidecar() != nil
	}
	return rules.Validate()
}

// ValidateNodeMeta returns why the agent's own node cannot have some metadata.
func ValidateNodeMeta(meta map[string]string) error {
	if reason := metaFault("", meta); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// metaFault returns how metadata of a service breaks Consul's limits, or
// nothing.
func metaFault(kind mesh.Kind, meta map[string]string) string {
	return state.MetaFault(meta, func(key string) bool {
		return strings.HasPrefix(key, "consul-") && (kind != mesh.MeshGateway || key != "consul-wan-federation")
	})
}

// weightsFault returns how weights break Consul's limits, or nothing.
func weightsFault(w state.Weights) string {
	switch {
	case w.Passing < 1:
		return "Passing must be greater than 0"
	case w.Warning < 0:
		return "Warning must be greater or equal than 0"
	case w.Passing > 65535 || w.Warning > 65535:
		return "DNS Weight must be between 0 and 65535"
	default:
		return ""
	}
}
