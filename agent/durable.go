package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

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

// lookAfter has the folder looked at while nobody writes: what happened to it is in
// the log before the agent is stopped with all that is in its memory alone. It
// ends with ctx.
func lookAfter(ctx context.Context, store *state.Store) {
	ticker := time.NewTicker(journal.LookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = store.Ready() // the journal has said it
		case <-ctx.Done():
			return
		}
	}
}

// resumed returns the configuration for a store that goes on: the machine keeps
// the id that it got by chance.
func (c Config) resumed(s *state.Snapshot) Config {
	if former := local.FormerNode(s); c.NodeID == "" && former != nil {
		c.NodeID = former.ID
	}
	return c
}
