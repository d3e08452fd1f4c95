package command

import (
	"errors"
	"log/slog"
)

// embedded is a registry that runs in this process.
type embedded struct {
	address string        // host:port of its HTTP API
	done    chan struct{} // closed when it has ended
}

// startEmbedded says that there is no registry in this program yet.
func startEmbedded(string, *slog.Logger) (*embedded, error) {
	return nil, errors.ErrUnsupported
}

func (e *embedded) stop() error { return nil }
