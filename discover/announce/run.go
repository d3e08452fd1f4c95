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
	"github.com/realjf/muster/internal/valid"
)

// Server is what [Run] serves with, such as an *http.Server or what [Graceful]
// makes. Serve returns once Shutdown was called.
type Server interface {
	Serve(net.Listener) error
	// Shutdown takes no new requests and lets open ones end until ctx ends.
	Shutdown(ctx context.Context) error
}

// RunConfig holds the options of [Run] and [Leave]; the zero value works.
type RunConfig struct {
	Source  discover.Source                 // asked whether readers still see the instance; nil means the registry, if it can tell
	Ready   func(ctx context.Context) error // called when the server serves, before the announcement; its error ends Run
	Leaving func()                          // called first in leaving, so that health answers can say so
	Logger  *slog.Logger                    // told of each step
	// Maintenance, if not empty, is why a leaving instance is put into
	// maintenance, to be deregistered when it has drained. A registry without
	// maintenance deregisters it first, as usual.
	Maintenance string
	Ended       <-chan struct{} // for Leave: closed when the server has ended, so that nobody is waited for
	Hurry       <-chan struct{} // for Leave: closed when the withdrawal must end within a second

	Announce time.Duration // how long to retry what is not final; 0 means 10 s, less than 0 no retry
	Withdraw time.Duration // bounds the withdrawal; 0 means 10 s
	Absence  time.Duration // bounds the wait for Source; 0 means 3 s, less than 0 no wait
	// Settle is how long to serve on after that, for other readers. 0 means a
	// second; with muster's agent, until they all were told, and 0.1 s. Less than
	// 0 means none. Add the time for which your program hands lists on to others.
	Settle time.Duration
	Drain  time.Duration // bounds the wait for open requests; 0 means 10 s
}

// Part is one of several servers, such as HTTP and gRPC.
type Part struct {
	Server    Server
	Listener  net.Listener
	Registrar *Registrar // nil means that nothing is announced
}

// Run serves s on l and announces r. When ctx ends, it withdraws r, serves on
// until readers of the registry can know, and lets open requests end. It blocks
// until then, and closes l. [Registration] says what it fills in.
//
// Nil means that ctx ended and all steps worked; that readers could not be asked
// whether they know is a warning alone. Otherwise the error says why r could not
// be announced, why the server ended, or what failed when leaving, such as that
// the registry still shows r. It wraps ErrInvalid when r, s or l is nil.
func Run(ctx context.Context, r *Registrar, s Server, l net.Listener, cfg RunConfig) error {
	if r == nil {
		return errors.Join(fmt.Errorf("%w run: there is no registrar: RunAll serves what is not announced", discover.ErrInvalid), closeAll([]Part{{s, l, r}}))
	}
	return RunAll(ctx, []Part{{s, l, r}}, cfg)
}

// RunAll is [Run] for several servers, at least one. All serve before the first
// is announced, in order. They leave together, also when one ends by itself:
// all withdraw, serve on until the readers of each can know, and drain.
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
			if err == nil { // as a *grpc.Server's does that somebody else stops
				err = errServed
			}
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

// errServed is why a server ended that does not say why.
var errServed = errors.New("Serve returned without an error")

// validate refuses parts that could not be run. A part may have no registrar.
func validate(parts []Part) error {
	if len(parts) == 0 {
		return fmt.Errorf("%w run: there is nothing to serve: want one part at least", discover.ErrInvalid)
	}
	for n, p := range parts {
		if valid.IsMissing(p.Server) || valid.IsMissing(p.Listener) {
			return fmt.Errorf("%w run: part %d has no server or no listener: want both", discover.ErrInvalid, n+1)
		}
	}
	return nil
}

// closeAll closes the listeners that there are.
func closeAll(parts []Part) error {
	var errs []error
	for _, p := range parts {
		if !valid.IsMissing(p.Listener) {
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
