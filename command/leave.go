package command

import (
	"context"
	"errors"
	"time"

	"github.com/realjf/muster/discover"
)

// waits are the bounds of what a leaving instance waits for.
type waits struct {
	withdraw time.Duration // for the registry to take the withdrawal
	gone     time.Duration // for the same while nothing listens where it was
	absence  time.Duration // for a reader of the registry not to see it any more
	settle   time.Duration // for the other readers to hear of it
	drain    time.Duration // for open requests to end
}

var defaultWaits = waits{
	withdraw: 10 * time.Second, // a Consul without a leader takes seven
	gone:     3 * time.Second,
	absence:  3 * time.Second,
	settle:   time.Second,
	drain:    10 * time.Second,
}

// leave takes the instance away so that no request to it fails: it says that
// it is going, withdraws, goes on serving until the registry's readers can
// know, lets open requests end, and stops the embedded registry last. The
// context that has ended by then is no part of it. The error says what was
// not clean.
func (i *instance) leave() error {
	i.service.Leave()
	err := i.withdraw()
	if err == nil {
		i.awaitAbsence()
	}
	i.logger.Info("draining")
	err = errors.Join(err, i.close())
	if err == nil {
		i.logger.Info("left")
	}
	return err
}

// fail takes an instance away that cannot serve or never came to it, and
// returns cause. There is nobody to wait for.
func (i *instance) fail(cause error) error {
	if i.service != nil {
		i.service.Leave()
	}
	for _, err := range []error{i.withdraw(), i.close()} {
		if err != nil {
			i.logger.Warn("not everything could be taken back", "error", err)
		}
	}
	return cause
}

// withdraw takes the registration back, if there is one.
func (i *instance) withdraw() error {
	if i.registrar == nil {
		return nil
	}
	patience := i.waits.withdraw
	if i.registry.gone() {
		patience = i.waits.gone
		i.logger.Warn("the registry does not answer, giving it a moment to come back", "patience", patience)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return i.registrar.Withdraw(ctx)
}

// awaitAbsence waits until the registry's readers can know that the instance
// is gone. It is no failure when they cannot be asked: the time has passed.
func (i *instance) awaitAbsence() {
	ctx, cancel := context.WithTimeout(context.Background(), i.waits.absence)
	defer cancel()
	q := discover.Query{Service: i.registration.Service}
	if err := discover.AwaitAbsence(ctx, i.consul, q, i.registration.ID); err != nil {
		i.logger.Warn("leaving before readers are known to know", "error", err)
		return
	}
	// Other readers are woken at the same moment and may need a little longer.
	select {
	case <-time.After(i.waits.settle):
	case <-i.server.done: // there is nothing left to reach
	}
}

// close ends everything that the instance started and waits for it, the
// registry last.
func (i *instance) close() error {
	var errs []error
	if i.server != nil {
		errs = append(errs, i.server.stop(i.waits.drain))
	}
	if i.cache != nil {
		errs = append(errs, i.cache.Close())
	}
	if i.registry != nil {
		errs = append(errs, i.registry.close())
	}
	return errors.Join(errs...)
}
