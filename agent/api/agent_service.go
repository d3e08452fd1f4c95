package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/mitchellh/hashstructure"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// AgentService is an instance of this node, as the agent shows it. Names and
// types of its fields, and its own, are those of Consul, because the content
// hash is computed over them and clients compare it between agents.
type AgentService struct {
	Kind              mesh.Kind `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Meta              map[string]string
	Port              int
	Address           string
	SocketPath        string                          `json:",omitempty"`
	TaggedAddresses   map[string]state.ServiceAddress `json:",omitempty"`
	Weights           AgentWeights
	EnableTagOverride bool
	CreateIndex       uint64                          `json:",omitempty" bexpr:"-"`
	ModifyIndex       uint64                          `json:",omitempty" bexpr:"-"`
	ContentHash       string                          `json:",omitempty" bexpr:"-"`
	Proxy             *AgentServiceConnectProxyConfig `json:",omitempty"`
	Connect           *AgentServiceConnect            `json:",omitempty"`
	PeerName          string                          `json:",omitempty"`
	Namespace         string                          `json:",omitempty" bexpr:"-" hash:"ignore"`
	Partition         string                          `json:",omitempty" bexpr:"-" hash:"ignore"`
	Datacenter        string                          `json:",omitempty" bexpr:"-" hash:"ignore"`
	Locality          *AgentLocality                  `json:",omitempty" bexpr:"-" hash:"ignore"`
}

// AgentWeights is [state.Weights] under the name that the content hash needs.
type AgentWeights struct {
	Passing int
	Warning int
}

// AgentLocality is [state.Locality] as the agent's own view shows it: whole.
type AgentLocality struct {
	Region string
	Zone   string
}

func (a *API) newAgentService(s *state.Service) *AgentService {
	shown := &AgentService{
		Kind: s.Kind, ID: s.ID, Service: s.Service, Tags: s.Tags, Meta: orEmpty(s.Meta),
		Port: s.Port, Address: s.Address, SocketPath: s.SocketPath, TaggedAddresses: s.TaggedAddresses,
		Weights: AgentWeights(s.Weights), EnableTagOverride: s.EnableTagOverride,
		Datacenter: a.local.Node().Datacenter, Locality: (*AgentLocality)(s.Locality),
	}
	if s.Kind == mesh.ConnectProxy || s.Kind.IsGateway() {
		shown.Proxy = newAgentProxy(s.Proxy)
	}
	if s.Connect.Native {
		shown.Connect = &AgentServiceConnect{Native: true}
	}
	return shown
}

// agentServices maps the ids of this node's services to their definitions.
func (a *API) agentServices(r *http.Request) (any, error) {
	query := parameters(r)
	return own(func() (any, <-chan struct{}, error) {
		services, changed := a.local.Services()
		byID := make(map[string]AgentService, len(services))
		for _, svc := range services {
			byID[svc.ID] = *a.newAgentService(svc)
		}
		kept, err := filtered(query.Get("filter"), byID)
		return kept, changed, err
	}), nil
}

// agentService gives one service with the hash of its definition. With ?hash=
// of the definition that the client has it waits for another one, and ends
// when the service goes.
func (a *API) agentService(r *http.Request) (any, error) {
	id, hash := r.PathValue("id"), parameters(r).Get("hash")
	var options readOptions
	if err := options.parseBlocking(parameters(r), a.settings.Load()); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(options.wait); ; {
		svc, changed, known := a.local.Service(id)
		if !known {
			return nil, &failure{http.StatusNotFound, "unknown service ID: " + id}
		}
		shown := a.newAgentService(svc)
		sum, err := hashstructure.Hash(shown, nil)
		if err != nil {
			return nil, fault{fmt.Errorf("hash service %q: %w", id, err)}
		}
		shown.ContentHash = fmt.Sprintf("%x", sum)
		if hash == shown.ContentHash {
			again, err := a.blocked(r.Context(), changed, time.Until(deadline))
			if err != nil {
				return nil, err
			}
			if again {
				continue
			}
		}
		said, err := a.encode(r, shown)
		if err != nil {
			return nil, err
		}
		out := jsonReply(said)
		out.header.Set("X-Consul-Contenthash", shown.ContentHash)
		return out, nil
	}
}

func (a *API) agentServiceDeregister(r *http.Request) (any, error) {
	return nil, a.local.Deregister(r.PathValue("id"))
}
