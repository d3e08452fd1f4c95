package httpdiscover_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
	"github.com/realjf/muster/discover/retry"
)

// hanging answers after a millisecond, or not at all.
type hanging struct{ hangs atomic.Bool }

func (h *hanging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Millisecond)
	if h.hangs.Load() {
		<-r.Context().Done()
	}
}

// load sends requests at a steady rate, however long answers take, each with a
// context that ends with it, waits for all, and returns how many failed.
func (f *fixture) load(t *testing.T, n int, each time.Duration, method string) (failed int) {
	var all sync.WaitGroup
	var lost atomic.Int64
	for range n {
		all.Go(func() { // ends with the request; awaited below
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			response, err := f.client.Do(request(t, ctx, method, "http://web", nil))
			if err != nil {
				lost.Add(1)
				return
			}
			_ = response.Body.Close() // it is empty
		})
		time.Sleep(each)
	}
	all.Wait()
	return int(lost.Load())
}

// An instance that hangs costs few attempts, is ejected as it goes on, and is back
// when it answers.
func TestHang(t *testing.T) {
	timeout := httpdiscover.Config{Retry: httpdiscover.Retry{Timeout: time.Second}}
	for name, test := range map[string]struct {
		method string
		cfg    httpdiscover.Config
		most   int // lost attempts in two minutes
	}{
		"attempts that take too long": {"GET", timeout, 3},
		"hedges":                      {"GET", httpdiscover.Config{Hedge: httpdiscover.Hedge{Percentile: 0.95}}, 3},
		"not to be done late":         {"PUT", timeout, 12},
		"not to be sent twice":        {"POST", timeout, 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network pipes
				var one hanging
				network.serve(t, instance(1), one.ServeHTTP)
				for n := 2; n <= 5; n++ {
					network.serve(t, instance(n), new(hanging).ServeHTTP)
				}
				cfg := test.cfg
				cfg.Base = network.base()
				f := newFixture(t, cfg)
				f.Set("web", instance(1), instance(2), instance(3), instance(4), instance(5))
				f.load(t, 500, 10*time.Millisecond, test.method)
				f.seen()

				one.hangs.Store(true)
				failed := f.load(t, 12_000, 10*time.Millisecond, test.method) // for two minutes
				time.Sleep(2 * time.Second)                                   // for those that lost
				synctest.Wait()
				lost, copies := 0, 0
				for _, a := range f.seen() {
					if a.Number == 0 {
						copies++
					} else if a.Status == 0 {
						lost++
					}
					if a.Status == 0 && (a.Target.ID != "web-1" || !a.Failed) {
						t.Errorf("attempt %+v", a)
					}
				}
				t.Logf("of 12,000 requests %d attempts and %d copies were lost", lost, copies)
				if lost == 0 || lost > test.most || copies > 12 {
					t.Errorf("%d attempts were lost, and %d copies, want a few", lost, copies)
				}
				switch test.method {
				case "GET":
					if failed != 0 || copies == 0 {
						t.Errorf("%d requests failed, and %d copies were sent", failed, copies)
					}
				case "PUT":
					if failed != 0 || copies != 0 {
						t.Errorf("%d requests failed, and %d copies were sent", failed, copies)
					}
				case "POST":
					if failed != lost || copies != 0 {
						t.Errorf("%d requests failed of %d attempts that were lost, and %d copies were sent", failed, lost, copies)
					}
				}
				one.hangs.Store(false)
				time.Sleep(5 * time.Minute)
				// A fifth is due by chance; of 100 it is less than ten once in 400 times, of
				// 400 less than forty once in millions.
				if f.load(t, 400, 10*time.Millisecond, test.method); f.to("web-1") < 40 {
					t.Error("it is not asked any more")
				}
			})
		})
	}
}

// No PUT is left with an instance beside the one that the caller waits for: taken up
// late, it would undo the caller's next one.
func TestHangUndoesNothing(t *testing.T) {
	for name, hedge := range map[string]httpdiscover.Hedge{"attempts that take too long": {}, "hedges": {Delay: 10 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network pipes
				var one hanging
				one.hangs.Store(true)
				network.serve(t, instance(1), one.ServeHTTP)
				network.serve(t, instance(2), new(hanging).ServeHTTP)
				f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: byTurns, Retry: httpdiscover.Retry{Timeout: time.Second}, Hedge: hedge})
				f.Set("web", instance(1), instance(2))
				asked := 0
				for range 60 {
					f.do(t, request(t, t.Context(), "PUT", "http://web", nil))
					for _, a := range f.seen() {
						if a.Number == 0 || a.Cause == httpdiscover.ErrSlow || a.Lost {
							t.Errorf("attempt %d at %s, for %v", a.Number, a.Target.ID, a.Cause)
						}
						if a.Target.ID == "web-1" {
							asked++
						}
					}
					time.Sleep(time.Second / 10)
				}
				if asked < 2 {
					t.Errorf("%d attempts at the one that hangs: no request finds out about it", asked)
				}
			})
		})
	}
}

