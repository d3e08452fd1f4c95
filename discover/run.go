package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"
)

// Server is what [Run] serves with. *http.Server is one, and [Graceful] makes
// one of a *grpc.Server. Serve returns once Shutdown was called.
type Server interface {
	Serve(net.Listener) error
	// Shutdown takes no new requests and lets open ones end until ctx ends.
	Shutdown(ctx context.Context) error
}

// RunConfig holds what Run and Leave can do without; the zero value works.
type RunConfig struct {
	// Source is asked whether a reader of the registry still sees the
	// instance that withdrew: a [Consul], as a rule. Nil means that nobody is
	// asked, and readers get Settle.
	Source Source
	// Ready is called when the server serves, before the instance is
	// announced; with an error nothing is. Nil means that it is ready.
	Ready func(ctx context.Context) error
	// Leaving is called before anything else is taken away, to say so in a
	// health answer. Nil means that nobody is called.
	Leaving func()
	// Ended is closed when the server ended by itself: there is nothing left to
	// reach then, and nobody is waited for. Run knows; it is for Leave.
	Ended <-chan struct{}
	// Logger is told of each step. Nil means silence.
	Logger *slog.Logger

	// The bounds of what a leaving instance waits for.

	// Withdraw is for the registry to take the withdrawal; 0 means 10 s, for a
	// Consul without a leader takes seven.
	Withdraw time.Duration
	// Absence is for a reader of the registry not to see the instance any more;
	// 0 means 3 s.
	Absence time.Duration
	// Settle is for the other readers, who are woken at the same moment and may
	// need a little longer; 0 means a second, and less that they get none.
	Settle time.Duration
	// Drain is for open requests to end; 0 means 10 s.
	Drain time.Duration
}

// Run serves s on l, announces r and, when ctx ends, takes the instance away so
// that no request to it fails: that order, and its end, is what it is for. It
// blocks until all has ended. Nil means that ctx ended and the leave was clean; the
// error says what was not, why it could not be announced, or why the server
// ended by itself. It closes l.
func Run(ctx context.Context, r *Registrar, s Server, l net.Listener, cfg RunConfig) error {
	ended := make(chan struct{})
	var served error
	go func() { // ends with the server, which every way out of here ends; awaited
		defer close(ended)
		served = s.Serve(l)
	}()
	cfg.Ended = ended
	switch err := cfg.begin(ctx, r); {
	case ctx.Err() != nil:
		// The registration may have arrived: it leaves as if it had.
	case err != nil:
		return cfg.fail(r, s, err)
	}
	select {
	case <-ctx.Done():
		err := Leave(r, s, cfg)
		<-ended
		return err
	case <-ended:
		return cfg.fail(r, s, fmt.Errorf("the server ended by itself: %w", served))
	}
}

func (cfg RunConfig) begin(ctx context.Context, r *Registrar) error {
	if cfg.Ready != nil {
		if err := cfg.Ready(ctx); err != nil {
			return fmt.Errorf("not ready: %w", err)
		}
	}
	return r.Announce(ctx)
}

// fail takes away what cannot serve or never came to it, and returns cause.
// There is nobody to wait for.
func (cfg RunConfig) fail(r *Registrar, s Server, cause error) error {
	if cfg.Leaving != nil {
		cfg.Leaving()
	}
	err := errors.Join(cfg.withdraw(r), cfg.shutDown(s))
	<-cfg.Ended
	if err != nil {
		return fmt.Errorf("%w; and not everything could be taken back: %w", cause, err)
	}
	return cause
}

// Leave takes an announced instance away so that no request to it fails: it
// says that it is going, withdraws, goes on serving until the registry's readers
// can know, and lets open requests end. [Run] does it by itself; Leave is for who
// starts the server and announces otherwise. The error says what was not clean;
// whatever fails, the later steps are taken.
func Leave(r *Registrar, s interface{ Shutdown(context.Context) error }, cfg RunConfig) error {
	if cfg.Leaving != nil {
		cfg.Leaving()
	}
	err := cfg.withdraw(r)
	if err == nil {
		cfg.awaitReaders(r)
	}
	loggerOrSilence(cfg.Logger).Info("draining")
	return errors.Join(err, cfg.shutDown(s))
}

func (cfg RunConfig) withdraw(r *Registrar) error {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(cfg.Withdraw, 10*time.Second))
	defer cancel()
	return r.Withdraw(ctx)
}

// awaitReaders waits until the registry's readers can know that the instance is
// gone. It is no failure when they cannot be asked: the time has passed.
func (cfg RunConfig) awaitReaders(r *Registrar) {
	if cfg.Source != nil {
		ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(cfg.Absence, 3*time.Second))
		defer cancel()
		q := Query{Service: r.registration.Service}
		if err := AwaitAbsence(ctx, cfg.Source, q, r.registration.ID); err != nil {
			loggerOrSilence(cfg.Logger).Warn("leaving before readers are known to know", "error", err)
			return
		}
	}
	select {
	case <-time.After(cmp.Or(cfg.Settle, time.Second)):
	case <-cfg.Ended:
	}
}

// shutDown ends the server, by force when its time is over.
func (cfg RunConfig) shutDown(s interface{ Shutdown(context.Context) error }) error {
	drain := cmp.Or(cfg.Drain, 10*time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	err := s.Shutdown(ctx)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("requests were cut off after %v: %w", drain, err)
	if server, ok := s.(io.Closer); ok {
		err = errors.Join(err, server.Close())
	}
	return err
}

// Graceful makes a [Server] of one that stops as a *grpc.Server does: gracefully,
// and by force when the time is over.
func Graceful(s interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}) Server {
	return graceful{s, s.GracefulStop, s.Stop}
}

type graceful struct {
	server      interface{ Serve(net.Listener) error }
	drain, stop func()
}

func (g graceful) Serve(l net.Listener) error { return g.server.Serve(l) }

func (g graceful) Shutdown(ctx context.Context) error {
	drained := make(chan struct{})
	go func() { // ends when the requests have, or by stop; awaited
		defer close(drained)
		g.drain()
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		g.stop()
		<-drained
		return context.Cause(ctx)
	}
}
