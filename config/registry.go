package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover/consul"
)

// Where a registry is looked for when nobody says otherwise.
const (
	defaultRegistryHost = "127.0.0.1"
	defaultRegistryPort = 8500
)

// Mode is which registry to use.
type Mode string

// The modes.
const (
	Auto     Mode = "auto"     // a running one; when none was named and none is there, embedded
	Embedded Mode = "embedded" // one inside of this process
	Consul   Mode = "consul"   // a running one
)

// Registry says which registry to use and how to reach it.
type Registry struct {
	Mode Mode
	// Address is host:port, or in the forms of CONSUL_HTTP_ADDR a URL or
	// unix:///path.
	Address string
	// Named reports whether somebody said where the registry is, so that it
	// would be wrong to make do with another one.
	Named      bool
	TLS        bool   // whether to speak HTTPS
	Token      string // "" leaves it to Consul's environment variables
	Datacenter string // "" is the registry's own
}

// Client returns the settings of a client of the registry. What they do not
// say, Consul's environment variables do.
func (r Registry) Client() *api.Config {
	client := api.DefaultConfig()
	client.Address = r.Address
	client.Datacenter = r.Datacenter
	if r.Token != "" {
		client.Token = r.Token
		client.TokenFile = "" // would win over the token
	}
	return client
}

// HostPort returns the host and port of the registry's address; ok is false
// when it has none, as a Unix socket.
func (r Registry) HostPort() (hostPort string, ok bool) {
	rest := r.Address
	if scheme, after, found := strings.Cut(rest, "://"); found {
		if scheme == "unix" {
			return "", false
		}
		rest, _, _ = strings.Cut(after, "/")
	}
	if _, _, err := net.SplitHostPort(rest); err == nil {
		return rest, true
	}
	port := "80"
	if r.TLS {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(rest, "[]"), port), true
}

// read looks at what the flags and Consul's environment variables say.
func (r *Registry) read(given raw, set func(flag string) bool) (err error) {
	if r.Mode, err = oneOf("registry", given.mode, Auto, Embedded, Consul); err != nil {
		return err
	}
	for _, name := range []string{api.HTTPSSLEnvName, api.HTTPSSLVerifyEnvName} {
		// Consul's client would only log this, and speak plain HTTP.
		if value := os.Getenv(name); value != "" {
			if _, err := strconv.ParseBool(value); err != nil {
				return fmt.Errorf("%w: %s=%q: want true or false", ErrUsage, name, value)
			}
		}
	}
	host, err := parseHost("consul.host", given.host)
	if err != nil {
		return err
	}
	leastPort := 1
	if r.Mode == Embedded {
		leastPort = 0 // any free one
	}
	if err := checkPort("consul.port", given.port, leastPort); err != nil {
		return err
	}

	consulAddress := os.Getenv(api.HTTPAddrEnvName)
	switch {
	case host != "" || set("consul.port") || consulAddress == "":
		r.Named = host != "" || set("consul.port")
		r.Address = net.JoinHostPort(cmp.Or(host, defaultRegistryHost), strconv.Itoa(given.port))
	default:
		r.Named = true
		r.Address = consulAddress
	}
	r.TLS = api.DefaultConfig().Scheme == "https" || strings.HasPrefix(r.Address, "https://")
	if r.TLS {
		r.Named = true // who asks for TLS has a certain registry in mind
	}
	if r.Mode == Embedded {
		return r.checkEmbedded()
	}
	r.Address, err = checkAddress(api.HTTPAddrEnvName, r.Address)
	return err
}

// checkEmbedded refuses what the embedded registry cannot do.
func (r *Registry) checkEmbedded() error {
	if r.TLS || strings.Contains(r.Address, "://") {
		return fmt.Errorf("%w: -registry embedded speaks plain HTTP on host:port: unset %s and %s, or use -registry consul",
			ErrUsage, api.HTTPAddrEnvName, api.HTTPSSLEnvName)
	}
	return nil
}

// checkAddress returns an address, which has this name, as Consul's client is to
// have it, and refuses one that it cannot use.
func checkAddress(name, address string) (string, error) {
	tidy, err := consul.Address(address)
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrUsage, name, err)
	}
	return tidy, err
}

// parseHost returns host without the brackets that an IPv6 address may have.
func parseHost(flag, host string) (string, error) {
	if host == "" {
		return "", nil
	}
	bare := host
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		bare = host[1 : len(host)-1]
		if ip, err := netip.ParseAddr(bare); err != nil || !ip.Is6() {
			return "", wrong(flag, host, "only an IPv6 address may stand in brackets")
		}
	}
	if _, err := netip.ParseAddr(bare); err == nil {
		return bare, nil
	}
	switch {
	case strings.Contains(bare, "/"):
		return "", wrong(flag, host, "give a name or an address, not a URL")
	case strings.Contains(bare, ":"):
		return "", wrong(flag, host, "give the port with -%s.port", strings.TrimSuffix(flag, ".host"))
	case strings.ContainsFunc(bare, notInHost):
		return "", wrong(flag, host, "want a host name, an IPv4 or an IPv6 address")
	}
	return bare, nil
}

// notInHost reports whether r cannot be part of a host name. Names that are
// not strictly valid (with "_", or not in ASCII) are left to the resolver.
func notInHost(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"'\?#@[]%&`, r) }
