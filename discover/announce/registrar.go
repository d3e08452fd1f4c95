package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/quiet"
	"github.com/realjf/muster/internal/refusal"
	"github.com/realjf/muster/internal/valid"
)

// RegistrarConfig holds the options of a Registrar; the zero value works.
type RegistrarConfig struct {
	Logger *slog.Logger // told of trouble and of its end, once each
	// OnStanding is called when the standing changes, in order and one at a time,
	// with the reason, if any, such as ErrNotRegistered, ErrAltered or ErrTaken.
	// It must return soon, and call neither Announce nor Withdraw.
	OnStanding func(before, now Standing, cause error)
	// Health says how the instance is, for a TTL: nil means passing, an error
	// that wraps ErrWarning warning, any other critical. Calls do not overlap;
	// one that outlasts its ctx (HealthCheck.Timeout) counts as critical.
	// Withdraw does not wait for it.
	Health func(ctx context.Context) error
	// Verdict is how long Announce waits for the registry's own check to pass;
	// until then the instance gets no traffic. No result is no failure: Consul
	// first checks within an Interval, muster's agent at once. 0 does not wait.
	Verdict time.Duration
	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // to another instance, to see if its process lives
}

// Registrar announces an instance, keeps the announcement true, and withdraws
// it. Its methods may be called concurrently.
//
// It puts the registration back when it was lost, deregistered or altered; a
// lost check, after a heartbeat or the registry's wait time.
//
// An id belongs to one living process; the meta key "muster-owner" tells them
// apart. Announce refuses an id that another living Registrar has, and takes
// over that of a dead one: its check is critical, its port takes no connection
// or is ours now, or it has no port and its check fails soon. Of two processes
// with one id all the same, one stands down with ErrTaken until the other is
// gone.
type Registrar struct {
	registry     Registry
	reporter     reporter  // the registry, if it takes reports
	inspector    inspector // the registry, if it can be asked
	examiner     examiner  // the registry, if it tells of checks
	asked        Registration
	registration Registration // what is asked, filled in by announce: its Address, Port and Check
	listening    net.Addr     // of the server that is announced; nil where that is not known
	owner        string
	claims       bool // the caller gave an owner, which is refused
	logger       *slog.Logger
	health       func(context.Context) error
	verdict      time.Duration
	dial         func(ctx context.Context, network, address string) (net.Conn, error)

	stand  stand
	healed atomic.Uint64
	felt   atomic.Pointer[feeling] // the latest, for a registration that is put back
	paused atomic.Pointer[string]  // why the instance is in maintenance; nil while it is not
	sent   atomic.Bool             // whether a registration was ever sent that may have arrived
	poke   chan struct{}           // a heartbeat is due at once
	nudge  nudge                   // the registry lost our check

	mu   sync.Mutex         // held by Announce and Withdraw throughout
	stop context.CancelFunc // ends what runs; nil while nothing is to
	done chan struct{}      // closed when the latest of it has ended
}

// NewRegistrar returns a registrar of r in reg. It sends nothing; Announce says
// what is wrong with r. It panics when reg is nil.
func NewRegistrar(reg Registry, r Registration, cfg RegistrarConfig) *Registrar {
	if valid.IsMissing(reg) {
		panic("announce.NewRegistrar: the registry is nil: want one, such as consul.New returns")
	}
	_, claims := r.Meta[ownerKey]
	reporter, _ := reg.(reporter)
	inspector, _ := reg.(inspector)
	examiner, _ := reg.(examiner)
	if r.Check.Kind() == "" && reporter != nil {
		r.Check.TTL = defaultTTL
	}
	owner := newOwner(time.Now())
	if inspector != nil {
		r = owned(r, owner)
	}
	registrar := &Registrar{
		registry:     reg,
		reporter:     reporter,
		inspector:    inspector,
		examiner:     examiner,
		asked:        r,
		registration: r,
		owner:        owner,
		claims:       claims,
		logger:       quiet.Logger(cfg.Logger).With("id", r.ID),
		health:       cfg.Health,
		verdict:      cfg.Verdict,
		dial:         cfg.Dial,
		stand:        stand{now: Withdrawn, since: time.Now(), hook: cfg.OnStanding},
		poke:         make(chan struct{}, 1),
	}
	if registrar.dial == nil {
		registrar.dial = new(net.Dialer).DialContext
	}
	return registrar
}

