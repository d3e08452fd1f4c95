package kitdiscover

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/go-kit/kit/sd"

	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/quiet"
	"github.com/realjf/muster/internal/refusal"
)

// RegistrarConfig holds what a Registrar can do without; the zero value works.
type RegistrarConfig struct {
	// Timeout is how long Register and Deregister try, each; 0 means ten
	// seconds.
	Timeout time.Duration
	// Logger is told what became of them. Nil means silence.
	Logger *slog.Logger
}

// Registrar is a sd.Registrar whose registration is kept true between Register
// and Deregister. Who wants errors, or contexts, calls Announce and Withdraw of
// the [announce.Registrar] in their place: they do the same.
// Its methods may be called concurrently.
type Registrar struct {
	*announce.Registrar
	timeout time.Duration
	logger  *slog.Logger
}

var _ sd.Registrar = (*Registrar)(nil)

// NewRegistrar returns a registrar that announces and withdraws with r. It panics
// when r is nil.
func NewRegistrar(r *announce.Registrar, cfg RegistrarConfig) *Registrar {
	if r == nil {
		panic("kitdiscover: NewRegistrar needs a registrar, and it is nil")
	}
	return &Registrar{
		Registrar: r,
		timeout:   cmp.Or(cfg.Timeout, 10*time.Second),
		logger:    quiet.Logger(cfg.Logger),
	}
}

// announcePause lies between two attempts to announce.
const announcePause = time.Second

// Register implements sd.Registrar. It returns when the instance, which must be
// listening by then, is announced. As nobody learns of an error but the log, it
// tries again until its time is up, or what it hears is final
// ([announce.IsFinal]): that another living process has the id, above all.
func (r *Registrar) Register() {
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	for {
		err := r.Announce(ctx)
		if err == nil {
			r.logger.Info("registered")
			return
		}
		if announce.IsFinal(err) || pace.Sleep(ctx, max(announcePause, refusal.AloneFor(err))) != nil {
			r.logger.Error("cannot register", "error", err)
			return
		}
		r.logger.Warn("cannot register yet", "error", err)
	}
}

// Deregister implements sd.Registrar. It returns when the registry does not hold
// the instance any more, or when its time is up. Nothing puts the registration
// back afterwards.
func (r *Registrar) Deregister() {
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	if err := r.Withdraw(ctx); err != nil {
		r.logger.Error("cannot deregister", "error", err)
		return
	}
	r.logger.Info("deregistered")
}
