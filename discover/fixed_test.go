package discover_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

func TestFixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discover.Fixed(
			discover.Instance{ID: "1", Service: "web", Node: "z"},
			discover.Instance{ID: "2", Service: "web"},
			discover.Instance{ID: "3", Service: "web", Status: discover.Critical, Weights: discover.Weights{Warning: 2}},
			discover.Instance{ID: "4", Service: "shop"},
		)
		s, err := src.Next(t.Context(), web, 0)
		if err != nil {
			t.Fatal(err)
		}
		if discovertest.IDs(s.Instances) != "2 1" || discovertest.IDs(s.Unhealthy) != "3" || s.Index != 1 || s.Confirmed.IsZero() {
			t.Errorf("got %+v", s)
		}
		for _, i := range s.Instances {
			if i.Tags == nil || i.Meta == nil || i.Status != discover.Passing || i.Weights != (discover.Weights{Passing: 1, Warning: 1}) {
				t.Errorf("got %+v, want tags, meta, weights and a status", i)
			}
		}
		if got, want := s.Unhealthy[0].Weights, (discover.Weights{Warning: 2}); got != want {
			t.Errorf("got weights %+v, want %+v as they were", got, want)
		}
		if s, err := src.Next(t.Context(), web, 7); err != nil || s.Index != 1 {
			t.Errorf("after an index that it never had: got %d, error %v; want an answer at once", s.Index, err)
		}
		if s, err := src.Next(t.Context(), discover.Query{Service: "ghost"}, 0); err != nil || s.Known() != 0 {
			t.Errorf("of an unknown service: got %+v, error %v", s, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := src.Next(ctx, web, s.Index); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its index: got error %v, want to block until the context ends", err)
		}
	})
}
