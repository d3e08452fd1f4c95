package config

import (
	"time"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// Serve is how muster serve runs.
type Serve struct {
	Service  Service
	Check    Check
	Registry Registry
	Log      Log
}

// Service is what is served and announced.
type Service struct {
	Name string
	// Host is where to listen and what to announce; "" when nobody said, and
	// then it depends on where the registry is.
	Host string
	Port int // 0 means any free port
	Tags []string
	Meta map[string]string
}

// Check is how the registry looks after the service.
type Check struct {
	Interval time.Duration // between two checks; at least a second
	// DeregisterAfter is how long the service may be critical before the
	// registry forgets it; 0 means for ever.
	DeregisterAfter time.Duration
}

// raw holds what the flags were given, until it has been looked at.
type raw struct {
	mode      string
	host      string
	port      int
	logLevel  string
	logFormat string
}

// ServeFlags returns the flags of muster serve, which is the whole table of
// its settings, and a function that returns what they were set to once cmd
// has parsed them. Its error wraps [ErrUsage].
func ServeFlags() ([]cli.Flag, func(cmd *cli.Command) (Serve, error)) {
	s, r := new(Serve), new(raw)
	flags := []cli.Flag{
		&cli.StringFlag{Name: "service.name", Value: "SayHello", Destination: &s.Service.Name,
			Usage: "`NAME` under which the service is found", Sources: env("SERVICE_NAME"), Category: "service"},
		&cli.StringFlag{Name: "service.host", Destination: &s.Service.Host, DefaultText: "127.0.0.1, or the address that routes to a registry on another machine",
			Usage: "`ADDRESS` to listen on and announce; 0.0.0.0 or :: listens on all", Sources: env("SERVICE_HOST"), Category: "service"},
		&cli.IntFlag{Name: "service.port", Value: 12000, Destination: &s.Service.Port,
			Usage: "`PORT` to listen on and announce; 0 takes a free one", Sources: env("SERVICE_PORT"), Category: "service"},
		&cli.GenericFlag{Name: "service.tags", Value: textList{&s.Service.Tags},
			Usage: "`TAGS` to announce, separated by commas or repeated; one that holds a comma in \"quotes\"", Sources: env("SERVICE_TAGS"), Category: "service"},
		&cli.GenericFlag{Name: "service.meta", Value: textPairs{&s.Service.Meta},
			Usage: "`KEY=VALUE` to announce, separated by commas or repeated; one that holds a comma in \"quotes\"", Sources: env("SERVICE_META"), Category: "service"},

		&cli.DurationFlag{Name: "check.interval", Value: announce.DefaultCheckInterval, Destination: &s.Check.Interval,
			Usage: "`TIME` between two health checks", Sources: env("CHECK_INTERVAL"), Category: "check"},
		&cli.DurationFlag{Name: "check.deregister-after", Value: 30 * time.Second, Destination: &s.Check.DeregisterAfter,
			Usage: "`TIME` after which an instance that stays critical is removed, 0 for never; Consul raises it to 1m", Sources: env("CHECK_DEREGISTER_AFTER"), Category: "check"},

		&cli.StringFlag{Name: "registry", Value: string(Auto), Destination: &r.mode,
			Usage: "which `REGISTRY` to use: embedded (in this process), consul (a running one, waited for if it is not there yet), or auto: the same where one was named or runs at the default address, and else embedded", Sources: env("REGISTRY"), Category: "registry"},
		&cli.StringFlag{Name: "consul.host", Destination: &r.host, DefaultText: defaultRegistryHost,
			Usage: "`HOST` of the registry: a name, an IPv4 or an IPv6 address; by default what CONSUL_HTTP_ADDR says, as with Consul's other variables", Sources: env("CONSUL_HOST"), Category: "registry"},
		&cli.IntFlag{Name: "consul.port", Value: defaultRegistryPort, Destination: &r.port,
			Usage: "`PORT` of the registry's HTTP API", Sources: env("CONSUL_PORT"), Category: "registry"},
		&cli.StringFlag{Name: "consul.token", Destination: &s.Registry.Token, HideDefault: true,
			Usage: "`TOKEN` for the registry", Sources: env("CONSUL_TOKEN"), Category: "registry"},
		&cli.StringFlag{Name: "consul.datacenter", Destination: &s.Registry.Datacenter, DefaultText: "the registry's own",
			Usage: "`DATACENTER` to find services in", Sources: env("CONSUL_DATACENTER"), Category: "registry"},

		&cli.StringFlag{Name: "log.level", Value: "info", Destination: &r.logLevel,
			Usage: "least `LEVEL` to log: debug, info, warn or error", Sources: env("LOG_LEVEL"), Category: "log"},
		&cli.StringFlag{Name: "log.format", Value: string(Logfmt), Destination: &r.logFormat,
			Usage: "`FORMAT` of the log: logfmt or json", Sources: env("LOG_FORMAT"), Category: "log"},
	}
	return flags, func(cmd *cli.Command) (Serve, error) {
		err := s.read(*r, cmd.IsSet)
		return *s, err
	}
}

// env returns MUSTER_name as a source of a flag's value.
func env(name string) cli.ValueSourceChain { return cli.EnvVars("MUSTER_" + name) }

// read looks at what the flags were given; set reports whether one was given
// at all, on the command line or in the environment.
func (s *Serve) read(r raw, set func(flag string) bool) (err error) {
	if s.Log.Level, err = parseLevel("log.level", r.logLevel); err != nil {
		return err
	}
	if s.Log.Format, err = oneOf("log.format", r.logFormat, Logfmt, JSON); err != nil {
		return err
	}
	if err := s.Service.check(); err != nil {
		return err
	}
	if err := s.Check.check(); err != nil {
		return err
	}
	return s.Registry.read(r, set)
}

func (s *Service) check() (err error) {
	if err := (discover.Query{Service: s.Name}).Validate(); err != nil {
		return wrong("service.name", s.Name, "%v", err)
	}
	if s.Host, err = parseHost("service.host", s.Host); err != nil {
		return err
	}
	return checkPort("service.port", s.Port, 0)
}

func (c Check) check() error {
	if c.Interval < time.Second {
		return wrong("check.interval", c.Interval, "want at least 1s")
	}
	if c.DeregisterAfter < 0 {
		return wrong("check.deregister-after", c.DeregisterAfter, "want a time, or 0 for never")
	}
	return nil
}

func checkPort(flag string, port, least int) error {
	if port < least || port > 65535 {
		return wrong(flag, port, "want %d to 65535", least)
	}
	return nil
}
