package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"regexp"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/state"
)

// serviceRequest is the body of /v1/agent/service/register.
type serviceRequest struct {
	Kind              string
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
	Proxy             json.RawMessage
	Connect           json.RawMessage
}

// decodeService reads a serviceRequest. It goes through a struct as Consul's
// decoder does, so that a wrong type gives the same text.
func decodeService(r *http.Request) (serviceRequest, error) {
	type Alias serviceRequest
	var request serviceRequest
	body := struct {
		EnableTagOverrideSnake bool                            `json:"enable_tag_override"`
		TaggedAddressesSnake   map[string]state.ServiceAddress `json:"tagged_addresses"`
		*Alias
	}{Alias: (*Alias)(&request)}
	err := decode(r, &body)
	request.EnableTagOverride = request.EnableTagOverride || body.EnableTagOverrideSnake
	if request.TaggedAddresses == nil {
		request.TaggedAddresses = body.TaggedAddressesSnake
	}
	return request, err
}

// agentServiceRegister announces a service of this node, with its checks.
func (a *API) agentServiceRegister(r *http.Request) (any, error) {
	request, err := decodeService(r)
	if err != nil {
		return nil, err
	}
	svc, checks, err := request.definition()
	if err != nil {
		return nil, err
	}
	return nil, a.local.Register(svc, checks, parameters(r).Has("replace-existing-checks"))
}

// definition returns what is to be announced, or why it cannot be.
func (s *serviceRequest) definition() (state.Service, []local.Check, error) {
	if s.ID == "" {
		s.ID = s.Name
	}
	if err := s.validate(); err != nil {
		return state.Service{}, nil, err
	}
	svc := state.Service{
		Kind: s.Kind, ID: s.ID, Service: s.Name, Tags: s.Tags, Address: s.Address,
		TaggedAddresses: taggedAddresses(s), Meta: s.Meta, Port: s.Port, SocketPath: s.SocketPath,
		Weights: state.Weights{Passing: 1, Warning: 1}, EnableTagOverride: s.EnableTagOverride, Locality: s.Locality,
	}
	if svc.Tags == nil {
		svc.Tags = []string{}
	}
	if s.Weights != nil {
		svc.Weights = *s.Weights
	}
	var checks []local.Check
	requests := s.Checks
	if !reflect.ValueOf(s.Check).IsZero() {
		requests = append([]serviceCheckRequest{s.Check}, requests...)
	}
	for _, request := range requests {
		check, err := request.definition()
		if err != nil {
			return svc, nil, err
		}
		checks = append(checks, check)
	}
	return svc, checks, nil
}

var metaKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// validate returns why the service cannot be announced. The texts, and the
// order, are Consul's; what it lets through and muster does not stands in
// docs/compatibility.md.
func (s *serviceRequest) validate() error {
	switch {
	case s.Name == "":
		return badRequest("Missing service name")
	case s.Address == "0.0.0.0" || s.Address == "::" || s.Address == "[::]":
		return badRequest("Invalid service address")
	case hasUnprintable(s.Name) || hasUnprintable(s.ID):
		return badRequest("Invalid service name or ID: it holds characters that cannot be printed")
	case s.Port < 0 || s.Port > 65535:
		return badRequest(fmt.Sprintf("Invalid service port %d: must be between 0 and 65535", s.Port))
	case s.Kind != "" || !isPlain(s.Proxy, &state.Proxy{}) || !isPlain(s.Connect, &struct{}{}):
		return errNoMesh
	}
	if reason := metaFault(s.Meta); reason != "" {
		return badRequest("Invalid Service Meta: " + reason)
	}
	if s.Weights != nil {
		if reason := weightsFault(*s.Weights); reason != "" {
			return badRequest("Invalid Weights: " + reason)
		}
	}
	return nil
}

var errNoMesh = &failure{http.StatusNotImplemented, "muster does not serve proxies and Connect yet; run a Consul agent for service kinds and sidecars"}

// isPlain reports whether part of a service says no more than shape can hold,
// which is what a service without a mesh says.
func isPlain(part json.RawMessage, shape any) bool {
	if len(part) == 0 {
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader(part))
	decoder.DisallowUnknownFields()
	return decoder.Decode(shape) == nil
}

// metaFault returns how metadata breaks Consul's limits, or nothing.
func metaFault(meta map[string]string) string {
	if len(meta) > 64 {
		return "Node metadata cannot contain more than 64 key/value pairs"
	}
	for key, value := range meta {
		reason := ""
		switch {
		case key == "":
			reason = "Key cannot be blank"
		case !metaKey.MatchString(key):
			reason = "Key contains invalid characters"
		case len(key) > 128:
			reason = "Key is too long (limit: 128 characters)"
		case len(value) > 512:
			reason = "Value is too long (limit: 512 characters)"
		}
		if reason != "" {
			return fmt.Sprintf("Couldn't load metadata pair ('%s', '%s'): %s", key, value, reason)
		}
	}
	return ""
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

// taggedAddresses adds the addresses that follow from the service's own.
func taggedAddresses(s *serviceRequest) map[string]state.ServiceAddress {
	family := ""
	if address, err := netip.ParseAddr(s.Address); err == nil {
		family = "ipv6"
		if address.Is4() {
			family = "ipv4"
		}
	}
	if family == "" {
		return s.TaggedAddresses
	}
	all := map[string]state.ServiceAddress{}
	for _, side := range []string{"lan_", "wan_"} {
		all[side+family] = state.ServiceAddress{Address: s.Address, Port: s.Port}
	}
	for name, address := range s.TaggedAddresses {
		all[name] = address
	}
	return all
}
