package mesh

import (
	"slices"
	"strings"
	"time"
)

// ServiceIntentionsConfigEntry says who may call a service.
type ServiceIntentionsConfigEntry struct {
	Kind    string
	Name    string                   // "*" for every service
	Sources []*SourceIntention       // the one that says most comes first
	JWT     *IntentionJWTRequirement `json:",omitempty"`

	Meta           map[string]string `json:",omitempty"`
	EnterpriseMeta `mapstructure:",squash"`
	Hash           uint64 `json:",omitempty" hash:"ignore"`
	RaftIndex      `hash:"ignore"`
}

// SourceIntention says what one service may ask of the other.
type SourceIntention struct {
	Name             string                 // "*" for every service
	Action           string                 `json:",omitempty"` // allow or deny; empty where Permissions say more
	Permissions      []*IntentionPermission `json:",omitempty"`
	Precedence       int
	LegacyID         string `json:",omitempty" alias:"legacy_id"`
	Type             string
	Description      string            `json:",omitempty"`
	LegacyMeta       map[string]string `json:",omitempty" alias:"legacy_meta"`
	LegacyCreateTime *time.Time        `json:",omitempty" alias:"legacy_create_time"`
	LegacyUpdateTime *time.Time        `json:",omitempty" alias:"legacy_update_time"`
	EnterpriseMeta   `mapstructure:",squash"`
	Peer             string `json:",omitempty"`
	SamenessGroup    string `json:",omitempty" alias:"sameness_group"`
}

// IntentionPermission says of some requests whether they may be made.
type IntentionPermission struct {
	Action string
	HTTP   *IntentionHTTPPermission `json:",omitempty"`
	JWT    *IntentionJWTRequirement `json:",omitempty"`
}

// IntentionHTTPPermission says which requests are meant.
type IntentionHTTPPermission struct {
	PathExact  string                          `json:",omitempty" alias:"path_exact"`
	PathPrefix string                          `json:",omitempty" alias:"path_prefix"`
	PathRegex  string                          `json:",omitempty" alias:"path_regex"`
	Header     []IntentionHTTPHeaderPermission `json:",omitempty"`
	Methods    []string                        `json:",omitempty"`
}

// IntentionHTTPHeaderPermission is what a header must say.
type IntentionHTTPHeaderPermission struct {
	Name    string
	Present bool   `json:",omitempty"`
	Exact   string `json:",omitempty"`
	Prefix  string `json:",omitempty"`
	Suffix  string `json:",omitempty"`
	Regex   string `json:",omitempty"`
	Invert  bool   `json:",omitempty"`
}

// IntentionJWTRequirement says whose tokens requests must carry.
type IntentionJWTRequirement struct {
	Providers []*IntentionJWTProvider `json:",omitempty"`
}

// IntentionJWTProvider is one who gives tokens out.
type IntentionJWTProvider struct {
	Name         string                           `json:",omitempty"`
	VerifyClaims []*IntentionJWTClaimVerification `json:",omitempty" alias:"verify_claims"`
}

// IntentionJWTClaimVerification is what a token must say.
type IntentionJWTClaimVerification struct {
	Path  []string `json:",omitempty"`
	Value string   `json:",omitempty"`
}

func (e *ServiceIntentionsConfigEntry) ID() EntryID        { return EntryID{ServiceIntentions, e.Name} }
func (e *ServiceIntentionsConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ServiceIntentionsConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ServiceIntentionsConfigEntry) normalize() error {
	e.Kind = ServiceIntentions
	e.Sources, e.JWT = present(e.Sources), e.JWT.normal()
	for _, source := range e.Sources {
		orElse(&source.Type, "consul")
		source.Precedence = precedence(e.Name, source.Name)
		source.LegacyID, source.LegacyCreateTime, source.LegacyUpdateTime = "", nil, nil
		source.Permissions = present(source.Permissions)
		for _, permission := range source.Permissions {
			permission.JWT = permission.JWT.normal()
			if permission.HTTP != nil {
				upper(permission.HTTP.Methods)
			}
		}
	}
	slices.SortStableFunc(e.Sources, func(a, b *SourceIntention) int { return b.Precedence - a.Precedence })
	return nil
}

// normal returns the requirement without what is null in it.
func (r *IntentionJWTRequirement) normal() *IntentionJWTRequirement {
	if r != nil {
		r.Providers = present(r.Providers)
	}
	return r
}

// precedence says how much an intention says: one that names both services
// comes before one that names the destination, and this before one that names
// the source alone.
// https://developer.hashicorp.com/consul/docs/connect/intentions/create-manage-intentions
func precedence(destination, source string) int {
	rank := 9
	if destination == wildcard {
		rank -= 3
	}
	if source == wildcard {
		rank--
	}
	return rank
}

// HasPermissions reports whether the entry tells requests apart.
func (e *ServiceIntentionsConfigEntry) HasPermissions() bool {
	return slices.ContainsFunc(e.Sources, func(s *SourceIntention) bool { return len(s.Permissions) > 0 })
}

