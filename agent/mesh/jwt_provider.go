package mesh

import (
	"encoding/base64"
	"net/url"
	"slices"
	"time"
)

// JWTProviderConfigEntry is one who gives out the tokens that intentions ask
// for, and says how a proxy checks them.
type JWTProviderConfigEntry struct {
	Kind             string               `json:",omitempty"`
	Name             string               `json:",omitempty"`
	JSONWebKeySet    *JSONWebKeySet       `json:",omitempty" alias:"json_web_key_set"`
	Issuer           string               `json:",omitempty"`
	Audiences        []string             `json:",omitempty"`
	Locations        []*JWTLocation       `json:",omitempty"` // Envoy's by default
	Forwarding       *JWTForwardingConfig `json:",omitempty"`
	ClockSkewSeconds int                  `json:",omitempty" alias:"clock_skew_seconds"` // 30 by default
	CacheConfig      *JWTCacheConfig      `json:",omitempty" alias:"cache_config"`

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// JSONWebKeySet is where the keys are that tokens are signed with: one of both.
type JSONWebKeySet struct {
	Local  *LocalJWKS  `json:",omitempty"`
	Remote *RemoteJWKS `json:",omitempty"`
}

// LocalJWKS is a key set at hand, in base64, or in a file beside the proxy.
type LocalJWKS struct {
	JWKS     string `json:",omitempty"`
	Filename string `json:",omitempty"`
}

// RemoteJWKS is a key set that a server has.
type RemoteJWKS struct {
	URI                 string           `json:",omitempty"`
	RequestTimeoutMs    int              `json:",omitempty" alias:"request_timeout_ms"`
	CacheDuration       time.Duration    `json:",omitempty" alias:"cache_duration"`
	FetchAsynchronously bool             `json:",omitempty" alias:"fetch_asynchronously"`
	RetryPolicy         *JWKSRetryPolicy `json:",omitempty" alias:"retry_policy"`
	JWKSCluster         *JWKSCluster     `json:",omitempty" alias:"jwks_cluster"`
}

// JWKSCluster says how a proxy reaches that server.
type JWKSCluster struct {
	DiscoveryType   ClusterDiscoveryType `json:",omitempty" alias:"discovery_type"`
	TLSCertificates *JWKSTLSCertificate  `json:",omitempty" alias:"tls_certificates"`
	ConnectTimeout  time.Duration        `json:",omitempty" alias:"connect_timeout"`
}

// ClusterDiscoveryType is how Envoy finds that server.
type ClusterDiscoveryType string

// JWKSTLSCertificate says whose certificates that server may have: one of both.
type JWKSTLSCertificate struct {
	CaCertificateProviderInstance *JWKSTLSCertProviderInstance `json:",omitempty" alias:"ca_certificate_provider_instance"`
	TrustedCA                     *JWKSTLSCertTrustedCA        `json:",omitempty" alias:"trusted_ca"`
}

// JWKSTLSCertProviderInstance names a provider of certificates of Envoy's.
type JWKSTLSCertProviderInstance struct {
	InstanceName    string `json:",omitempty" alias:"instance_name"`
	CertificateName string `json:",omitempty" alias:"certificate_name"`
}

// JWKSTLSCertTrustedCA is where an authority's certificates are: one of all.
type JWKSTLSCertTrustedCA struct {
	Filename            string `json:",omitempty" alias:"filename"`
	EnvironmentVariable string `json:",omitempty" alias:"environment_variable"`
	InlineString        string `json:",omitempty" alias:"inline_string"`
	InlineBytes         []byte `json:",omitempty" alias:"inline_bytes"`
}

// JWKSRetryPolicy says how often a key set is asked for again.
type JWKSRetryPolicy struct {
	NumRetries         int                 `json:",omitempty" alias:"num_retries"`
	RetryPolicyBackOff *RetryPolicyBackOff `json:",omitempty" alias:"retry_policy_back_off"`
}

// RetryPolicyBackOff says how long to wait in between.
type RetryPolicyBackOff struct {
	BaseInterval time.Duration `json:",omitempty" alias:"base_interval"`
	MaxInterval  time.Duration `json:",omitempty" alias:"max_interval"`
}

// JWTLocation is where a request has its token: one of the three.
type JWTLocation struct {
	Header     *JWTLocationHeader     `json:",omitempty"`
	QueryParam *JWTLocationQueryParam `json:",omitempty" alias:"query_param"`
	Cookie     *JWTLocationCookie     `json:",omitempty"`
}

// JWTLocationHeader is a header.
type JWTLocationHeader struct {
	Name        string `json:",omitempty"`
	ValuePrefix string `json:",omitempty" alias:"value_prefix"`
	Forward     bool   `json:",omitempty"`
}

// JWTLocationQueryParam is a parameter of the query.
type JWTLocationQueryParam struct {
	Name string `json:",omitempty"`
}

// JWTLocationCookie is a cookie.
type JWTLocationCookie struct {
	Name string `json:",omitempty"`
}

// JWTForwardingConfig says in which header a service gets the token.
type JWTForwardingConfig struct {
	HeaderName              string `json:",omitempty" alias:"header_name"`
	PadForwardPayloadHeader bool   `alias:"pad_forward_payload_header"`
}

// JWTCacheConfig says of how many tokens a proxy remembers that they are good.
type JWTCacheConfig struct {
	Size int `json:",omitempty"`
}

func (e *JWTProviderConfigEntry) ID() EntryID        { return EntryID{JWTProvider, e.Name} }
func (e *JWTProviderConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *JWTProviderConfigEntry) hash() *uint64      { return &e.Hash }

func (e *JWTProviderConfigEntry) normalize() error {
	e.Kind, e.Locations = JWTProvider, present(e.Locations)
	orElse(&e.ClockSkewSeconds, 30)
	return nil
}

func (e *JWTProviderConfigEntry) validate() error {
	if e.Name == "" {
		return errNoName
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	if e.JSONWebKeySet == nil {
		return fault("JSONWebKeySet is required")
	}
	if err := e.JSONWebKeySet.validate(); err != nil {
		return err
	}
	var found faults
	for _, location := range e.Locations {
		found.add(location.validate())
	}
	if len(found) > 0 {
		return found
	}
	if e.Forwarding != nil && e.Forwarding.HeaderName == "" {
		return fault("Header name required for forwarding config")
	}
	return nil
}

// one reports whether just one is true.
func one(each ...bool) bool {
	count := 0
	for _, is := range each {
		if is {
			count++
		}
	}
	return count == 1
}

func (s *JSONWebKeySet) validate() error {
	switch {
	case !one(s.Local != nil, s.Remote != nil):
		return fault("must specify exactly one of Local or Remote JSON Web key set")
	case s.Remote != nil:
		return s.Remote.validate()
	case !one(s.Local.JWKS != "", s.Local.Filename != ""):
		return fault("must specify exactly one of String or filename for local keyset")
	}
	if _, err := base64.StdEncoding.DecodeString(s.Local.JWKS); err != nil {
		return fault("JWKS must be valid base64 encoded string")
	}
	return nil
}

func (s *RemoteJWKS) validate() error {
	if s.URI == "" {
		return fault("Remote JWKS URI is required")
	}
	if _, err := url.ParseRequestURI(s.URI); err != nil {
		return faultf("Remote JWKS URI is invalid: %v, uri: %s", err, s.URI)
	}
	if s.RetryPolicy != nil && s.RetryPolicy.RetryPolicyBackOff != nil {
		if pause := s.RetryPolicy.RetryPolicyBackOff; pause.MaxInterval != 0 && pause.BaseInterval > pause.MaxInterval {
			return fault("retry policy backoff's MaxInterval should be greater or equal to BaseInterval")
		}
	}
	if s.JWKSCluster == nil {
		return nil
	}
	known := []ClusterDiscoveryType{"", "STRICT_DNS", "STATIC", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"}
	if !slices.Contains(known, s.JWKSCluster.DiscoveryType) {
		return faultf("unsupported jwks cluster discovery type: %q", s.JWKSCluster.DiscoveryType)
	}
	return s.JWKSCluster.TLSCertificates.validate()
}

func (c *JWKSTLSCertificate) validate() error {
	switch {
	case c == nil:
		return nil
	case !one(c.CaCertificateProviderInstance != nil, c.TrustedCA != nil):
		return fault("must specify exactly one of: CaCertificateProviderInstance or TrustedCA for JKWS' TLSCertificates")
	}
	if ca := c.TrustedCA; ca != nil && !one(ca.Filename != "", ca.EnvironmentVariable != "", ca.InlineString != "", len(ca.InlineBytes) > 0) {
		return fault("must specify exactly one of: Filename, EnvironmentVariable, InlineString or InlineBytes for JWKS' TrustedCA")
	}
	return nil
}

func (l *JWTLocation) validate() error {
	switch {
	case !one(l.Header != nil, l.QueryParam != nil, l.Cookie != nil):
		return fault("must set exactly one of: JWT location header, query param or cookie")
	case l.Header != nil && l.Header.Name == "":
		return fault("JWT location header name must be specified")
	case l.Cookie != nil && l.Cookie.Name == "":
		return fault("JWT location cookie name must be specified")
	case l.QueryParam != nil && l.QueryParam.Name == "":
		return fault("JWT location query param name must be specified")
	default:
		return nil
	}
}

// MissingProviders returns an error for each provider of tokens that an entry
// refers to and that there is not.
func MissingProviders(e *ServiceIntentionsConfigEntry, entries Entries) error {
	var found faults
	for _, name := range e.Providers() {
		if entries.ConfigEntry(EntryID{JWTProvider, name}) == nil {
			found.addf("Referenced JWT Provider does not exist. Provider Name: %s", name)
		}
	}
	return found.err()
}

// ProviderInUse returns an error when one of the intentions refers to the
// provider of tokens with the name.
func ProviderInUse(name string, intentions []Entry) error {
	for _, entry := range intentions {
		if slices.Contains(entry.(*ServiceIntentionsConfigEntry).Providers(), name) {
			return faultf("cannot delete jwt provider config entry referenced by an intention. Provider name: %s, intention name: %s", name, entry.ID().Name)
		}
	}
	return nil
}
