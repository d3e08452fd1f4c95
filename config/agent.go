package config

import (
	"fmt"
	"net"
	"runtime/debug"
	"strconv"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
)

// Agent is how muster agent runs.
type Agent struct {
	Registry agent.Config // without its logger
	Log      Log
}

// AgentFlags returns the flags of muster agent, named like those of consul
// agent, and a function that returns what they were set to once the command
// has parsed them. Its error wraps [ErrUsage].
func AgentFlags() ([]cli.Flag, func() (Agent, error)) {
	a := &Agent{Registry: agent.DevConfig()}
	var dev, logJSON bool
	var client, logLevel string
	var port int
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "dev", Destination: &dev,
			Usage: "keep everything in memory, for this machine alone", Sources: env("AGENT_DEV")},
		&cli.StringFlag{Name: "client", Value: "127.0.0.1", Destination: &client,
			Usage: "IP `ADDRESS` to listen on; any but a loopback address lets other machines in", Sources: env("AGENT_CLIENT")},
		&cli.IntFlag{Name: "http-port", Value: defaultRegistryPort, Destination: &port,
			Usage: "`PORT` of the HTTP API and the web page; 0 takes a free one", Sources: env("AGENT_HTTP_PORT")},
		&cli.StringFlag{Name: "node", Value: a.Registry.Node, Destination: &a.Registry.Node,
			Usage: "`NAME` of this machine in the catalog", Sources: env("AGENT_NODE")},
		&cli.StringFlag{Name: "advertise", Value: a.Registry.NodeAddress, Destination: &a.Registry.NodeAddress,
			Usage: "IP `ADDRESS` of this machine in the catalog", Sources: env("AGENT_ADVERTISE")},
		&cli.StringFlag{Name: "datacenter", Value: a.Registry.Datacenter, Destination: &a.Registry.Datacenter,
			Usage: "`NAME` of the datacenter", Sources: env("AGENT_DATACENTER")},
		&cli.IntFlag{Name: "http-max-conns-per-client", Value: a.Registry.MaxConnsPerClient, Destination: &a.Registry.MaxConnsPerClient,
			Usage: "`NUMBER` of connections that one client address may have open; 0 for no bound", Sources: env("AGENT_HTTP_MAX_CONNS_PER_CLIENT")},
		&cli.StringFlag{Name: "log-level", Value: "info", Destination: &logLevel,
			Usage: "least `LEVEL` to log: debug, info, warn or error", Sources: env("LOG_LEVEL")},
		&cli.BoolFlag{Name: "log-json", Destination: &logJSON,
			Usage: "log a JSON object per line", Sources: env("AGENT_LOG_JSON")},
	}
	return flags, func() (Agent, error) {
		if !dev {
			return *a, fmt.Errorf("%w: give -dev: a registry in memory is the only kind there is yet", ErrUsage)
		}
		host, err := parseHost("client", client)
		if err != nil {
			return *a, err
		}
		if err := checkPort("http-port", port, 0); err != nil {
			return *a, err
		}
		a.Registry.HTTPAddr = net.JoinHostPort(host, strconv.Itoa(port))
		a.Registry.Version = Version()
		if err := a.Registry.Validate(); err != nil {
			return *a, fmt.Errorf("%w: %w", ErrUsage, err)
		}
		a.Log.Format = Logfmt
		if logJSON {
			a.Log.Format = JSON
		}
		a.Log.Level, err = parseLevel("log-level", logLevel)
		return *a, err
	}
}

// Version returns the version that the program was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
