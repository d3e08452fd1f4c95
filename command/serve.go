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
	switch {
	case err != nil && ctx.Err() != nil:
		logger.Info("told to end before it served", "error", err)
		return nil
	case err != nil:
		return err
	}
	return i.run(ctx, stdout)
}

// instance is a running service and all that belongs to it.
type instance struct {
	name     string
	registry *registry
	client   *consul.Client // the same registry, as the library sees it
	cache    *discover.Cache
	lists    *lists
	service  *service.Service
	figures  *figures
	server   *server
	address  string        // host:port that it listens on
	settle   time.Duration // what readers of the registry get when it leaves; 0 means that it depends
	logger   *slog.Logger

	// What is announced; to be read when announcing has ended.
	announcing   *announcing
	registration announce.Registration
	registrar    *announce.Registrar // nil when it never came to it
}

// start chooses a registry, listens, serves and only then announces, beside what
// it returns: nobody is sent to a port that does not answer, and a registry that
// is not there yet holds up nobody else. When a step fails, it takes the earlier ones back.
func start(ctx context.Context, cfg config.Serve, logger *slog.Logger) (i *instance, err error) {
	i = &instance{name: cfg.Service.Name, logger: logger}
	defer func() {
		if err != nil {
			i, err = nil, i.fail(ctx, err)
		}
	}()

	if i.registry, err = openRegistry(ctx, cfg.Registry, logger); err != nil {
		return i, err
	}
	logger.Info("using a registry", "which", i.registry.origin, "address", i.registry.address)
	if i.client, err = consul.New(i.registry.settings, consul.Config{}); err != nil {
		return i, err
	}
	host, err := hostToListen(ctx, cfg.Service.Host, i.client, logger)
	if err != nil {
		return i, err
	}
	listener, err := listen(ctx, host, cfg.Service.Port)
	if err != nil {
		return i, err
	}
	i.address = listener.Addr().String()
	i.cache = discover.NewCache(i.client, discover.CacheConfig{Logger: logger})
	i.lists = &lists{Finder: i.cache, own: cfg.Service.Name}
	i.service = service.New(i.lists)
	i.figures = newFigures(i.cache)
	handler, err := newHandler(i.service, i.figures, logger)
	if err != nil {
		return i, errors.Join(err, listener.Close())
	}
	i.server = startServer(listener, handler, logger)
	i.announcing = begin(ctx, func(ctx context.Context, awaits func()) error {
		return i.announce(ctx, cfg, listener.Addr().(*net.TCPAddr).Port, awaits)
	})
	return i, nil
}

// run waits until ctx ends or the instance cannot go on, and takes it away.
func (i *instance) run(ctx context.Context, stdout io.Writer) error {
	select {
	case <-i.announcing.awaits:
		i.greet(stdout, i.address, ", which is not there yet")
	case <-i.announcing.done:
		if i.announcing.came {
			i.greet(stdout, i.hostPort(), "")
		}
	case <-i.server.done:
	case <-i.registry.died():
	}
	select {
	case <-i.announcing.failed:
		return i.fail(ctx, i.announcing.err)
	case <-ctx.Done():
		i.logger.Info("leaving")
		return i.leave()
	case <-i.server.done:
		return i.fail(ctx, fmt.Errorf("the HTTP server ended: %w", i.server.err))
	case <-i.registry.died():
		return i.fail(ctx, errors.New("the embedded registry ended"))
	}
}

// hostPort is where others find the instance.
func (i *instance) hostPort() string {
	return net.JoinHostPort(i.registration.Address, strconv.Itoa(i.registration.Port))
}

// greet tells a person what to open, at address, and what there is to know about
// the registry. The log is for machines.
func (i *instance) greet(stdout io.Writer, address, about string) {
	base := "http://" + address
	fmt.Fprintf(stdout, "%s is ready\n", i.name)
	fmt.Fprintf(stdout, "  hello      %s/say-hello\n", base)
	fmt.Fprintf(stdout, "  discovery  %s/discovery?serviceName=%s\n", base, url.QueryEscape(i.name))
	fmt.Fprintf(stdout, "  health     %s/health\n", base)
	fmt.Fprintf(stdout, "  metrics    %s/metrics\n", base)
	if i.registry.page != "" {
		fmt.Fprintf(stdout, "  registry   %s (%s%s)\n", i.registry.page, i.registry.origin, about)
	}
}
