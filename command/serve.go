package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/config"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/service"
)

func serveCommand() *cli.Command {
	flags, read := config.ServeFlags()
	return &cli.Command{
		Name:  "serve",
		Usage: "run the SayHello service, with a registry of its own where none is",
		Flags: flags,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			cfg, err := read(cmd)
			if err != nil {
				return err
			}
			return serve(ctx, cfg, cmd.Root().Writer, newLogger(cfg.Log, cmd.Root().ErrWriter))
		},
	}
}

// serve runs the service until ctx ends or it cannot go on. It returns nil
// after a clean leave.
func serve(ctx context.Context, cfg config.Serve, stdout io.Writer, logger *slog.Logger) error {
	i, err := start(ctx, cfg, logger)
	if err != nil {
		return err
	}
	return i.run(ctx, stdout)
}

// instance is a running service and all that belongs to it.
type instance struct {
	registry     *registry
	client       *consul.Client // the same registry, as the library sees it
	cache        *discover.Cache
	service      *service.Service
	registration announce.Registration
	registrar    *announce.Registrar
	server       *server
	settle       time.Duration // what readers of the registry get when it leaves; 0 means the library's
	logger       *slog.Logger
}

// start chooses a registry, listens, serves and only then registers: nobody is
// sent to a port that does not answer. When a step fails, it takes the earlier
// ones back.
func start(ctx context.Context, cfg config.Serve, logger *slog.Logger) (i *instance, err error) {
	i = &instance{logger: logger}
	defer func() {
		if err != nil {
			i, err = nil, i.fail(err)
		}
	}()

	if i.registry, err = openRegistry(ctx, cfg.Registry, logger); err != nil {
		return i, err
	}
	logger.Info("using a registry", "which", i.registry.origin, "address", i.registry.address)
	if i.client, err = consul.New(i.registry.settings, consul.Config{}); err != nil {
		return i, err
	}
	warnOfClamp(ctx, i.client, cfg.Check.DeregisterAfter, logger)

	where, err := findPlace(ctx, cfg.Service.Host, i.registry, i.client, logger)
	if err != nil {
		return i, err
	}
	listener, err := listen(ctx, where.Listen, cfg.Service.Port)
	if err != nil {
		return i, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	i.cache = discover.NewCache(i.client, discover.CacheConfig{Logger: logger})
	i.service = service.New(i.cache)
	i.registration = newRegistration(cfg, where.Announce, port)
	i.registrar = announce.NewRegistrar(i.client, i.registration, announce.RegistrarConfig{Logger: logger})
	handler, err := newHandler(i.service, i.cache, i.registrar, logger)
	if err != nil {
		return i, errors.Join(err, listener.Close())
	}
	i.server = startServer(listener, handler, logger)

	switch err := i.registrar.Announce(ctx); {
	case ctx.Err() != nil:
		// It was told to end meanwhile. The registration may have arrived:
		// run leaves as if it had.
		return i, nil
	case err != nil:
		return i, err
	}
	logger.Info("registered", "id", i.registration.ID, "address", i.hostPort())
	return i, nil
}

// run waits until ctx ends or the instance cannot go on, and takes it away.
func (i *instance) run(ctx context.Context, stdout io.Writer) error {
	i.greet(stdout)
	select {
	case <-ctx.Done():
		i.logger.Info("leaving")
		return i.leave()
	case <-i.server.done:
		return i.fail(fmt.Errorf("the HTTP server ended: %w", i.server.err))
	case <-i.registry.died():
		return i.fail(errors.New("the embedded registry ended"))
	}
}

// newRegistration describes the service that cfg asks for at host and port.
func newRegistration(cfg config.Serve, host string, port int) announce.Registration {
	health := url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/health"}
	return announce.Registration{
		ID:      cfg.Service.Name + "-" + uuid.NewString(),
		Service: cfg.Service.Name,
		Address: host,
		Port:    port,
		Tags:    cfg.Service.Tags,
		Meta:    cfg.Service.Meta,
		Check: announce.HealthCheck{
			HTTP:            health.String(),
			Interval:        cfg.Check.Interval,
			DeregisterAfter: cfg.Check.DeregisterAfter,
		},
	}
}

// leastDeregisterAfter is what Consul makes of any shorter time.
const leastDeregisterAfter = time.Minute

// warnOfClamp says when the registry will not do what was asked for.
func warnOfClamp(ctx context.Context, client *consul.Client, after time.Duration, logger *slog.Logger) {
	if after == 0 || after >= leastDeregisterAfter {
		return
	}
	muster, err := client.IsMuster(ctx)
	switch {
	case err != nil:
		logger.Debug("the registry does not say what it is", "error", err)
	case !muster:
		logger.Warn("Consul removes critical instances after a minute at the earliest",
			"-check.deregister-after", after, "effective", leastDeregisterAfter)
	}
}

// hostPort is where others find the instance.
func (i *instance) hostPort() string {
	return net.JoinHostPort(i.registration.Address, strconv.Itoa(i.registration.Port))
}

// greet tells a person what to open. The log is for machines.
func (i *instance) greet(stdout io.Writer) {
	base := "http://" + i.hostPort()
	fmt.Fprintf(stdout, "%s is ready\n", i.registration.Service)
	fmt.Fprintf(stdout, "  hello      %s/say-hello\n", base)
	fmt.Fprintf(stdout, "  discovery  %s/discovery?serviceName=%s\n", base, url.QueryEscape(i.registration.Service))
	fmt.Fprintf(stdout, "  health     %s/health\n", base)
	fmt.Fprintf(stdout, "  metrics    %s/metrics\n", base)
	if i.registry.page != "" {
		fmt.Fprintf(stdout, "  registry   %s (%s)\n", i.registry.page, i.registry.origin)
	}
}
