package mesh

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// MeshConfigEntry has what holds for the whole mesh. Its name is [MeshName].
type MeshConfigEntry struct {
	TransparentProxy                 TransparentProxyMeshConfig `alias:"transparent_proxy"`
	AllowEnablingPermissiveMutualTLS bool                       `json:",omitempty" alias:"allow_enabling_permissive_mutual_tls"`
	ValidateClusters                 bool                       `json:",omitempty" alias:"validate_clusters"`
	TLS                              *MeshTLSConfig             `json:",omitempty"`
	HTTP                             *MeshHTTPConfig            `json:",omitempty"`
	Peering                          *PeeringMeshConfig         `json:",omitempty"`

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// TransparentProxyMeshConfig is for all transparent proxies.
type TransparentProxyMeshConfig struct {
	MeshDestinationsOnly bool `alias:"mesh_destinations_only"`
}

// MeshTLSConfig bounds the TLS of proxies.
type MeshTLSConfig struct {
	Incoming *MeshDirectionalTLSConfig `json:",omitempty"`
	Outgoing *MeshDirectionalTLSConfig `json:",omitempty"`
}

// MeshDirectionalTLSConfig bounds it in one direction.
type MeshDirectionalTLSConfig struct {
	TLSMinVersion string   `json:",omitempty" alias:"tls_min_version"`
	TLSMaxVersion string   `json:",omitempty" alias:"tls_max_version"`
	CipherSuites  []string `json:",omitempty" alias:"cipher_suites"`
}

// MeshHTTPConfig is for all proxies that speak HTTP.
type MeshHTTPConfig struct {
	SanitizeXForwardedClientCert bool `alias:"sanitize_x_forwarded_client_cert"`
}

// PeeringMeshConfig is for peers.
type PeeringMeshConfig struct {
	PeerThroughMeshGateways bool `alias:"peer_through_mesh_gateways"`
}

func (e *MeshConfigEntry) ID() EntryID        { return EntryID{MeshConfig, MeshName} }
func (e *MeshConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *MeshConfigEntry) hash() *uint64      { return &e.Hash }
func (e *MeshConfigEntry) normalize() error   { return nil }

// MarshalJSON implements json.Marshaler: the kind is shown, but no part of the
// hash.
func (e *MeshConfigEntry) MarshalJSON() ([]byte, error) {
	type Alias MeshConfigEntry
	return json.Marshal(struct {
		Kind string
		*Alias
	}{MeshConfig, (*Alias)(e)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *MeshConfigEntry) UnmarshalJSON(data []byte) error {
	type Alias MeshConfigEntry
	return strictly(data, &struct {
		Kind string
		*Alias
	}{Alias: (*Alias)(e)})
}

func (e *MeshConfigEntry) validate() error {
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	if e.TLS == nil {
		return nil
	}
	if err := e.TLS.Incoming.fault(); err != nil {
		return fmt.Errorf("error in incoming TLS configuration: %v", err)
	}
	if err := e.TLS.Outgoing.fault(); err != nil {
		return fmt.Errorf("error in outgoing TLS configuration: %v", err)
	}
	return nil
}

// tlsVersions are those that can be named, from old to new after the first,
// which leaves it to the proxy.
var tlsVersions = []string{"TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"}

// cipherSuites are those that Envoy has.
var cipherSuites = map[string]bool{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": true, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": true,
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": true, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": true,
	"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": true, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": true,
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": true, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": true,
	"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": true, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": true,
	"TLS_RSA_WITH_AES_128_GCM_SHA256": true, "TLS_RSA_WITH_AES_128_CBC_SHA": true,
	"TLS_RSA_WITH_AES_256_GCM_SHA384": true, "TLS_RSA_WITH_AES_256_CBC_SHA": true,
}

func (c *MeshDirectionalTLSConfig) fault() error {
	if c == nil {
		return nil
	}
	for _, version := range []string{c.TLSMinVersion, c.TLSMaxVersion} {
		if version != "" && !slices.Contains(tlsVersions, version) {
			return faultf("no matching TLS version found for %s, please specify one of [%s]", version, strings.Join(tlsVersions, ", "))
		}
	}
	oldest, newest := slices.Index(tlsVersions, c.TLSMinVersion), slices.Index(tlsVersions, c.TLSMaxVersion)
	if oldest > 0 && newest > 0 && newest < oldest {
		return faultf("configuring max version %s less than the configured min version %s is invalid", c.TLSMaxVersion, c.TLSMinVersion)
	}
	if len(c.CipherSuites) == 0 {
		return nil
	}
	if c.TLSMinVersion == "TLSv1_3" {
		return faultf("configuring CipherSuites is only applicable to connections negotiated with TLS 1.2 or earlier, TLSMinVersion is set to %s", c.TLSMinVersion)
	}
	unknown := slices.DeleteFunc(slices.Clone(c.CipherSuites), func(suite string) bool { return cipherSuites[suite] })
	if len(unknown) > 0 {
		return faultf("no matching Envoy TLS cipher suite found for %s", strings.Join(unknown, ","))
	}
	return nil
}
