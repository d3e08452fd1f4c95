package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/agent/credential"
	"github.com/realjf/muster/agent/dns"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/agent/telemetry"
)

// Config says what kind of registry an agent is. Start from [DevConfig].
type Config struct {
	// HTTPAddr is what the API listens on: host:port or unix:///path, or
	// several of them with spaces between. Port 0 takes a free one. The host is
	// an IP address; anything but a loopback address lets other machines read
	// and write the registry. Empty is none.
	HTTPAddr string
	// Listeners are what the API listens on beside HTTPAddr, over HTTP: bound by
	// the caller, and closed by the agent. They may be of any network.
	Listeners []net.Listener
	// Front puts something before all rooms that speak HTTP: it is given their
	// handler and returns the one that is asked in its place. Nil puts nothing.
	Front func(rooms http.Handler) http.Handler
	// HTTPSAddr is the same for the API over TLS, for which TLS says how.
	HTTPSAddr string
	// TLS has the files of the certificate, and of those who sign the clients'.
	// They are read again when they change.
	TLS credential.Settings
	// UnixSockets says whose the sockets are, and who may use them.
	UnixSockets UnixSockets

	// DNSAddr is what DNS listens on, over UDP and TCP: host:port, or several of
	// them with spaces between. Port 0 takes a free one. Empty is none.
	DNSAddr string
	// DNSIfFree goes on without DNS, and with a warning, when its address is in
	// use: for those who did not ask for it.
	DNSIfFree bool
	// DNSTLSAddr is what DNS over TLS listens on (RFC 7858), for which DNSTLS says
	// how. Empty is none.
	DNSTLSAddr string
	DNSTLS     credential.Settings
	// Domain is the zone of its names, "consul" by default; AltDomain is another
	// one, with the same names.
	Domain    string
	AltDomain string
	// DNS says how it answers.
	DNS dns.Settings

	// DataDir is a folder in which everything is kept: what was acknowledged is
	// there after any end of the process or of the machine. One agent at a time
	// can use it ([journal.ErrInUse]). Empty keeps everything in memory.
	DataDir string
	// CutDamaged goes on without the part of DataDir that is damaged and what was
	// written after it, where [New] fails with [journal.Damaged] otherwise.
	CutDamaged bool

	// Node is the name of the machine in the catalog. It may not be empty.
	Node string
	// NodeID is its id, a UUID; empty takes a random one.
	NodeID string
	// NodeMeta is what else the catalog has of it, within Consul's limits.
	NodeMeta map[string]string
	// NodeAddress is the IP address of the machine in the catalog, which is
	// given out for services without an address of their own.
	NodeAddress string
	// WANAddress is its IP address for other datacenters; NodeAddress by
	// default. TaggedAddresses are more of its addresses, by name.
	WANAddress      string
	TaggedAddresses map[string]string
	// Datacenter is the name of the only datacenter there is.
	Datacenter string
	// MaxConnsPerClient is how many connections a client's address may have
	// open at once; one more is answered 429. 0 is no bound. A waiting read
	// holds a connection: more lets one client wait for more services, and
	// take more of the agent's memory.
	MaxConnsPerClient int
	// Limits bound the size of keys and transactions, and how many requests are
	// let in per second.
	Limits api.Limits
	// MaxHeaderBytes is how large the head of a request may be; 0 is Go's 1 MiB.
	MaxHeaderBytes int
	// ResponseHeaders are sent with every answer.
	ResponseHeaders map[string]string
	// BlockEndpoints are beginnings of paths that are answered 403.
	BlockEndpoints []string
	// AllowWriteFrom are the networks whose requests may do more than read; all
	// when there are none. A Unix socket is in none.
	AllowWriteFrom []netip.Prefix

	// HTTPToken is a token that every request must carry, and HTTPTokenFile a file
	// with one in each line, all of which are accepted; it is read again when it
	// changes. Empty demand none, and let everyone in who reaches the API.
	HTTPToken     string
	HTTPTokenFile string
	// HTTPHosts are names by which browsers may call the registry beside those it
	// knows by itself; one that begins with a dot is all names below it.
	HTTPHosts []string

	// Services and Checks are announced from the start.
	Services []Definition
	Checks   []Definition
	// ServerPort and SerfPort are told to who asks for the leader, for members
	// and for the service consul; 8300 and 8301 by default. Nothing listens there.
	ServerPort int
	SerfPort   int
	// ConfigEntries are what is stored of the mesh at the start. Their bodies
	// are those of /v1/config.
	ConfigEntries []Definition
	// MinSessionTTL is the least TTL that a session may have; 0 is 10 seconds.
	MinSessionTTL time.Duration
	// DefaultWait is how long a read waits that does not say, and LongestWait how
	// long one may wait; 0 is 5 and 10 minutes.
	DefaultWait time.Duration
	LongestWait time.Duration
	// SidecarPorts are those that sidecars get which name none; Consul's 21000
	// to 21255 by default. Negative ones give none.
	SidecarPorts local.PortRange
	// TrustDomain is the mesh's, by which proxies know each other; that of a
	// Consul in dev mode by default.
	TrustDomain string
	// ProxiesAsRegistered shows proxies and gateways as they were registered;
	// by default config entries say what their registration does not.
	ProxiesAsRegistered bool
	// RemoteScripts lets everyone who may write register checks that run a
	// program: whoever reaches the API can then run anything on this machine.
	// LocalScripts lets Services and Checks have such checks.
	RemoteScripts bool
	LocalScripts  bool
	// CheckOutputMaxSize is how many bytes of a check's output are kept at most,
	// whatever its definition says; 0 is 4096. DiscardCheckOutput keeps none.
	CheckOutputMaxSize int
	DiscardCheckOutput bool
	// CheckUpdateInterval is how long the catalog may keep an old output of a
	// check whose status stays the same; 0 is 5 minutes.
	CheckUpdateInterval time.Duration
	// CheckFlapDamping holds back the recovery of checks that turn critical more
	// often than once in this time, where they do not say otherwise; 0 for none.
	CheckFlapDamping time.Duration

	// Telemetry says what the figures about the agent are called.
	Telemetry telemetry.Config
	// Pretty indents JSON answers: easier to read, about twice as large.
	Pretty bool
	// DiscoveryMaxStale is how old the answers about catalog and health may be
	// that ask for nothing else. With one server nothing is ever old: above 0,
	// answers say that they are stale, as Consul's do.
	DiscoveryMaxStale time.Duration
	// EnableDebug serves Go's profiles of the process under /debug/pprof/, to
	// everyone who reaches the API.
	EnableDebug bool
	// Version is muster's own, as it is told to those who ask.
	Version string
	// Logger hears of the agent's doings. Nil means silence.
	Logger *slog.Logger
	// Stay keeps clients from ending the agent: for one that is part of a larger
	// program, and ends with it.
	Stay bool
	// Reload is called when a client asks for the configuration to be read
	// again, and is to call [Agent.Reconfigure]. It may be called at once from
	// several goroutines. Nil means that there is nothing to read.
	Reload func() error
}

