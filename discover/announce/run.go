package announce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/quiet"
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
	// instance that withdrew. Nil means the registry itself, where it is a
	// discover.Source as a consul.Client is; where it is none nobody is asked, and
	// readers get Settle.
	Source discover.Source
	// Ready is called when the server serves, before the instance is
	// announced; with an error nothing is. Nil means that it is ready.
	Ready func(ctx context.Context) error
	// Leaving is called before anything else is taken away, to say so in a
	// health answer. Nil means that nobody is called.
	Leaving func()
	// Ended is closed when the server ended by itself: there is nothing left to
	// reach then, and nobody is waited for. Run knows; it is for Leave.
	Ended <-chan struct{}
	// Hurry is closed when who takes back a start that failed is told to end
	// meanwhile: the withdrawal gets a second more, and no longer. Run
	// knows; it is for Leave.
	Hurry <-chan struct{}
	// Maintenance is why an instance that leaves is put into maintenance and
	// deregistered last, when it has ended, rather than deregistered first:
	// others see that it is on its way out, and why. Where the registry has no
	// maintenance, and where it is empty, the instance is deregistered first.
	Maintenance string
	// Logger is told of each step, once: serving, announced, withdrawing, waiting
	// for readers, draining, ended. Nil means silence.
	Logger *slog.Logger

	// Announce is for the registry to take the announcement. One that does not
	// answer, or has no leader, as where it starts at the same time, is asked again
	// about once a second while no more than this has passed; 0 means 10 s, less than
	// 0 that it is asked once. What it refuses, and an id that is taken, fails at once.
	// It is for Run; Registrar.Announce asks once.
	Announce time.Duration

	// The bounds of what a leaving instance waits for.

	// Withdraw is for the registry to take the withdrawal; 0 means 10 s, for a
	// Consul without a leader takes seven.
	Withdraw time.Duration
	// Absence is for a reader of the registry not to see the instance any more;
	// 0 means 3 s, less than 0 that none is asked.
	Absence time.Duration
	// Settle is for the other readers, who are woken at the same moment and may
	// need a little longer; less than 0 means that they get none. 0 means a second,
	// or where the registry knows them, as muster's agent does, until all who
	// follow the service were told, and a tenth of a second for what is under way. Who
	// hands lists on to others, which follow nothing, says how long these use one.
	Settle time.Duration
	// Drain is for open requests to end; 0 means 10 s.
	Drain time.Duration
}

// Part is one server of a process that has several, such as HTTP and gRPC, or
// one with the metrics.
type Part struct {
	Server   Server
	Listener net.Listener
	// Registrar announces what the server serves. Nil means that nobody is
	// sent to it by the registry, or that another part's registration tells of it.
	Registrar *Registrar
}

// Run serves s on l, announces r, with the port and the address of l where it has no
// port of its own (see [Registration]), and, when ctx ends, takes the instance away so
// that no request to it fails: that order, and its end, is what it is for. It
// blocks until all has ended. Nil means that ctx ended and the leave was clean; the
// error says what was not, why it could not be announced, or why the server
// ended by itself; it wraps ErrInvalid when r, s or l is nil. It closes l.
func Run(ctx context.Context, r *Registrar, s Server, l net.Listener, cfg RunConfig) error {
	if r == nil {
		return errors.Join(fmt.Errorf("%w run: there is no registrar: RunAll serves what is not announced", discover.ErrInvalid), closeAll([]Part{{s, l, r}}))
	}
	return RunAll(ctx, []Part{{s, l, r}}, cfg)
}

// RunAll is [Run] for several servers, which live and leave together: all serve
// before the first is announced, in the order of parts; all registrations are
// withdrawn at the same time, and all servers go on serving until the readers
// of each can know; then all drain, within one time. When one server ends by
// itself, so do the others. There must be one part at least.
func RunAll(ctx context.Context, parts []Part, cfg RunConfig) error {
	if err := validate(parts); err != nil {
		return errors.Join(err, closeAll(parts))
	}
	starting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	logger := quiet.Logger(cfg.Logger)
	logger.Info("serving", "addresses", addresses(parts))
	ended := make(chan struct{})
	var first sync.Once
	var why error // set before ended is closed
	var serving sync.WaitGroup
	for _, p := range parts {
		serving.Go(func() { // ends with the server, which every way out of here ends; awaited
			err := p.Server.Serve(p.Listener)
			first.Do(func() { why = err; close(ended); giveUp() })
		})
	}
	defer logger.Info("ended")
	defer serving.Wait()
	cfg.Ended = ended
	err := cfg.begin(starting, parts)
	select {
	case <-ended:
	default:
		if err != nil && ctx.Err() == nil {
			return cfg.fail(ctx, parts, err)
		}
		// When ctx ended, the registration may have arrived: it leaves as if it had.
	}
	select {
	case <-ctx.Done():
		return cfg.leave(parts)
	case <-ended:
		return cfg.fail(ctx, parts, fmt.Errorf("the server ended by itself: %w", why))
	}
}

// validate refuses parts that could not be run. A part may have no registrar.
func validate(parts []Part) error {
	if len(parts) == 0 {
		return fmt.Errorf("%w run: there is nothing to serve: want one part at least", discover.ErrInvalid)
	}
	for n, p := range parts {
		if p.Server == nil || p.Listener == nil {
			return fmt.Errorf("%w run: part %d has no server or no listener: want both", discover.ErrInvalid, n+1)
		}
	}
	return nil
}

// closeAll closes the listeners that there are.
func closeAll(parts []Part) error {
	var errs []error
	for _, p := range parts {
		if p.Listener != nil {
			errs = append(errs, p.Listener.Close())
		}
	}
	return errors.Join(errs...)
}

func addresses(parts []Part) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.Listener.Addr().String())
	}
	return all
}

// begin waits until the parts are ready and announces them.
func (cfg RunConfig) begin(ctx context.Context, parts []Part) error {
	if cfg.Ready != nil {
		if err := cfg.Ready(ctx); err != nil {
			return fmt.Errorf("await readiness: %w", err)
		}
	}
	var announced []string
	deadline := time.Now().Add(cmp.Or(cfg.Announce, 10*time.Second))
	for _, p := range parts {
		if p.Registrar == nil {
			continue
		}
		if err := p.Registrar.announceWithin(ctx, time.Until(deadline), p.Listener.Addr()); err != nil {
			return err
		}
		announced = append(announced, p.Registrar.registration.ID)
	}
	if len(announced) > 0 {
		quiet.Logger(cfg.Logger).Info("announced", "ids", announced)
	}
	return nil
}

// sent returns the parts that the registry may hold something of.
func sent(parts []Part) []Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.Registrar == nil || !p.Registrar.sent.Load() })
}

// fail takes away what cannot serve or never came to it, and returns cause.
// There is nobody to wait for. That ctx ends meanwhile makes it hurry; where it
// had ended before, this is its leave.
func (cfg RunConfig) fail(ctx context.Context, parts []Part, cause error) error {
	if ctx.Err() == nil {
		cfg.Hurry = ctx.Done()
	}
	if cfg.Leaving != nil {
		cfg.Leaving()
	}
	if err := errors.Join(cfg.withdrawAll(parts), cfg.drainAll(parts)); err != nil {
		return fmt.Errorf("%w; and not everything could be taken back: %w", cause, err)
	}
	return cause
}