// IsWildcard reports whether the entry is about every service.
func (e *ServiceIntentionsConfigEntry) IsWildcard() bool { return e.Name == wildcard }

// Providers returns the names of those whose tokens the entry asks for.
func (e *ServiceIntentionsConfigEntry) Providers() (names []string) {
	names = e.JWT.names()
	for _, source := range e.Sources {
		for _, permission := range source.Permissions {
			names = append(names, permission.JWT.names()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *IntentionJWTRequirement) names() (names []string) {
	if r != nil {
		for _, provider := range r.Providers {
			names = append(names, provider.Name)
		}
	}
	return names
}

func (r *IntentionJWTRequirement) validate() error {
	var found faults
	if slices.Contains(r.names(), "") {
		found.addf("JWT provider name is required")
	}
	return found.err()
}

func (e *ServiceIntentionsConfigEntry) validate() error {
	if e.Name == "" {
		return errNoName
	}
	if isPartial(e.Name) {
		return errPartial
	}
	if err := e.JWT.validate(); err != nil {
		return err
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	if len(e.Sources) == 0 {
		return fault("At least one source is required")
	}
	type who struct{ name, peer string }
	seen := map[who]bool{}
	for n, source := range e.Sources {
		if err := source.fault(n, e.IsWildcard()); err != nil {
			return err
		}
		caller := who{source.Name, source.Peer}
		switch {
		case seen[caller] && source.Peer != "":
			return faultf("Sources[%d] defines peer(%q) %q more than once", n, source.Peer, source.Name)
		case seen[caller]:
			return faultf("Sources[%d] defines %q more than once", n, source.Name)
		}
		seen[caller] = true
	}
	return nil
}

const errPartial = fault("Name: wildcard character '*' cannot be used with partial values")

// isPartial reports whether a name is a pattern, which no name may be but the
// one for all.
func isPartial(name string) bool { return name != wildcard && strings.Contains(name, wildcard) }

func isAction(text string) bool { return text == "allow" || text == "deny" }

// fault returns what is wrong with the n-th source.
func (s *SourceIntention) fault(n int, toAll bool) error {
	bad := func(text string, args ...any) error { return faultf("Sources[%d]"+text, append([]any{n}, args...)...) }
	switch {
	case s.Name == "":
		return bad(".Name is required")
	case s.SamenessGroup != "":
		return bad(".SamenessGroup: Sameness groups are a Consul Enterprise feature. ")
	case isPartial(s.Name):
		return bad(".%v", errPartial)
	case strings.Contains(s.Peer, wildcard):
		return bad(".Peer: cannot use wildcard '*' in peer")
	case len(s.Description) > maxMetaValue:
		return bad(".Description exceeds maximum length %d", maxMetaValue)
	case len(s.LegacyMeta) > 0:
		return bad(".LegacyMeta must be omitted")
	case len(s.Permissions) == 0 && !isAction(s.Action):
		return bad(".Action must be set to 'allow' or 'deny'")
	case len(s.Permissions) > 0 && s.Action != "":
		return bad(".Action must be omitted if Permissions are specified")
	case toAll && len(s.Permissions) > 0:
		return bad(".Permissions cannot be specified on intentions with wildcarded destinations")
	case s.Type != "consul":
		return bad(".Type must be set to 'consul'")
	}
	s.LegacyMeta = nil
	for k, permission := range s.Permissions {
		if !isAction(permission.Action) {
			return bad(".Permissions[%d].Action must be set to 'allow' or 'deny'", k)
		}
		if err := permission.HTTP.fault(faultf("Sources[%d].Permissions[%d].HTTP", n, k).Error()); err != nil {
			return err
		}
		if err := permission.JWT.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (p *IntentionHTTPPermission) fault(place string) error {
	if p == nil {
		return fault(place + " is required")
	}
	paths := count(p.PathExact != "", p.PathPrefix != "", p.PathRegex != "")
	switch {
	case p.PathExact != "" && !strings.HasPrefix(p.PathExact, "/"):
		return faultf("%s.PathExact doesn't start with '/': %q", place, p.PathExact)
	case p.PathPrefix != "" && !strings.HasPrefix(p.PathPrefix, "/"):
		return faultf("%s.PathPrefix doesn't start with '/': %q", place, p.PathPrefix)
	case paths > 1:
		return fault(place + " should only contain at most one of PathExact, PathPrefix, or PathRegex")
	}
	for n, header := range p.Header {
		if header.Name == "" {
			return faultf("%s.Header[%d] missing required Name field", place, n)
		}
		if ServiceRouteHTTPMatchHeader(header).parts() != 1 {
			return faultf("%s.Header[%d] should only contain one of Present, Exact, Prefix, Suffix, or Regex", place, n)
		}
	}
	if err := methodFault(place+".Methods", p.Methods); err != nil {
		return err
	}
	if paths == 0 && len(p.Header) == 0 && len(p.Methods) == 0 {
		return fault(place + " should not be empty")
	}
	return nil
}