// UnixSockets says whose Unix sockets are. Empty fields leave things as they
// come.
type UnixSockets struct {
	User  string // name or id
	Group string // name or id
	Mode  string // permissions, in octal
}

// Definition is a service, a check or a config entry of the configuration.
type Definition struct {
	// Where says where it stands, for errors: "web.hcl:3: services[0]".
	Where string
	// Body is what would register or store it over HTTP.
	Body json.RawMessage
}

// DevConfig is the configuration of a registry on one machine, in memory, for
// this machine alone: Consul's ports on loopback and, as Consul does in dev
// mode, indented answers.
func DevConfig() Config {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return Config{
		HTTPAddr:    "127.0.0.1:8500",
		DNSAddr:     "127.0.0.1:8600",
		Node:        host,
		NodeAddress: "127.0.0.1",
		Datacenter:  "dc1",
		Pretty:      true,
		EnableDebug: true,
		Version:     "dev",
		DNS:         dns.Defaults(),

		MaxConnsPerClient: 200, // Consul's
	}
}

// Validate returns everything that is wrong with the configuration, as
// [Faults], or nil.
func (c Config) Validate() error {
	var faults Faults
	wrong := func(field, setting, format string, args ...any) {
		faults = append(faults, Fault{setting, keys[field], fmt.Errorf(format, args...)})
	}
	if _, err := doors(c.HTTPAddr); err != nil {
		wrong("HTTPAddr", "HTTP address", "%q: %w", c.HTTPAddr, err)
	}
	if _, err := doors(c.HTTPSAddr); err != nil {
		wrong("HTTPSAddr", "HTTPS address", "%q: %w", c.HTTPSAddr, err)
	}
	if _, err := sockets(c.DNSAddr); err != nil {
		wrong("DNSAddr", "DNS address", "%q: %w", c.DNSAddr, err)
	}
	for field, domain := range map[string]string{"Domain": c.Domain, "AltDomain": c.AltDomain} {
		if !dns.ValidDomain(domain) {
			wrong(field, "DNS domain", "%q: want a name like example.org", domain)
		}
	}
	if err := c.DNS.Valid(); err != nil {
		wrong("DNS", "DNS:", "%w", err)
	}
	if _, err := sockets(c.DNSTLSAddr); err != nil {
		wrong("DNSTLSAddr", "DNS over TLS address", "%q: %w", c.DNSTLSAddr, err)
	}
	for _, side := range []struct {
		setting, protocol, addresses string
		files                        credential.Settings
	}{{"HTTPS", "https", c.HTTPSAddr, c.TLS}, {"DNS over TLS", "dns", c.DNSTLSAddr, c.DNSTLS}} {
		if side.addresses == "" {
			continue
		}
		if _, err := side.files.Read(); err != nil {
			faults = append(faults, Fault{side.setting + ":", fileKeys(side.protocol, err), err})
		}
	}
	if _, err := c.UnixSockets.mode(); err != nil {
		wrong("UnixSockets", "Unix sockets:", "%w", err)
	}
	if _, err := netip.ParseAddr(c.NodeAddress); err != nil {
		wrong("NodeAddress", "node address", "%q: must be an IP address", c.NodeAddress)
	}
	if _, err := netip.ParseAddr(c.WANAddress); c.WANAddress != "" && err != nil {
		wrong("WANAddress", "node address for other datacenters", "%q: must be an IP address", c.WANAddress)
	}
	if _, err := uuid.Parse(c.NodeID); c.NodeID != "" && (err != nil || len(c.NodeID) != 36) {
		wrong("NodeID", "node id", "%q: must be a UUID, 36 characters long", c.NodeID)
	}
	if err := api.ValidateNodeMeta(c.NodeMeta); err != nil {
		wrong("NodeMeta", "node meta:", "%w", err)
	}
	if err := c.Limits.Valid(); err != nil {
		wrong("Limits", "limits:", "%w", err)
	}
	if c.MaxConnsPerClient < 0 {
		wrong("MaxConnsPerClient", "connections per client", "%d: want 0, for no bound, or more", c.MaxConnsPerClient)
	}
	if c.HTTPToken != "" && !isToken(c.HTTPToken) {
		wrong("HTTPToken", "HTTP token:", "%w", errToken)
	}
	if _, err := readTokens(c.HTTPTokenFile); err != nil {
		wrong("HTTPTokenFile", "file of HTTP tokens:", "%w", err)
	}
	if c.Node == "" || !state.Printable(c.Node) {
		wrong("Node", "node name", "%q: must be printable and not empty", c.Node)
	}
	if c.Datacenter == "" || strings.Trim(c.Datacenter, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		wrong("Datacenter", "datacenter", "%q: must hold only lower-case letters, digits, - and _", c.Datacenter)
	}
	_, misdefined := c.announced()
	_, misplaced := c.entries()
	for _, err := range []error{misdefined, misplaced} {
		if all, several := err.(interface{ Unwrap() []error }); several {
			faults = append(faults, all.Unwrap()...)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// guarded reports whether every request must carry a token.
func (c Config) guarded() bool { return c.HTTPToken != "" || c.HTTPTokenFile != "" }

// dnsSettings are how DNS answers. Questions carry no token: where one is
// demanded, only those of this machine are answered, unless others are named.
func (c Config) dnsSettings() dns.Settings {
	settings := c.DNS
	if c.guarded() && len(settings.AnswerFrom) == 0 {
		settings.AnswerFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return settings
}
