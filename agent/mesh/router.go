package mesh

import "strings"

// ServiceRouterConfigEntry says which requests to a service go elsewhere.
type ServiceRouterConfigEntry struct {
	Kind   string
	Name   string
	Routes []ServiceRoute // the first that matches decides

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// ServiceRoute is one rule of a router.
type ServiceRoute struct {
	Match       *ServiceRouteMatch       `json:",omitempty"`
	Destination *ServiceRouteDestination `json:",omitempty"`
}

// ServiceRouteMatch says which requests a rule is for.
type ServiceRouteMatch struct {
	HTTP *ServiceRouteHTTPMatch `json:",omitempty"`
}

// ServiceRouteHTTPMatch says which HTTP requests a rule is for.
type ServiceRouteHTTPMatch struct {
	PathExact       string                            `json:",omitempty" alias:"path_exact"`
	PathPrefix      string                            `json:",omitempty" alias:"path_prefix"`
	PathRegex       string                            `json:",omitempty" alias:"path_regex"`
	CaseInsensitive bool                              `json:",omitempty" alias:"case_insensitive"`
	Header          []ServiceRouteHTTPMatchHeader     `json:",omitempty"`
	QueryParam      []ServiceRouteHTTPMatchQueryParam `json:",omitempty" alias:"query_param"`
	Methods         []string                          `json:",omitempty"`
}

// ServiceRouteHTTPMatchHeader is what a header must say.
type ServiceRouteHTTPMatchHeader struct {
	Name    string
	Present bool   `json:",omitempty"`
	Exact   string `json:",omitempty"`
	Prefix  string `json:",omitempty"`
	Suffix  string `json:",omitempty"`
	Regex   string `json:",omitempty"`
	Invert  bool   `json:",omitempty"`
}

// parts returns how many conditions there are.
func (h ServiceRouteHTTPMatchHeader) parts() int {
	return count(h.Present, h.Exact != "", h.Prefix != "", h.Suffix != "", h.Regex != "")
}

// ServiceRouteHTTPMatchQueryParam is what a parameter must say.
type ServiceRouteHTTPMatchQueryParam struct {
	Name    string
	Present bool   `json:",omitempty"`
	Exact   string `json:",omitempty"`
	Regex   string `json:",omitempty"`
}

// ServiceRouteDestination is where requests go that match, and how.
type ServiceRouteDestination struct {
	RequestTimeout        Duration             `json:",omitempty" alias:"request_timeout"`
	IdleTimeout           Duration             `json:",omitempty" alias:"idle_timeout"`
	Service               string               `json:",omitempty"` // the router's own by default
	ServiceSubset         string               `json:",omitempty" alias:"service_subset"`
	Namespace             string               `json:",omitempty"`
	Partition             string               `json:",omitempty"`
	PrefixRewrite         string               `json:",omitempty" alias:"prefix_rewrite"`
	NumRetries            uint32               `json:",omitempty" alias:"num_retries"`
	RetryOnConnectFailure bool                 `json:",omitempty" alias:"retry_on_connect_failure"`
	RetryOn               []string             `json:",omitempty" alias:"retry_on"`
	RetryOnStatusCodes    []uint32             `json:",omitempty" alias:"retry_on_status_codes"`
	RequestHeaders        *HTTPHeaderModifiers `json:",omitempty" alias:"request_headers"`
	ResponseHeaders       *HTTPHeaderModifiers `json:",omitempty" alias:"response_headers"`
}

// HTTPHeaderModifiers is what a proxy does to the headers of a message.
type HTTPHeaderModifiers struct {
	Add    map[string]string `json:",omitempty"`
	Set    map[string]string `json:",omitempty"`
	Remove []string          `json:",omitempty"`
}

func (e *ServiceRouterConfigEntry) ID() EntryID        { return EntryID{ServiceRouter, e.Name} }
func (e *ServiceRouterConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ServiceRouterConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ServiceRouterConfigEntry) normalize() error {
	e.Kind = ServiceRouter
	for _, route := range e.Routes {
		if route.Match != nil && route.Match.HTTP != nil {
			upper(route.Match.HTTP.Methods)
		}
	}
	return nil
}

func (e *ServiceRouterConfigEntry) validate() error {
	if e.Name == "" {
		return errNoName
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	for n, route := range e.Routes {
		if err := route.fault(n); err != nil {
			return err
		}
	}
	return nil
}

// fault returns what is wrong with the n-th rule.
func (r ServiceRoute) fault(n int) error {
	match := &ServiceRouteHTTPMatch{}
	if r.Match != nil && r.Match.HTTP != nil {
		match = r.Match.HTTP
	}
	if err := match.fault(n); err != nil {
		return err
	}
	if r.Destination == nil {
		return nil
	}
	if r.Destination.PrefixRewrite != "" && match.PathExact == "" && match.PathPrefix == "" {
		return faultf("Route[%d] cannot make use of PrefixRewrite without configuring either PathExact or PathPrefix", n)
	}
	for _, condition := range r.Destination.RetryOn {
		if !retryConditions[condition] {
			return faultf("Route[%d] contains an invalid retry condition: %q", n, condition)
		}
	}
	return nil
}

// retryConditions are Envoy's.
var retryConditions = map[string]bool{
	"5xx": true, "gateway-error": true, "reset": true, "connect-failure": true, "envoy-ratelimited": true, "retriable-4xx": true,
	"refused-stream": true, "cancelled": true, "deadline-exceeded": true, "internal": true, "resource-exhausted": true, "unavailable": true,
}

func (m *ServiceRouteHTTPMatch) fault(n int) error {
	switch {
	case m.PathExact != "" && !strings.HasPrefix(m.PathExact, "/"):
		return faultf("Route[%d] PathExact doesn't start with '/': %q", n, m.PathExact)
	case m.PathPrefix != "" && !strings.HasPrefix(m.PathPrefix, "/"):
		return faultf("Route[%d] PathPrefix doesn't start with '/': %q", n, m.PathPrefix)
	case count(m.PathExact != "", m.PathPrefix != "", m.PathRegex != "") > 1:
		return faultf("Route[%d] should only contain at most one of PathExact, PathPrefix, or PathRegex", n)
	}
	for k, header := range m.Header {
		if header.Name == "" {
			return faultf("Route[%d] Header[%d] missing required Name field", n, k)
		}
		if header.parts() != 1 {
			return faultf("Route[%d] Header[%d] should only contain one of Present, Exact, Prefix, Suffix, or Regex", n, k)
		}
	}
	for k, parameter := range m.QueryParam {
		if parameter.Name == "" {
			return faultf("Route[%d] QueryParam[%d] missing required Name field", n, k)
		}
		if count(parameter.Present, parameter.Exact != "", parameter.Regex != "") != 1 {
			return faultf("Route[%d] QueryParam[%d] should only contain one of Present, Exact, or Regex", n, k)
		}
	}
	return methodFault(faultf("Route[%d] Methods", n).Error(), m.Methods)
}

// related returns the services that the router sends requests to.
func (e *ServiceRouterConfigEntry) related() (services []string) {
	for _, route := range e.Routes {
		if route.Destination != nil {
			services = append(services, route.Destination.Service)
		}
	}
	return services
}
