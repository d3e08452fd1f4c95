package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"unicode"
)

// Config says what kind of registry an agent is. Start from [DevConfig].
type Config struct {
	// HTTPAddr is the host:port that the API listens on. Port 0 takes a free
	// one. The host is an IP address; anything but a loopback address lets
	// other machines read and write the registry.
	HTTPAddr string
	// Node is the name of the machine in the catalog. It may not be empty.
	Node string
	// NodeAddress is the IP address of the machine in the catalog, which is
	// given out for services without an address of their own.
	NodeAddress string
	// Datacenter is the name of the only datacenter there is.
	Datacenter string
	// MaxConnsPerClient is how many connections a client's address may have
	// open at once; one more is answered 429. 0 is no bound. A waiting read
	// holds a connection: more lets one client wait for more services, and
	// take more of the agent's memory.
	MaxConnsPerClient int
	// Pretty indents JSON answers: easier to read, about twice as large.
	Pretty bool
	// EnableDebug serves Go's profiles of the process under /debug/pprof/, to
	// everyone who reaches the API.
	EnableDebug bool
	// Version is muster's own, as it is told to those who ask.
	Version string
	// Logger hears of the agent's doings. Nil means silence.
	Logger *slog.Logger
}

// DevConfig is the configuration of a registry on one machine, in memory, for
// this machine alone: Consul's port on loopback and, as Consul does in dev
// mode, indented answers.
func DevConfig() Config {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return Config{
		HTTPAddr:    "127.0.0.1:8500",
		Node:        host,
		NodeAddress: "127.0.0.1",
		Datacenter:  "dc1",
		Pretty:      true,
		EnableDebug: true,
		Version:     "dev",

		MaxConnsPerClient: 200, // Consul's
	}
}

// Validate returns everything that is wrong with the configuration, or nil.
func (c Config) Validate() error {
	var faults []error
	if host, _, err := net.SplitHostPort(c.HTTPAddr); err != nil {
		faults = append(faults, fmt.Errorf("HTTP address %q: %w", c.HTTPAddr, err))
	} else if _, err := netip.ParseAddr(host); err != nil {
		faults = append(faults, fmt.Errorf("HTTP address %q: the host must be an IP address", c.HTTPAddr))
	}
	if _, err := netip.ParseAddr(c.NodeAddress); err != nil {
		faults = append(faults, fmt.Errorf("node address %q: must be an IP address", c.NodeAddress))
	}
	if c.MaxConnsPerClient < 0 {
		faults = append(faults, fmt.Errorf("connections per client %d: want 0, for no bound, or more", c.MaxConnsPerClient))
	}
	if !isName(c.Node) {
		faults = append(faults, fmt.Errorf("node name %q: must be printable and not empty", c.Node))
	}
	if c.Datacenter == "" || strings.Trim(c.Datacenter, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		faults = append(faults, fmt.Errorf("datacenter %q: must hold only lower-case letters, digits, - and _", c.Datacenter))
	}
	return errors.Join(faults...)
}

func isName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
