package announce_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/discovertest"
)

// lagging is a registry whose readers see what was registered, and are told of no
// withdrawal, as those of a Consul whose agent may not deregister.
type lagging struct {
	*ledger
	seen *discovertest.Hand
}

// Register implements [announce.Registry].
func (l lagging) Register(ctx context.Context, r announce.Registration) error {
	l.seen.Set(r.Service, discover.Instance{ID: r.ID, Meta: r.Meta})
	return l.ledger.Register(ctx, r)
}

// TestLeaveIsNotSeen: a leave after which the instance is shown was not clean. What
// cannot be known is no error, nor is somebody else under the same id.
func TestLeaveIsNotSeen(t *testing.T) {
	for name, tc := range map[string]struct {
		after func(*discovertest.Hand)
		fails bool
	}{
		"still shown":   {func(*discovertest.Hand) {}, true},
		"gone in time":  {func(h *discovertest.Hand) { time.Sleep(time.Second); h.Set("web") }, false},
		"unknown":       {func(h *discovertest.Hand) { h.Fail(errDown) }, false},
		"another's now": {func(h *discovertest.Hand) { h.Set("web", discover.Instance{ID: "web-1", Node: "elsewhere"}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := lagging{newLedger(), discovertest.NewHand()}
				r := announce.NewRegistrar(registry, announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
				if err := r.Announce(t.Context()); err != nil {
					t.Fatal(err)
				}
				go tc.after(registry.seen) // ends by itself, which the bubble waits for
				err := announce.Leave(r, page(nil), announce.RunConfig{Source: registry.seen})
				if tc.fails != (err != nil) || err != nil && !strings.Contains(err.Error(), "acl.tokens.agent") {
					t.Errorf("got error %v, want one: %v", err, tc.fails)
				}
				if r.Standing() != announce.Withdrawn {
					t.Errorf("it stands %s", r.Standing())
				}
			})
		})
	}
}

// tended is a lagging registry that has maintenance, of which readers are told.
type tended struct {
	lagging
	deregisters bool // and of withdrawals
}

// Maintain puts an instance into maintenance.
func (r tended) Maintain(_ context.Context, id, reason string) error {
	s, _ := r.seen.Next(context.Background(), discover.Query{Service: "web"}, 0)
	for _, i := range append(s.Instances, s.Unhealthy...) {
		if i.ID == id {
			i.Status, i.Reason = discover.Maintenance, reason
			r.seen.Set(i.Service, i)
		}
	}
	return nil
}

// Deregister implements [announce.Registry].
func (r tended) Deregister(ctx context.Context, id string) error {
	if r.deregisters {
		r.seen.Set("web")
	}
	return r.ledger.Deregister(ctx, id)
}

// shutdown is what is done when a server is to end.
type shutdown func()

// Shutdown ends it.
func (s shutdown) Shutdown(context.Context) error { s(); return nil }

// TestMaintenanceIsNotSeen: who left through maintenance looks once more, after the
// withdrawal that comes last.
func TestMaintenanceIsNotSeen(t *testing.T) {
	for _, deregisters := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			registry := tended{lagging{newLedger(), discovertest.NewHand()}, deregisters}
			r := announce.NewRegistrar(registry, announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
			if err := r.Announce(t.Context()); err != nil {
				t.Fatal(err)
			}
			drained := discover.Status("")
			drain := shutdown(func() {
				s, _ := registry.seen.Next(t.Context(), discover.Query{Service: "web"}, 0)
				if len(s.Unhealthy) == 1 {
					drained = s.Unhealthy[0].Status
				}
			})
			err := announce.Leave(r, drain, announce.RunConfig{Source: registry.seen, Maintenance: "version 2 comes"})
			if drained != discover.Maintenance {
				t.Errorf("while it drained it was %q", drained)
			}
			if deregisters != (err == nil) || err != nil && !strings.Contains(err.Error(), "acl.tokens.agent") {
				t.Errorf("readers are told of the withdrawal: %t, got error %v", deregisters, err)
			}
		})
	}
}
