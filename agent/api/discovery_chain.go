package api

import (
	"fmt"
	"net/http"

	"github.com/realjf/muster/agent/chain"
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// chainRead gives the chain of a service as it is configured.
func (a *API) chainRead(r *http.Request) (any, error) {
	return cacheable(a.discoveryChain(r, chain.Overrides{}))
}

// chainOverride gives the chain of a service as it would be with what the body
// overrides.
func (a *API) chainOverride(r *http.Request) (any, error) {
	var raw map[string]any
	if err := decodeAnything(r, &raw); err != nil {
		return nil, err
	}
	var overrides chain.Overrides
	if _, err := mesh.Decode(raw, &overrides); err != nil {
		return nil, badRequest("Request decoding failed: " + err.Error())
	}
	switch overrides.OverrideMeshGateway.Mode {
	case "", "none", "local", "remote":
	default:
		return nil, badRequest("Invalid OverrideMeshGateway.Mode parameter")
	}
	answer, err := cacheable(a.discoveryChain(r, overrides))
	if q, ok := answer.(*question); ok {
		q.body = fmt.Sprintf("%+v", overrides)
	}
	return answer, err
}

// discoveryChain is the question for the chain of the service in the path.
func (a *API) discoveryChain(r *http.Request, overrides chain.Overrides) (any, error) {
	service, err := pathName(r, "service", "Missing chain name")
	if err != nil {
		return nil, err
	}
	request := chain.Request{
		Service: service, Datacenter: parameters(r).Get("compile-dc"), TrustDomain: a.config.TrustDomain, Overrides: overrides,
	}
	if request.Datacenter == "" {
		request.Datacenter = a.local.Node().Datacenter
	}
	return a.catalog(r, state.AllConfigEntries, func(s *state.Snapshot) (any, error) {
		made, err := chain.Compile(s, request)
		if err != nil {
			return nil, err
		}
		if address := s.VirtualAddress(service); address != "" {
			made.AutoVirtualIPs, made.ManualVirtualIPs = []string{address}, []string{}
		}
		return struct{ Chain *chain.Chain }{made}, nil
	})
}