// Announce registers the instance, which must be listening, and keeps
// it registered until Withdraw. It blocks until the registry has taken it and,
// with Verdict, a check passes. It does nothing if it is announced already. The
// error wraps ErrInvalid, ErrTaken or ErrUnwell, or is the registry's; then
// nothing is kept, but a request that timed out may have arrived: Withdraw
// takes that back.
func (r *Registrar) Announce(ctx context.Context) error {
	return r.AnnounceWithin(ctx, 0)
}

// AnnounceWithin is Announce, tried again until patience has passed or the
// error [IsFinal].
func (r *Registrar) AnnounceWithin(ctx context.Context, patience time.Duration) error {
	return r.announceWithin(ctx, patience, nil)
}

// announceWithin is AnnounceWithin for what listens there, if that is known.
func (r *Registrar) announceWithin(ctx context.Context, patience time.Duration, listening net.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		return nil
	}
	r.listening = listening
	first := time.Now()
	for retry := (pace.Turn{}); ; {
		err := r.announce(ctx)
		if err == nil {
			return nil
		}
		wait := retry.After(refusal.AloneFor(err))
		if IsFinal(err) || time.Since(first)+wait > patience || pace.Sleep(ctx, wait) != nil {
			r.stand.become(Withdrawn, err)
			return fmt.Errorf("announce %q: %w", r.registration.ID, err)
		}
		if _, _, trouble := r.stand.get(); trouble == nil {
			r.logger.Warn("registry does not take the announcement, trying again", "error", err)
		}
		r.stand.suffer(err)
	}
}

// IsFinal reports whether an announcement that failed with err would fail
// again: what is invalid, taken, unwell, or refused by the registry.
func IsFinal(err error) bool {
	return errors.Is(err, discover.ErrInvalid) || errors.Is(err, ErrTaken) || errors.Is(err, ErrUnwell) || refusal.IsRefused(err)
}

// isUnsent reports whether a registration that failed did not arrive for sure.
func isUnsent(err error) bool {
	return errors.Is(err, discover.ErrInvalid) || refusal.IsRefused(err) || refusal.IsUnsent(err)
}

func (r *Registrar) announce(ctx context.Context) error {
	if err := r.awaitKeeper(ctx); err != nil {
		return err
	}
	if err := r.fillIn(ctx); err != nil {
		return err
	}
	if err := r.validate(); err != nil {
		return err
	}
	r.stand.become(Registering, nil)
	left, err := r.claim(ctx)
	if err != nil {
		return err
	}
	p := newPulse(r.registration.Check, r.health)
	first := r.wish()
	if r.registration.Check.TTL > 0 {
		felt := p.feel(ctx)
		r.felt.Store(&felt)
		first = r.wish()
	}
	if r.judged() && r.checked() {
		first.Check.Status = discover.Critical // until a check has looked
	}
	if err := r.clear(ctx, left); err != nil {
		return err
	}
	before := r.sent.Swap(true)
	if err := r.registry.Register(ctx, first); err != nil {
		r.sent.Store(before || !isUnsent(err))
		return err
	}
	r.run(ctx, p)
	if !r.judged() {
		return nil
	}
	if err := r.awaitVerdict(ctx); err != nil {
		return errors.Join(err, r.takeBack(ctx))
	}
	return nil
}

// run starts what keeps the announcement true.
func (r *Registrar) run(ctx context.Context, p *pulse) {
	// The keeper must know our definition before somebody alters it. If this
	// fails, it asks again.
	k := newKeeper()
	_ = r.compare(ctx, k)
	r.stand.become(Registered, nil)
	// It outlives ctx: Withdraw ends it and waits.
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	r.stop, r.done = stop, done
	var running sync.WaitGroup
	running.Go(func() { r.keep(keeping, k) })
	if r.registration.Check.TTL > 0 {
		running.Go(func() { r.beat(keeping, p) })
	}
	go func() {
		defer close(done)
		running.Wait()
	}()
}

