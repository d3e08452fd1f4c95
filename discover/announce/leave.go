package announce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/quiet"
)

// Leave is the end of [Run], for programs that serve and announce by
// themselves: it withdraws r, waits until readers can know, and shuts s down.
// It blocks until then. The error says which steps failed; the others are taken
// all the same.
func Leave(r *Registrar, s interface{ Shutdown(context.Context) error }, cfg RunConfig) error {
	return cfg.leave([]Part{{shutter{s}, nil, r}})
}

// shutter is a server that somebody else serves.
type shutter struct {
	Shutter interface{ Shutdown(context.Context) error }
}

func (s shutter) Serve(net.Listener) error           { return nil }
func (s shutter) Shutdown(ctx context.Context) error { return s.Shutter.Shutdown(ctx) }

// Close implements io.Closer, as far as the server does.
func (s shutter) Close() error {
	if c, ok := s.Shutter.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (cfg RunConfig) leave(parts []Part) error {
	if cfg.Leaving != nil {
		cfg.Leaving()
	}
	known := sent(parts)
	paused := cfg.Maintenance != "" && cfg.pauseAll(known)
	var err error
	if !paused {
		err = cfg.withdrawAll(parts)
	}
	if err == nil && len(known) > 0 {
		err = cfg.awaitReaders(known, paused)
	}
	err = errors.Join(err, cfg.drainAll(parts))
	if paused {
		gone := cfg.withdrawAll(parts)
		if gone == nil {
			gone = onlyShown(cfg.told(known, false))
		}
		err = errors.Join(err, gone)
	}
	return err
}

// withdrawAll takes away what the registry may hold.
func (cfg RunConfig) withdrawAll(parts []Part) error {
	known := sent(parts)
	if len(known) == 0 {
		return nil
	}
	quiet.Logger(cfg.Logger).Info("withdrawing")
	return each(known, cfg.withdraw)
}

// drainAll ends all servers.
func (cfg RunConfig) drainAll(parts []Part) error {
	quiet.Logger(cfg.Logger).Info("draining")
	return each(parts, cfg.shutDown)
}

// each does something with all parts at the same time, and returns all errors.
func each(parts []Part, do func(Part) error) error {
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for n, p := range parts {
		all.Go(func() { errs[n] = do(p) }) // ends by itself; awaited
	}
	all.Wait()
	return errors.Join(errs...)
}

// pauseAll puts what is announced into maintenance, and reports whether it could.
func (cfg RunConfig) pauseAll(parts []Part) bool {
	err := each(parts, func(p Part) error {
		ctx, cancel := cfg.withdrawal()
		defer cancel()
		return p.Registrar.Pause(ctx, cfg.Maintenance)
	})
	if err != nil {
		quiet.Logger(cfg.Logger).Warn("no maintenance, deregistering first", "error", err)
	}
	return err == nil
}

// hurried is how long a withdrawal goes on that is to hurry: one attempt.
const hurried = time.Second

// withdrawal returns what bounds a withdrawal.
func (cfg RunConfig) withdrawal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(cfg.Withdraw, 10*time.Second))
	if cfg.Hurry != nil {
		go func() { // ends with ctx, which its user cancels
			select {
			case <-cfg.Hurry:
				if pace.Sleep(ctx, hurried) == nil {
					cancel()
				}
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

func (cfg RunConfig) withdraw(p Part) error {
	ctx, cancel := cfg.withdrawal()
	defer cancel()
	return p.Registrar.Withdraw(ctx)
}

// awaitReaders waits until the registry's readers can know that the instances are
// gone, or paused. The error says that they are still shown.
func (cfg RunConfig) awaitReaders(parts []Part, paused bool) error {
	quiet.Logger(cfg.Logger).Info("waiting for readers")
	if err := cfg.told(parts, paused); err != nil {
		return onlyShown(err)
	}
	settle := cfg.Settle
	if settle == 0 {
		settle = cfg.settling(parts)
	}
	select {
	case <-time.After(settle):
	case <-cfg.Ended:
	}
	return nil
}

// reader returns who is asked whether an instance is still seen; nil is nobody.
func (cfg RunConfig) reader(p Part) discover.Source {
	if cfg.Source != nil {
		return cfg.Source
	}
	source, _ := p.Registrar.registry.(discover.Source)
	return source
}

// What the readers of a registry get when nobody says: where it does not know
// them, and where it told them all.
const (
	settleUnknown = time.Second
	settleTold    = 100 * time.Millisecond
)

// settling returns how much longer the other readers get, and waits until a
// registry that knows them has told them.
func (cfg RunConfig) settling(parts []Part) time.Duration {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), settleUnknown)
	defer cancel()
	err := each(parts, func(p Part) error {
		source, ok := cfg.reader(p).(interface {
			Told(ctx context.Context, service string, patience time.Duration) (bool, error)
		})
		if !ok {
			return errors.ErrUnsupported
		}
		told, err := source.Told(ctx, p.Registrar.registration.Service, settleUnknown)
		if err == nil && !told {
			err = context.DeadlineExceeded
		}
		return err
	})
	if err != nil {
		return settleUnknown - time.Since(began)
	}
	return settleTold
}

// shutDown ends the server, by force when its time is over.
func (cfg RunConfig) shutDown(p Part) error {
	drain := cmp.Or(cfg.Drain, 10*time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	err := p.Server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("requests were cut off after %v: %w", drain, err)
	if server, ok := p.Server.(io.Closer); ok {
		err = errors.Join(err, server.Close())
	}
	return err
}
