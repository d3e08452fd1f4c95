package command

import (
	"context"
	"errors"
	"log/slog"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/config"
)

// embedded is a registry that runs in this process.
type embedded struct {
	address string // host:port of its HTTP API
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended
	err     error         // why it ended; to be read after done
}

// startEmbedded starts a registry, in memory, at address. The error is
// syscall.EADDRINUSE when somebody listens there already. The caller stops it.
func startEmbedded(address string, logger *slog.Logger) (*embedded, error) {
	cfg := agent.DevConfig()
	cfg.HTTPAddr, cfg.DNSIfFree = address, true
	if address != agent.DevConfig().HTTPAddr {
		cfg.DNSAddr = "" // who moved one door is not surprised by another one at its usual place
	}
	cfg.Version = config.Version()
	cfg.Stay = true // the service would be left without it
	cfg.Logger = logger.With("part", "registry")
	a, err := agent.New(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &embedded{address: a.HTTPAddr().String(), cancel: cancel, done: make(chan struct{})}
	go func() { // stop ends it and waits
		defer close(e.done)
		e.err = a.Run(ctx)
	}()
	return e, nil
}

// stop ends the registry and waits for it. The error is why it ended, if that
// was not because it was asked to.
func (e *embedded) stop() error {
	e.cancel()
	<-e.done
	if errors.Is(e.err, context.Canceled) {
		return nil
	}
	return e.err
}
