package command

import (
	"context"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/realjf/muster/config"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

// announcing is what goes on beside a service that serves already, until it is
// announced. A registry may come up hours later.
type announcing struct {
	stop   context.CancelFunc
	awaits chan struct{} // closed when the registry is not there yet
	failed chan struct{} // closed when err is not nil
	done   chan struct{} // closed when it has ended
	err    error         // why it cannot be announced; to be read after done or failed
	came   bool          // it is announced; to be read after done
}

// begin calls announce, which calls awaits when the registry is not there yet,
// once. That ctx or end ended it is no failure.
func begin(ctx context.Context, announce func(ctx context.Context, awaits func()) error) *announcing {
	ctx, stop := context.WithCancel(ctx)
	a := &announcing{stop: stop, awaits: make(chan struct{}), failed: make(chan struct{}), done: make(chan struct{})}
	go func() { // end ends it and waits
		defer close(a.done)
		err := announce(ctx, func() { close(a.awaits) })
		a.came = err == nil
		if err != nil && ctx.Err() == nil {
			a.err = err
			close(a.failed)
		}
	}()
	return a
}

// end ends it and waits until it has ended.
func (a *announcing) end() {
	a.stop()
	<-a.done
}

// forEver is how long a service tries to announce itself: it is of use meanwhile,
// and one that ended would only be started again by somebody.
const forEver = time.Duration(math.MaxInt64)

// announce waits for the registry, finds out what to announce, and announces it. The
// error says why this will never do.
func (i *instance) announce(ctx context.Context, cfg config.Serve, port int, awaits func()) error {
	if err := i.registry.await(ctx, func(why error) {
		i.logger.Warn("the registry is not there yet: serving, and registering when it comes", "address", i.registry.address, "error", why)
		awaits()
	}); err != nil {
		return err
	}
	warnOfClamp(ctx, i.client, cfg.Check.DeregisterAfter, i.logger)
	host, err := hostToAnnounce(ctx, cfg.Service.Host, i.registry.address, i.client, i.logger)
	if err != nil {
		return err
	}
	i.registration = newRegistration(cfg, host, port)
	i.registrar = announce.NewRegistrar(i.client, i.registration, announce.RegistrarConfig{Logger: i.logger})
	i.figures.tellOf(i.registrar)
	if err := i.registrar.AnnounceWithin(ctx, forEver); err != nil {
		return err
	}
	i.logger.Info("registered", "id", i.registration.ID, "address", i.hostPort())
	return nil
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
