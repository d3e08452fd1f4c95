package announce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/quiet"
)

// errShown is why a leave was not clean although the registry took it: a Consul
// agent says yes, and tells the catalog later, with a token of its own.
var errShown = errors.New("the registry took the withdrawal and shows the instance all the same: the agent of a Consul with ACLs " +
	"needs a token of its own (acl.tokens.agent, or default) with node:write on its node, or else it may not take the instance out of the catalog; its log says so")

// told waits until a reader of each registry can know. The error says of which it
// is not known that it does.
func (cfg RunConfig) told(parts []Part, paused bool) error {
	err := each(parts, func(p Part) error {
		source := cfg.reader(p)
		if source == nil || cfg.Absence < 0 {
			return nil
		}
		return cfg.absence(source, p, paused)
	})
	if err != nil {
		quiet.Logger(cfg.Logger).Warn("leaving before readers are known to know", "error", err)
	}
	return err
}

// onlyShown returns err where an instance is still shown. It is no failure when that
// cannot be known: the time has passed.
func onlyShown(err error) error {
	if errors.Is(err, errShown) {
		return err
	}
	return nil
}

// absence waits until a reader of src can know that p's instance is gone, or paused.
// The error wraps errShown where src shows afterwards, asked anew, that it is not.
func (cfg RunConfig) absence(src discover.Source, p Part, paused bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(cfg.Absence, 3*time.Second))
	defer cancel()
	await := AwaitAbsence
	if paused {
		await = awaitPause
	}
	q := discover.Query{Service: p.Registrar.registration.Service}
	err := await(ctx, src, q, p.Registrar.registration.ID)
	if err != nil && p.Registrar.isShown(src, q, paused) {
		return fmt.Errorf("leave %q: %w", p.Registrar.registration.ID, errShown)
	}
	return err
}

// isShown reports whether src answers with what r announced: among the healthy
// ones, or at all where it was not paused but withdrawn. What has the id and is
// somebody else's, on another node for one, is not meant.
func (r *Registrar) isShown(src discover.Source, q discover.Query, paused bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := src.Next(ctx, q, 0)
	if err != nil {
		return false
	}
	shown := s.Instances
	if !paused {
		shown = append(shown[:len(shown):len(shown)], s.Unhealthy...)
	}
	for _, i := range shown {
		if i.ID == r.registration.ID && i.Meta[ownerKey] == r.owner {
			return true
		}
	}
	return false
}