// Requests of which a few take long do not have the others pile up on one instance.
func TestSlowOnesAmongQuickOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests, fleet, seldom = 10_000, 5, 250
		var network pipes
		var all []discover.Instance
		for n := range fleet {
			network.serve(t, instance(n+1), func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					time.Sleep(30 * time.Second)
				}
				time.Sleep(2 * time.Millisecond)
			})
			all = append(all, instance(n+1))
		}
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: byTurns})
		f.Set("web", all...)
		var ended sync.WaitGroup
		for n := range requests {
			url := "http://web/"
			if n%seldom == seldom-1 {
				url += "slow"
			}
			ended.Go(func() { // ends with the request; awaited below
				response, err := f.client.Get(url)
				if err != nil {
					t.Error(err)
					return
				}
				_ = response.Body.Close() // it is empty
			})
			time.Sleep(time.Millisecond)
			if n%97 == 0 {
				time.Sleep(15 * time.Millisecond) // nobody asks for longer than is usual
			}
		}
		quick := map[string]int{}
		for _, a := range f.seen() {
			quick[a.Target.ID]++
		}
		for id, n := range quick {
			if n > requests*3/10 {
				t.Errorf("%s had %d of %d requests, of %v", id, n, requests, quick)
			}
		}
		ended.Wait()
	})
}

// However many requests come at once, one of them finds out about who is silent;
// and where there may be no copy the request itself does.
func TestOneFindsOut(t *testing.T) {
	for name, test := range map[string]struct {
		budget         retry.BudgetConfig
		copies, others int
	}{
		"by a copy": {copies: 1},
		"by itself": {budget: retry.BudgetConfig{Share: -1, PerSecond: -1}, others: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network pipes
				var one hanging
				network.serve(t, instance(1), one.ServeHTTP)
				network.serve(t, instance(2), new(hanging).ServeHTTP)
				f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: byTurns, Retry: httpdiscover.Retry{Timeout: time.Second, Budget: test.budget}})
				f.Set("web", instance(1), instance(2))
				f.load(t, 500, 10*time.Millisecond, "GET")
				one.hangs.Store(true)
				f.load(t, 2, 0, "GET") // one of these waits in vain
				time.Sleep(5 * time.Second)
				f.seen()
				f.load(t, 200, 0, "GET")
				time.Sleep(2 * time.Second)
				copies, others := 0, 0
				for _, a := range f.seen() {
					switch {
					case a.Number == 0:
						copies++
					case a.Target.ID == "web-1":
						others++
					}
				}
				if copies != test.copies || others != test.others {
					t.Errorf("%d copies and %d requests went to the one that is silent, want %d and %d", copies, others, test.copies, test.others)
				}
			})
		})
	}
}

// to returns how many of the attempts since seen went to an instance.
func (f *fixture) to(id string) (n int) {
	for _, a := range f.seen() {
		if a.Target.ID == id {
			n++
		}
	}
	return n
}

// One that is slow and answers in the end loses, and fails nobody.
func TestHedgeSlowIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		network.serve(t, instance(1), takes(300*time.Millisecond, 200, &gone))
		network.serve(t, instance(2), takes(time.Millisecond, 200, &gone))
		f := newFixture(t, httpdiscover.Config{
			Base: network.base(), Policy: first{"web-1"}, Hedge: httpdiscover.Hedge{Delay: 10 * time.Millisecond}, Retry: httpdiscover.Retry{Budget: retry.BudgetConfig{Share: 1}},
		})
		f.Set("web", instance(1), instance(2))
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			f.do(t, request(t, ctx, "GET", "http://web", nil))
			cancel()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		answered := 0
		for _, a := range f.seen() {
			if a.Failed {
				t.Errorf("attempt %+v", a)
			}
			if a.Lost && a.Status == 200 && a.Took == 300*time.Millisecond {
				answered++
			}
		}
		if answered == 0 || len(gone.what) != 0 {
			t.Errorf("%d that lost were answered, %d cancelled", answered, len(gone.what))
		}
	})
}

// Of those that lose to it at the same time two go on, and the others end at
// once.
func TestHedgeTwoGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		network.serve(t, instance(1), takes(time.Minute, 200, &gone))
		network.serve(t, instance(2), takes(time.Millisecond, 200, &gone))
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}, Hedge: httpdiscover.Hedge{Delay: 10 * time.Millisecond}})
		f.Set("web", instance(1), instance(2))
		f.load(t, 5, 0, "GET")
		synctest.Wait()
		if n := len(gone.what); n != 3 {
			t.Errorf("%d were cancelled at once, want three of five", n)
		}
		begin := time.Now()
		if err := f.transport.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(gone.what); n != 5 || time.Since(begin) != 0 {
			t.Errorf("%d were cancelled %s after Close, want all five at once", n, time.Since(begin))
		}
		if failed := f.failed(); failed != 0 {
			t.Errorf("%d failed, of which it is not known", failed)
		}
	})
}

// Callers that go do not make an instance look well.
func TestCancelSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		network.serve(t, instance(1), takes(time.Hour, 200, &gone))
		network.serve(t, instance(2), ok)
		left := new(atomic.Int64)
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: balance.Outlier(balance.OutlierConfig{}, among{left, first{"web-1"}})})
		f.Set("web", instance(1), instance(2))
		for n := range 9 {
			if left.Load() == 1 {
				t.Fatalf("it is ejected after %d requests", n)
			}
			time.Sleep(time.Minute) // longer than it is left alone for its silence
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if n%2 == 1 { // this one goes before its time is up
				time.AfterFunc(10*time.Millisecond, cancel)
			}
			if _, err := f.client.Do(request(t, ctx, "POST", "http://web", nil)); err == nil {
				t.Fatalf("request %d was answered", n)
			}
			cancel()
		}
		time.Sleep(time.Second)
		if left.Load() != 1 {
			t.Error("after five time-outs it is not ejected")
		}
	})
}

// among is a policy that notes how many there are to choose from.
type among struct {
	left *atomic.Int64
	balance.Policy
}

// Plan implements [balance.Policy].
func (a among) Plan(candidates []balance.Candidate, now time.Time) balance.Plan {
	a.left.Store(int64(len(candidates)))
	return a.Policy.Plan(candidates, now)
}
