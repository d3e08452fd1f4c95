package mesh

import (
	"regexp"
	"slices"
	"time"
)

// ServiceResolverConfigEntry says which instances of a service, or of another,
// get its requests.
type ServiceResolverConfigEntry struct {
	ConnectTimeout       Duration `json:",omitempty" alias:"connect_timeout"`
	RequestTimeout       Duration `json:",omitempty" alias:"request_timeout"`
	Kind                 string
	Name                 string
	DefaultSubset        string                               `json:",omitempty" alias:"default_subset"`
	Subsets              map[string]ServiceResolverSubset     `json:",omitempty"`
	Redirect             *ServiceResolverRedirect             `json:",omitempty"`
	Failover             map[string]ServiceResolverFailover   `json:",omitempty"` // by subset, "*" for all others
	PrioritizeByLocality *ServiceResolverPrioritizeByLocality `json:",omitempty" alias:"prioritize_by_locality"`
	LoadBalancer         *LoadBalancer                        `json:",omitempty" alias:"load_balancer"`

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// ServiceResolverSubset is a part of a service's instances.
type ServiceResolverSubset struct {
	Filter      string `json:",omitempty"`
	OnlyPassing bool   `json:",omitempty" alias:"only_passing"`
}

// ServiceResolverRedirect is another service that takes the place of this.
type ServiceResolverRedirect struct {
	Service       string `json:",omitempty"`
	ServiceSubset string `json:",omitempty" alias:"service_subset"`
	Namespace     string `json:",omitempty"`
	Partition     string `json:",omitempty"`
	Datacenter    string `json:",omitempty"`
	Peer          string `json:",omitempty"`
	SamenessGroup string `json:",omitempty"`
}

// ServiceResolverFailover is who takes the place of instances that fail.
type ServiceResolverFailover struct {
	Service       string                          `json:",omitempty"`
	ServiceSubset string                          `json:",omitempty" alias:"service_subset"`
	Namespace     string                          `json:",omitempty"`
	Datacenters   []string                        `json:",omitempty"`
	Targets       []ServiceResolverFailoverTarget `json:",omitempty"`
	Policy        *ServiceResolverFailoverPolicy  `json:",omitempty"`
	SamenessGroup string                          `json:",omitempty"`
}

// ServiceResolverFailoverTarget is one of those.
type ServiceResolverFailoverTarget struct {
	Service       string `json:",omitempty"`
	ServiceSubset string `json:",omitempty" alias:"service_subset"`
	Partition     string `json:",omitempty"`
	Namespace     string `json:",omitempty"`
	Datacenter    string `json:",omitempty"`
	Peer          string `json:",omitempty"`
}

// ServiceResolverFailoverPolicy says in which order they are tried.
type ServiceResolverFailoverPolicy struct {
	Mode    string   `json:",omitempty"`
	Regions []string `json:",omitempty"`
}

// ServiceResolverPrioritizeByLocality says whether near instances come first.
type ServiceResolverPrioritizeByLocality struct {
	Mode string `json:",omitempty"`
}

// LoadBalancer says how a proxy chooses among instances.
type LoadBalancer struct {
	Policy             string              `json:",omitempty"`
	RingHashConfig     *RingHashConfig     `json:",omitempty" alias:"ring_hash_config"`
	LeastRequestConfig *LeastRequestConfig `json:",omitempty" alias:"least_request_config"`
	HashPolicies       []HashPolicy        `json:",omitempty" alias:"hash_policies"`
}

// RingHashConfig is for the policy ring_hash.
type RingHashConfig struct {
	MinimumRingSize uint64 `json:",omitempty" alias:"minimum_ring_size"`
	MaximumRingSize uint64 `json:",omitempty" alias:"maximum_ring_size"`
}

// LeastRequestConfig is for the policy least_request.
type LeastRequestConfig struct {
	ChoiceCount uint32 `json:",omitempty" alias:"choice_count"`
}

// HashPolicy is what of a request decides where it goes.
type HashPolicy struct {
	Field        string        `json:",omitempty"` // header, cookie, query_parameter
	FieldValue   string        `json:",omitempty" alias:"field_value"`
	CookieConfig *CookieConfig `json:",omitempty" alias:"cookie_config"`
	SourceIP     bool          `json:",omitempty" alias:"source_ip"`
	Terminal     bool          `json:",omitempty"`
}

// CookieConfig is the cookie that a client gets which has none.
type CookieConfig struct {
	Session bool          `json:",omitempty"`
	TTL     time.Duration `json:",omitempty"`
	Path    string        `json:",omitempty"`
}

func (e *ServiceResolverConfigEntry) ID() EntryID        { return EntryID{ServiceResolver, e.Name} }
func (e *ServiceResolverConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ServiceResolverConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ServiceResolverConfigEntry) normalize() error {
	e.Kind = ServiceResolver
	return nil
}

// IsDefault reports whether the resolver says no more than one that is not
// there.
func (e *ServiceResolverConfigEntry) IsDefault() bool {
	return e.DefaultSubset == "" && len(e.Subsets) == 0 && e.Redirect == nil && len(e.Failover) == 0 &&
		e.ConnectTimeout == 0 && e.RequestTimeout == 0 && e.LoadBalancer == nil && e.PrioritizeByLocality == nil
}

// HasSubset reports whether the name is a subset's; the empty one stands for
// all instances.
func (e *ServiceResolverConfigEntry) HasSubset(name string) bool {
	_, has := e.Subsets[name]
	return has || name == ""
}

// refersTo reports whether a subset that something refers to is there; those of
// other services are not known here.
func (e *ServiceResolverConfigEntry) refersTo(service, subset string) bool {
	return service != "" && service != e.Name || e.HasSubset(subset)
}

func (e *ServiceResolverConfigEntry) validate() error {
	if e.Name == "" {
		return errNoName
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	for name, subset := range e.Subsets {
		if err := subset.fault(name); err != nil {
			return err
		}
	}
	if !e.HasSubset(e.DefaultSubset) {
		return faultf("DefaultSubset %q is not a valid subset", e.DefaultSubset)
	}
	if err := e.PrioritizeByLocality.validate(); err != nil {
		return err
	}
	if err := e.redirectFault(); err != nil {
		return err
	}
	for subset, failover := range e.Failover {
		if err := e.failoverFault(subset, failover); err != nil {
			return err
		}
	}
	if e.ConnectTimeout < 0 {
		return faultf("Bad ConnectTimeout '%s', must be >= 0", time.Duration(e.ConnectTimeout))
	}
	if e.RequestTimeout < 0 {
		return faultf("Bad RequestTimeout '%s', must be >= 0", time.Duration(e.RequestTimeout))
	}
	return e.LoadBalancer.fault()
}

// subsetName is what DNS takes as a label (RFC 1035, section 2.3.1), in lower
// case: proxies name hosts by it.
var subsetName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func (s ServiceResolverSubset) fault(name string) error {
	switch {
	case name == "":
		return fault("Subset defined with empty name")
	case len(name) > 63:
		return faultf("Subset %q is invalid: must be non-empty and 63 characters or fewer", name)
	case !subsetName.MatchString(name):
		return faultf("Subset %q is invalid: must be 63 characters or fewer, begin or end with lower case alphanumeric characters, "+
			"and contain lower case alphanumeric characters or '-' in between", name)
	case s.Filter == "":
		return nil
	}
	if err := CheckFilter(s.Filter); err != nil {
		return faultf("Filter for subset %q is not a valid expression: %v", name, err)
	}
	return nil
}

func (p *ServiceResolverPrioritizeByLocality) validate() error {
	if p == nil || p.Mode == "" {
		return nil
	}
	return fault("Prioritize-by-locality requires Consul Enterprise ")
}

func (p *ServiceResolverFailoverPolicy) validate() error {
	if p == nil || slices.Contains([]string{"", "sequential", "order-by-locality"}, p.Mode) {
		return nil
	}
	return fault("Failover-policy mode must be one of '', 'sequential', or 'order-by-locality'")
}

func (e *ServiceResolverConfigEntry) redirectFault() error {
	r := e.Redirect
	switch {
	case r == nil:
		return nil
	case r.Partition != "":
		return fault("Redirect: Setting Partition requires Consul Enterprise")
	case r.Namespace != "":
		return fault("Redirect: Setting Namespace requires Consul Enterprise")
	case r.SamenessGroup != "":
		return fault("Redirect: Setting SamenessGroup requires Consul Enterprise")
	case len(e.Failover) > 0:
		return fault("Redirect and Failover cannot both be set")
	case *r == ServiceResolverRedirect{}:
		return fault("Redirect is empty")
	case r.Peer != "" && r.ServiceSubset != "":
		return fault("Redirect.Peer cannot be set with Redirect.ServiceSubset")
	case r.Peer != "" && r.Datacenter != "":
		return fault("Redirect.Peer cannot be set with Redirect.Datacenter")
	case r.Service == "" && r.ServiceSubset != "":
		return fault("Redirect.ServiceSubset defined without Redirect.Service")
	case r.Service == "" && r.Peer != "":
		return fault("Redirect.Peer defined without Redirect.Service")
	case !e.refersTo(r.Service, r.ServiceSubset):
		return faultf("Redirect.ServiceSubset %q is not a valid subset of %q", r.ServiceSubset, e.Name)
	default:
		return nil
	}
}

// failoverFault returns what is wrong with the failover of a subset.
func (e *ServiceResolverConfigEntry) failoverFault(subset string, f ServiceResolverFailover) error {
	bad := func(text string, args ...any) error {
		return faultf("Bad Failover[%q]: "+text, append([]any{subset}, args...)...)
	}
	_, isSubset := e.Subsets[subset]
	switch {
	case f.Namespace != "":
		return bad("Setting Namespace requires Consul Enterprise")
	case f.SamenessGroup != "":
		return bad("Setting SamenessGroup requires Consul Enterprise")
	case subset != wildcard && !isSubset:
		return bad("not a valid subset subset")
	case f.Service == "" && f.ServiceSubset == "" && len(f.Datacenters) == 0 && len(f.Targets) == 0:
		return bad("one of Service, ServiceSubset, Namespace, Targets, SamenessGroup, or Datacenters is required")
	case f.Policy != nil && f.Policy.Mode != "":
		return bad("Setting failover policies requires Consul Enterprise")
	case !e.refersTo(f.Service, f.ServiceSubset):
		return bad("ServiceSubset %q is not a valid subset of %q", f.ServiceSubset, f.Service)
	case len(f.Datacenters) > 0 && len(f.Targets) > 0:
		return bad("Targets cannot be set with Datacenters")
	case f.ServiceSubset != "" && len(f.Targets) > 0:
		return bad("Targets cannot be set with ServiceSubset")
	case f.Service != "" && len(f.Targets) > 0:
		return bad("Targets cannot be set with Service")
	}
	for n, target := range f.Targets {
		if text := e.targetFault(target); text != "" {
			return faultf("Bad Failover[%q].Targets[%d]: %s", subset, n, text)
		}
	}
	if slices.Contains(f.Datacenters, "") {
		return faultf("Bad Failover[%q].Datacenters: found empty datacenter", subset)
	}
	return nil
}

// targetFault returns what is wrong with a target of a failover.
func (e *ServiceResolverConfigEntry) targetFault(t ServiceResolverFailoverTarget) string {
	switch {
	case t.Partition != "":
		return "Setting Partition requires Consul Enterprise"
	case t.Namespace != "":
		return "Setting Namespace requires Consul Enterprise"
	case t.Peer != "" && t.ServiceSubset != "":
		return "Peer cannot be set with ServiceSubset"
	case t.Peer != "" && t.Datacenter != "":
		return "Peer cannot be set with Datacenter"
	case !e.refersTo(t.Service, t.ServiceSubset):
		return faultf("ServiceSubset %q is not a valid subset of %q", t.ServiceSubset, e.Name).Error()
	default:
		return ""
	}
}

// IsHashBased reports whether something of a request decides where it goes.
func (lb *LoadBalancer) IsHashBased() bool {
	return lb != nil && (lb.Policy == "maglev" || lb.Policy == "ring_hash")
}

func (lb *LoadBalancer) fault() error {
	if lb == nil {
		return nil
	}
	switch lb.Policy {
	case "", "random", "round_robin", "least_request", "ring_hash", "maglev":
	default:
		return faultf("Bad LoadBalancer policy: %q is not supported", lb.Policy)
	}
	switch {
	case lb.Policy != "ring_hash" && lb.RingHashConfig != nil:
		return faultf("Bad LoadBalancer configuration. RingHashConfig specified for incompatible load balancing policy %q", lb.Policy)
	case lb.Policy != "least_request" && lb.LeastRequestConfig != nil:
		return faultf("Bad LoadBalancer configuration. LeastRequestConfig specified for incompatible load balancing policy %q", lb.Policy)
	case !lb.IsHashBased() && len(lb.HashPolicies) > 0:
		return faultf("Bad LoadBalancer configuration: HashPolicies specified for non-hash-based Policy: %q", lb.Policy)
	}
	for n, policy := range lb.HashPolicies {
		if text := policy.fault(); text != "" {
			return faultf("Bad LoadBalancer HashPolicy[%d]: %s", n, text)
		}
	}
	return nil
}

func (p HashPolicy) fault() string {
	switch {
	case !slices.Contains([]string{"", "header", "cookie", "query_parameter"}, p.Field):
		return faultf("%q is not a supported field", p.Field).Error()
	case p.SourceIP && p.Field != "":
		return faultf("A single hash policy cannot hash both a source address and a %q", p.Field).Error()
	case p.SourceIP && p.FieldValue != "":
		return "A FieldValue cannot be specified when hashing SourceIP"
	case p.Field != "" && p.FieldValue == "":
		return faultf("Field %q was specified without a FieldValue", p.Field).Error()
	case p.FieldValue != "" && p.Field == "":
		return "FieldValue requires a Field to apply to"
	case p.CookieConfig != nil && p.Field != "cookie":
		return faultf("cookie_config provided for %q", p.Field).Error()
	case p.CookieConfig != nil && p.CookieConfig.Session && p.CookieConfig.TTL != 0:
		return "a session cookie cannot have an associated TTL"
	default:
		return ""
	}
}

// related returns the services that the resolver sends requests to.
func (e *ServiceResolverConfigEntry) related() (services []string) {
	if e.Redirect != nil {
		services = append(services, e.Redirect.Service)
	}
	for _, failover := range e.Failover {
		if len(failover.Targets) == 0 {
			services = append(services, failover.Service)
		}
		for _, target := range failover.Targets {
			if target.Peer == "" {
				services = append(services, target.Service)
			}
		}
	}
	return services
}
