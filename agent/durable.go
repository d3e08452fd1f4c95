package agent

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/realjf/muster/agent/journal"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/state"
)

// openStore returns the store that the configuration asks for, and what to
// close when nobody writes it any more.
func openStore(config Config, logger *slog.Logger) (*state.Store, io.Closer, error) {
	if config.DataDir == "" {
		return state.New(), io.NopCloser(nil), nil
	}
	kept, saved, err := journal.Open(config.DataDir, journal.Config{Logger: logger, CutDamaged: config.CutDamaged})
	if err != nil {
		return nil, nil, fmt.Errorf("open what is kept: %w", err)
	}
	return state.Resume(saved, kept), kept, nil
}

// resumed returns the configuration for a store that goes on: the machine keeps
// the id that it got by chance.
func (c Config) resumed(s *state.Snapshot) Config {
	if former := local.FormerNode(s); c.NodeID == "" && former != nil {
		c.NodeID = former.ID
	}
	return c
}
