package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/go-sockaddr/template"

	"github.com/realjf/muster/agent"
)

// addresses takes where to listen, and as what the node is known.
func (s *settler) addresses(into *agent.Config, dev bool) {
	http, https := defaultRegistryPort, -1
	s.port("ports.http", &http)
	s.port("ports.https", &https)
	clients := []string{"127.0.0.1"}
	if s.has("client_addr") {
		clients = s.expand("client_addr")
		for _, client := range clients {
			if isSocket(client) {
				s.wrong("client_addr", "want IP addresses, got %q: sockets go into addresses.http", client)
			}
		}
		if len(clients) == 0 && !s.faulty["client_addr"] {
			s.warn("client_addr is empty: nothing listens")
		}
	}
	s.whole("ports.server", &into.ServerPort, 1, 65535)
	s.whole("ports.serf_lan", &into.SerfPort, 1, 65535)
	into.HTTPAddr = s.doors("addresses.http", clients, http)
	into.HTTPSAddr = s.doors("addresses.https", clients, https)
	s.dns(into, clients)
	s.text("unix_sockets.user", &into.UnixSockets.User)
	s.text("unix_sockets.group", &into.UnixSockets.Group)
	s.text("unix_sockets.mode", &into.UnixSockets.Mode)

	bind := "0.0.0.0"
	if dev {
		bind = "127.0.0.1"
	}
	s.address("bind_addr", &bind)
	into.NodeAddress = ""
	for _, key := range []string{"advertise_addr_ipv6", "advertise_addr_ipv4", "advertise_addr"} {
		s.address(key, &into.NodeAddress)
	}
	if s.has("advertise_addr") && isEverywhere(into.NodeAddress) {
		s.wrong("advertise_addr", "want the address of this machine, got %s", into.NodeAddress)
		return
	}
	if into.NodeAddress == "" {
		into.NodeAddress = bind
	}
	if isEverywhere(into.NodeAddress) && !s.faulty["bind_addr"] {
		var err error
		into.NodeAddress, err = ownAddress(netip.MustParseAddr(bind))
		switch {
		case errors.Is(err, errNoAddress):
			into.NodeAddress = "127.0.0.1"
			s.warn("bind_addr: %v; the catalog has it as 127.0.0.1, where nobody else reaches it", err)
		case err != nil:
			s.wrong("bind_addr", "%w", err)
		}
	}
	for _, key := range []string{"advertise_addr_wan_ipv6", "advertise_addr_wan_ipv4", "advertise_addr_wan"} {
		s.address(key, &into.WANAddress)
	}
	s.pairs("tagged_addresses", &into.TaggedAddresses)
}

func (s *settler) port(key string, into *int) { s.whole(key, into, -1, 65535) }

// doors returns where to listen: the addresses of a key, or else the clients',
// on a port; nothing when that is negative.
func (s *settler) doors(key string, clients []string, port int) string {
	given := s.expand(key)
	if len(given) == 0 {
		given = clients
	}
	var doors []string
	for _, address := range given {
		switch {
		case isSocket(address):
			doors = append(doors, address) // a socket has no port
		case port >= 0:
			doors = append(doors, net.JoinHostPort(address, strconv.Itoa(port)))
		}
	}
	return strings.Join(doors, " ")
}

func isSocket(address string) bool { return strings.HasPrefix(address, "unix://") }

// expand returns the addresses that a key has, with spaces between them, after
// the templates in it are filled in.
func (s *settler) expand(key string) []string {
	var given string
	s.text(key, &given)
	filled, err := template.Parse(given)
	if err != nil {
		s.wrong(key, "%q: %w", given, err)
		return nil
	}
	var all []string
	for _, address := range strings.Fields(filled) {
		if isSocket(address) {
			all = append(all, address)
			continue
		}
		ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
		if err != nil || strings.ContainsAny(ip.Zone(), "[]") { // which no host and port could be told from
			s.wrong(key, "want IP addresses, got %q", address)
			continue
		}
		all = append(all, ip.String())
	}
	return all
}

// address takes the one IP address that a key may have.
func (s *settler) address(key string, into *string) {
	before := len(s.faults)
	all := s.expand(key)
	switch {
	case len(s.faults) > before:
	case len(all) > 1 || len(all) == 1 && isSocket(all[0]):
		s.wrong(key, "want one IP address, got %s", strings.Join(all, " "))
	case len(all) == 1:
		*into = all[0]
	case s.has(key) && asks(s.root.At(key).Value):
		s.warn("%s: there is no such address on this machine, and it is as if it were not given", key)
	}
}

// isEverywhere reports whether an address is that of all interfaces.
func isEverywhere(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && ip.IsUnspecified()
}

// ownAddress returns the address of this machine that others may be told where
// it listens on all of them: the only private IPv4 address, or for all of IPv6
// the only public IPv6 address. The rule is Consul's.
func ownAddress(everywhere netip.Addr) (string, error) {
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("ask for this machine's addresses: %w", err)
	}
	var found []string
	for _, one := range interfaces {
		prefix, err := netip.ParsePrefix(one.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr()
		private := ip.IsPrivate() || shared.Contains(ip)
		if everywhere.Is4() && ip.Is4() && private || everywhere.Is6() && ip.Is6() && ip.IsGlobalUnicast() && !private {
			found = append(found, ip.String())
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return "", errNoAddress
	default:
		return "", fmt.Errorf("this machine has several addresses (%s); choose one with bind_addr or advertise_addr", strings.Join(found, ", "))
	}
}

var errNoAddress = errors.New("this machine has no private IPv4 or public IPv6 address to give to others (bind_addr, advertise_addr)")

// shared is the address space of carriers (RFC 6598), private for Consul.
var shared = netip.MustParsePrefix("100.64.0.0/10")