// takeBack undoes an announcement that came to nothing. The registry promises
// that this is short; when it fails, Withdraw can be called.
func (r *Registrar) takeBack(ctx context.Context) error {
	r.stop()
	r.stop = nil
	<-r.done
	return r.registry.Deregister(context.WithoutCancel(ctx), r.registration.ID)
}

// validate returns an error that wraps ErrInvalid if the registration, or what
// is wanted beside it, cannot be.
func (r *Registrar) validate() error {
	if err := r.registration.Validate(); err != nil {
		return err
	}
	switch ttl := r.registration.Check.TTL > 0; {
	case r.claims:
		return fmt.Errorf("%w meta key %q: a registrar sets it itself, to tell whose an id is: leave it out", discover.ErrInvalid, ownerKey)
	case ttl && r.reporter == nil:
		return fmt.Errorf("%w check: this registry takes no reports, as a TTL wants them", discover.ErrInvalid)
	case !ttl && r.health != nil:
		return fmt.Errorf("%w check: a health function is for a TTL, and this registry would not hear of it", discover.ErrInvalid)
	case r.verdict < 0:
		return fmt.Errorf("%w time to wait for a verdict: it is negative", discover.ErrInvalid)
	}
	return nil
}

// wish is what the registry should hold, with the health that is known: what is
// put back must not look better than it was.
func (r *Registrar) wish() Registration {
	wish := r.registration
	if felt := r.felt.Load(); felt != nil && wish.Check.TTL > 0 {
		wish.Check.Status = felt.status
	}
	if r.paused.Load() != nil && r.hasCheck() {
		wish.Check.Status = discover.Critical // until it is in maintenance again
	}
	return wish
}

// hasCheck reports whether the registration is looked at, or told of.
func (r *Registrar) hasCheck() bool {
	return r.registration.Check.Kind() != "" && !r.registration.Check.Unchecked
}

// Withdraw deregisters the instance. It blocks, and tries again until the
// registry takes it, refuses for good, or ctx ends: give it a deadline. After
// nil the registry does not hold the registration, and nothing puts it back;
// what another process has announced under the id stays. It may be called at
// any time, and again after an error. If nothing was sent, it does nothing.
func (r *Registrar) Withdraw(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sent.Load() {
		return nil
	}
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	r.stand.become(Leaving, nil)
	r.paused.Store(nil)
	if err := r.withdraw(ctx); err != nil {
		r.stand.suffer(err)
		return fmt.Errorf("withdraw %q: %w", r.registration.ID, err)
	}
	r.stand.become(Withdrawn, nil)
	return nil
}

func (r *Registrar) withdraw(ctx context.Context) error {
	if err := r.awaitKeeper(ctx); err != nil {
		return err
	}
	for retry := (pace.Turn{}); ; {
		if held, is := r.rival(ctx); is {
			r.logger.Warn("not deregistering what another process announced", "error", takenBy(held))
			return nil
		}
		err := r.registry.Deregister(ctx, r.registration.ID)
		if err == nil {
			return nil
		}
		if errors.Is(err, discover.ErrInvalid) || refusal.IsRefused(err) || pace.Sleep(ctx, retry.After(refusal.AloneFor(err))) != nil {
			return err
		}
	}
}

// awaitKeeper waits until what was stopped has ended.
func (r *Registrar) awaitKeeper(ctx context.Context) error {
	if r.done == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Standing returns how the announcement stands.
func (r *Registrar) Standing() Standing {
	now, _, _ := r.stand.get()
	return now
}

// Detail returns how the announcement stands, and what is wrong.
func (r *Registrar) Detail() Detail {
	now, since, trouble := r.stand.get()
	d := Detail{ID: r.registration.ID, Service: r.registration.Service, Standing: now, Since: since, Healed: r.healed.Load()}
	if trouble != nil {
		d.Trouble = trouble.Error()
	}
	return d
}
