// Package session keeps sessions honest: it creates, renews and destroys them
// in the state, and ends those that were not renewed in time, with the locks
// that they held. What a session's end does to its locks, and that a critical
// check or a lost node ends sessions too, is the state's own rule.
package session

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/alarm"
	"github.com/realjf/muster/internal/quiet"
)

// Consul's limits.
const (
	MinTTL           = 10 * time.Second
	MaxTTL           = 24 * time.Hour
	DefaultLockDelay = 15 * time.Second
)

// Config has what may be chosen. The zero value works.
type Config struct {
	// MinTTL is the least TTL that a session may have; Consul's 10 seconds by
	// default. With less, one that dies is noticed sooner, and clients renew more
	// often.
	MinTTL time.Duration
	// Logger hears of sessions that expire. Nil means silence.
	Logger *slog.Logger
}

// Keeper keeps the sessions of a store. It is safe for concurrent use.
type Keeper struct {
	store  *state.Store
	config Config
	expiry *alarm.Clock[string] // of the sessions with a TTL, by id
}

// New returns the keeper of a store. Its sessions count from now on, and again
// when the store was restored and Restart is called. Call Run to let them
// expire.
func New(store *state.Store, config Config) *Keeper {
	config.Logger = quiet.Logger(config.Logger)
	config.MinTTL = cmp.Or(config.MinTTL, MinTTL)
	k := &Keeper{store: store, config: config, expiry: alarm.New[string]()}
	k.Restart()
	return k
}

// Run lets sessions expire until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	k.expiry.Run(ctx, func(id string) {
		if k.store.Snapshot().Session(id) == nil {
			return // it ended otherwise
		}
		k.config.Logger.Info("session expired", "session", id)
		if err := k.store.Note(ended(id)); err != nil {
			k.config.Logger.Error("session could not be ended", "session", id, "error", err)
		}
	})
}

// Create stores a new session and returns its id. The error is a [Fault], or
// one of [state.Writer.PutSession].
func (k *Keeper) Create(session state.Session) (string, error) {
	ttl, err := k.validate(session)
	if err != nil {
		return "", err
	}
	session.ID = uuid.NewString()
	if err := k.store.Write(func(w *state.Writer) error { return w.PutSession(session) }); err != nil {
		return "", err
	}
	k.postpone(session.ID, ttl)
	return session.ID, nil
}

// Renew gives a session its whole time again and returns it; nil when there
// is no such session.
func (k *Keeper) Renew(id string) *state.Session {
	session := k.store.Snapshot().Session(id)
	if session != nil {
		ttl, _ := time.ParseDuration(session.TTL) // was validated when it was created
		k.postpone(id, ttl)
	}
	return session
}

// Restart gives every session its whole time again: those of a state that was
// restored count from now on.
func (k *Keeper) Restart() {
	for _, session := range k.store.Snapshot().Sessions() {
		k.Renew(session.ID)
	}
}

// Destroy ends a session and its locks. It is no error when there is none.
func (k *Keeper) Destroy(id string) error {
	k.expiry.Stop(id)
	return k.store.Write(ended(id))
}

// ended returns the change that ends a session.
func ended(id string) func(*state.Writer) error {
	return func(w *state.Writer) error {
		w.DeleteSession(id)
		return nil
	}
}

// postpone sets when a session expires: at twice its TTL, as in Consul, so
// that a renewal which is late by less costs no lock.
func (k *Keeper) postpone(id string, ttl time.Duration) {
	if ttl > 0 {
		k.expiry.Set(id, time.Now().Add(2*ttl))
	}
}

// Fault is the error for a session that cannot be, in Consul's words.
type Fault string

func (f Fault) Error() string { return string(f) }

// validate returns the session's TTL, or why it cannot be.
func (k *Keeper) validate(session state.Session) (time.Duration, error) {
	if session.Behavior != state.ReleaseLocks && session.Behavior != state.DeleteLocks {
		return 0, Fault(fmt.Sprintf("Invalid Behavior setting '%s'", session.Behavior))
	}
	if session.TTL == "" {
		return 0, nil
	}
	ttl, err := time.ParseDuration(session.TTL)
	if err != nil {
		return 0, Fault(fmt.Sprintf("Session TTL '%s' invalid: %v", session.TTL, err))
	}
	if ttl != 0 && (ttl < k.config.MinTTL || ttl > MaxTTL) {
		return 0, Fault(fmt.Sprintf("Invalid Session TTL '%d', must be between [%v=%v]", ttl, k.config.MinTTL, MaxTTL))
	}
	return ttl, nil
}
