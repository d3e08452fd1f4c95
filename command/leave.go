package command

import (
	"context"
	"errors"
	"time"

	"github.com/realjf/muster/discover/announce"
)

// goneFor is how long a registry gets to come back that nothing listens for any
// more.
const goneFor = 3 * time.Second

// leave takes the instance away so that no request to it fails, and stops the
// embedded registry last. The context that has ended by then is no part of it.
// The error says what was not clean.
func (i *instance) leave() error {
	i.service.Leave()
	i.announcing.end()
	err := errors.Join(announce.Leave(i.registrar, i.server, i.leaving()), i.close())
	if err == nil {
		i.logger.Info("left")
	}
	return err
}

// leaving is how patient the instance is when it leaves.
func (i *instance) leaving() announce.RunConfig {
	cfg := announce.RunConfig{Ended: i.server.done, Logger: i.logger, Settle: i.settle, Withdraw: i.patience()}
	if cfg.Settle == 0 && i.lists.inUse() {
		cfg.Settle = listsUsed
	}
	return cfg
}

// patience is how long a withdrawal is tried for; 0 is as long as the library does.
func (i *instance) patience() time.Duration {
	if i.registrar == nil || !i.registry.gone() {
		return 0
	}
	i.logger.Warn("the registry does not answer, giving it a moment to come back", "patience", goneFor)
	return goneFor
}

// fail takes an instance away that cannot serve or never came to it, and
// returns cause. There is nobody to wait for.
func (i *instance) fail(ctx context.Context, cause error) error {
	var errs []error
	if i.server != nil {
		i.service.Leave()
		i.announcing.end()
		cfg := i.leaving()
		cfg.Absence, cfg.Settle = -1, -1
		if ctx.Err() == nil {
			cfg.Hurry = ctx.Done() // told to end meanwhile
		}
		errs = append(errs, announce.Leave(i.registrar, i.server, cfg))
	}
	for _, err := range append(errs, i.close()) {
		if err != nil {
			i.logger.Warn("not everything could be taken back", "error", err)
		}
	}
	return cause
}

// close ends everything that the instance started beside its server and waits for
// it, the registry last.
func (i *instance) close() error {
	var errs []error
	if i.cache != nil {
		errs = append(errs, i.cache.Close())
	}
	if i.client != nil {
		i.client.CloseIdleConnections()
	}
	if i.registry != nil {
		errs = append(errs, i.registry.close())
	}
	return errors.Join(errs...)
}
