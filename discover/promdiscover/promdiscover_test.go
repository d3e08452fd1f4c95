package promdiscover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/promdiscover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web",
			discover.Instance{ID: "1"},
			discover.Instance{ID: "2"},
			discover.Instance{ID: "3", Status: discover.Critical},
		)
		cache := discover.NewCache(src, discover.CacheConfig{})
		defer cache.Close()
		for _, q := range []discover.Query{{Service: "web"}, {Service: "web", Tags: "v2", Warning: true}} {
			if _, err := cache.Get(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		registrar := announce.NewRegistrar(&forgetful{}, announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
		if err := registrar.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // heals once
		if err := registrar.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}

		want := `
# HELP muster_discover_instances Instances of a watched service in the registry's latest good answer, by status.
# TYPE muster_discover_instances gauge
muster_discover_instances{query="",service="web",status="critical"} 1
muster_discover_instances{query="tags=v2&warning=true",service="web",status="critical"} 0
muster_discover_instances{query="",service="web",status="maintenance"} 0
muster_discover_instances{query="tags=v2&warning=true",service="web",status="maintenance"} 0
muster_discover_instances{query="",service="web",status="passing"} 2
muster_discover_instances{query="tags=v2&warning=true",service="web",status="passing"} 0
muster_discover_instances{query="",service="web",status="warning"} 0
muster_discover_instances{query="tags=v2&warning=true",service="web",status="warning"} 0
# HELP muster_discover_list_age_seconds Time since the registry last gave the list of a watched service. It stays below the wait time of a blocking query, about a minute, while the registry answers.
# TYPE muster_discover_list_age_seconds gauge
muster_discover_list_age_seconds{query="",service="web"} 30
muster_discover_list_age_seconds{query="tags=v2&warning=true",service="web"} 30
# HELP muster_discover_registrations_healed_total Registrations of this process that were put back after the registry lost them or somebody altered them.
# TYPE muster_discover_registrations_healed_total counter
muster_discover_registrations_healed_total 1
# HELP muster_discover_registrations Registrations of this process, by how they stand. What is lost, and stays so, belongs to another process.
# TYPE muster_discover_registrations gauge
muster_discover_registrations{standing="healing"} 0
muster_discover_registrations{standing="leaving"} 0
muster_discover_registrations{standing="lost"} 0
muster_discover_registrations{standing="registered"} 0
muster_discover_registrations{standing="registering"} 0
muster_discover_registrations{standing="withdrawn"} 1
`
		collector := promdiscover.NewCollector(cache, registrar)
		if err := testutil.CollectAndCompare(collector, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.CollectAndLint(collector); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
	})
}

// forgetful is a registry that loses the first registration.
type forgetful struct{ registered int }

func (f *forgetful) Register(context.Context, announce.Registration) error {
	f.registered++
	return nil
}

func (f *forgetful) Deregister(context.Context, string) error { return nil }

func (f *forgetful) Await(ctx context.Context, id, hash string) (string, error) {
	switch {
	case f.registered < 2:
		return "", announce.ErrNotRegistered
	case hash == "":
		return "hash", nil
	}
	<-ctx.Done()
	return "", errors.New("cancelled")
}

// Two caches are told apart by a label.
func TestTwoCollectors(t *testing.T) {
	registry := prometheus.NewRegistry()
	for _, name := range []string{"eu", "us"} {
		cache := discover.NewCache(discover.Fixed(discover.Instance{ID: "1", Service: "web", Port: 80}), discover.CacheConfig{})
		defer cache.Close()
		if _, err := cache.Get(t.Context(), discover.Query{Service: "web"}); err != nil {
			t.Fatal(err)
		}
		if err := prometheus.WrapRegistererWith(prometheus.Labels{"cache": name}, registry).Register(promdiscover.NewCollector(cache)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := testutil.GatherAndCount(registry, "muster_discover_list_age_seconds"); err != nil || got != 2 {
		t.Errorf("got %d lists, error %v; want the one of each cache", got, err)
	}
}

// Who only announces has no cache.
func TestCollectorWithoutACache(t *testing.T) {
	registrar := announce.NewRegistrar(&forgetful{}, announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
	if got := testutil.CollectAndCount(promdiscover.NewCollector(nil, registrar), "muster_discover_registrations_healed_total"); got != 1 {
		t.Errorf("got %d metrics of what was healed, want 1", got)
	}
}

// Who is out is told for as long as there is a balancer, and how often for ever.
func TestCollectorOfEjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := promdiscover.NewCollector(nil)
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1", Weights: discover.Weights{Passing: 1}}, discover.Instance{ID: "2", Weights: discover.Weights{Passing: 1}})
		watcher := discover.Watch(src, discover.Query{Service: "web"}, discover.WatchConfig{})
		defer watcher.Close()
		b := balance.New(watcher, collector.Outlier(balance.OutlierConfig{}, balance.RoundRobin()))
		target, err := b.Pick(t.Context(), balance.Request{})
		if err != nil {
			t.Fatal(err)
		}
		check := func(total, now int) {
			t.Helper()
			want := fmt.Sprintf(`
# HELP muster_client_ejected Instances of a service that are out for their failures, of all balancers of this process.
# TYPE muster_client_ejected gauge
muster_client_ejected{service="web"} %d
# HELP muster_client_ejections_total How often an instance of a service was put out for its failures.
# TYPE muster_client_ejections_total counter
muster_client_ejections_total{service="web"} %d
`, now, total)
			if err := testutil.CollectAndCompare(collector, strings.NewReader(want), "muster_client_ejected", "muster_client_ejections_total"); err != nil {
				t.Error(err)
			}
		}
		check(0, 0)
		target.Start().Done(balance.ErrUnreachable)
		time.Sleep(time.Second)
		check(1, 1)
		if problems, err := testutil.CollectAndLint(collector); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if got := testutil.CollectAndCount(collector, "muster_client_ejected"); got != 1 {
			t.Errorf("got %d services, want the one that had an ejection", got)
		}
		check(1, 0)
	})
}

func TestARegistrarIsMissing(t *testing.T) {
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "NewCollector needs registrars") {
			t.Errorf("panics with %q", said)
		}
	}()
	promdiscover.NewCollector(nil, nil)
}
