package httpdiscover_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
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

// takes answers after some time, unless the client is gone before; then it
// tells.
func takes(d time.Duration, status int, gone *order) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case <-time.After(d):
			w.WriteHeader(status)
			_, _ = io.WriteString(w, r.Host+string(body))
		case <-r.Context().Done():
			gone.note("gone")
		}
	}
}

// order notes what happened.
type order struct {
	mu   sync.Mutex
	what []string
}

func (o *order) note(what string) { o.mu.Lock(); defer o.mu.Unlock(); o.what = append(o.what, what) }

// What is safe to repeat is sent to a second instance when the first takes
// long, and the one that comes first is the answer.
func TestHedge(t *testing.T) {
	type try struct {
		to     string
		cause  error
		status int
		lost   bool
	}
	slow := httpdiscover.ErrSlow
	hedge := httpdiscover.Hedge{Delay: 100 * time.Millisecond}
	no := retry.BudgetConfig{Share: -1, PerSecond: -1}
	for name, test := range map[string]struct {
		method, body  string
		first, second time.Duration
		status        [2]int
		retry         httpdiscover.Retry
		alone         bool
		want          []try
		got           int
		took          time.Duration
	}{
		"quick": {first: 50 * time.Millisecond, want: []try{{"web-1", nil, 200, false}}, got: 200, took: 50 * time.Millisecond},
		"slow": {first: time.Minute, second: 10 * time.Millisecond, want: []try{{"web-2", slow, 200, false}, {"web-1", nil, 0, true}},
			got: 200, took: 110 * time.Millisecond},
		"the first wins after all": {first: 120 * time.Millisecond, second: time.Minute, want: []try{{"web-1", nil, 200, false}, {"web-2", slow, 0, true}},
			got: 200, took: 120 * time.Millisecond},
		"a body that can be had anew": {method: "GET", body: "!", first: time.Minute, want: []try{{"web-2", slow, 200, false}, {"web-1", nil, 0, true}},
			got: 200, took: 100 * time.Millisecond},
		"its loser may come late": {method: "PUT", body: "!", first: time.Second, want: []try{{"web-1", nil, 200, false}}, got: 200, took: time.Second},
		"not safe to repeat":      {method: "POST", first: time.Second, want: []try{{"web-1", nil, 200, false}}, got: 200, took: time.Second},
		"no budget":               {first: time.Second, retry: httpdiscover.Retry{Budget: no}, want: []try{{"web-1", nil, 200, false}}, got: 200, took: time.Second},
		"no more attempts":        {first: time.Second, retry: httpdiscover.Retry{Attempts: 1}, want: []try{{"web-1", nil, 200, false}}, got: 200, took: time.Second},
		"no other instance":       {first: time.Second, alone: true, want: []try{{"web-1", nil, 200, false}}, got: 200, took: time.Second},
		"the other fails": {first: time.Second, second: time.Millisecond, status: [2]int{200, 503}, want: []try{{"web-2", slow, 503, false}, {"web-1", nil, 200, false}},
			got: 200, took: time.Second},
		"both fail": {first: time.Second, second: 2 * time.Second, status: [2]int{503, 502}, retry: httpdiscover.Retry{Attempts: 2},
			want: []try{{"web-1", nil, 503, false}, {"web-2", slow, 502, false}}, got: 502, took: 2*time.Second + 100*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network pipes
				var gone order
				code := func(n int) int { return max(test.status[n], map[bool]int{true: 200}[test.status[n] == 0]) }
				network.serve(t, instance(1), takes(test.first, code(0), &gone))
				network.serve(t, instance(2), takes(test.second, code(1), &gone))
				f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}, Hedge: hedge, Retry: test.retry})
				if f.Set("web", instance(1), instance(2)); test.alone {
					f.Set("web", instance(1))
				}
				var body io.Reader
				if test.body != "" {
					body = strings.NewReader(test.body)
				}
				begin := time.Now()
				status, _, text := f.do(t, request(t, t.Context(), test.method, "http://web", body))
				if took := time.Since(begin); status != test.got || text != "web"+test.body || took != test.took {
					t.Errorf("got %d %q after %s, want %d %q after %s", status, text, took, test.got, "web"+test.body, test.took)
				}
				time.Sleep(2 * time.Second) // the loser, of which nothing is heard, tells last
				synctest.Wait()
				var got []try
				lost := 0
				for _, a := range f.seen() {
					got = append(got, try{a.Target.ID, a.Cause, a.Status, a.Lost})
					if a.Lost {
						lost++
					}
					if bad := a.Status > 500 || a.Lost; a.Failed != bad || a.Lost != (a.Err != nil) {
						t.Errorf("got attempt %+v", a)
					}
					if a.Target.Running() != 0 {
						t.Errorf("a call to %s is under way", a.Target.ID)
					}
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got attempts %v, want %v", got, test.want)
				}
				if len(gone.what) != lost {
					t.Errorf("%d servers saw their client go, want %d", len(gone.what), lost)
				}
			})
		})
	}
}

// Who hangs is asked again only as far as the budget goes.
func TestHedgeBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		network.serve(t, instance(1), takes(time.Second, 200, &gone))
		network.serve(t, instance(2), takes(0, 200, &gone))
		f := newFixture(t, httpdiscover.Config{
			Base: network.base(), Policy: first{"web-1"}, Hedge: httpdiscover.Hedge{Delay: time.Millisecond},
			Retry: httpdiscover.Retry{Budget: retry.BudgetConfig{Share: 0.25, PerSecond: -1, Window: time.Hour}},
		})
		f.Set("web", instance(1), instance(2))
		for range 40 {
			f.do(t, request(t, t.Context(), "GET", "http://web", nil))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(f.seen()); n != 50 {
			t.Errorf("%d attempts for 40 requests, want a quarter more", n)
		}
	})
}

// With a percentile the delay is what the service is like.
func TestHedgePercentile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		slow := make(chan bool, 1)
		network.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) {
			d := 10 * time.Millisecond
			if <-slow {
				d = time.Minute
			}
			takes(d, 200, &gone)(w, r)
		})
		network.serve(t, instance(2), takes(10*time.Millisecond, 200, &gone))
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}, Hedge: httpdiscover.Hedge{Percentile: 0.95}})
		f.Set("web", instance(1), instance(2))
		for range 100 {
			slow <- false
			f.do(t, request(t, t.Context(), "GET", "http://web", nil))
		}
		if n := len(f.seen()); n != 100 {
			t.Errorf("%d attempts for 100 quick requests", n)
		}
		slow <- true
		begin := time.Now()
		f.do(t, request(t, t.Context(), "GET", "http://web", nil))
		if took := time.Since(begin); took < 20*time.Millisecond || took > 22*time.Millisecond {
			t.Errorf("it took %s, want what nearly all take, and that once more", took)
		}
	})
}

// A body that is read after the race is whole, and the request that is given
// back is the caller's.
func TestHedgeBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		network.serve(t, instance(1), takes(time.Minute, 200, &gone))
		network.serve(t, instance(2), func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begin ")
			http.NewResponseController(w).Flush()
			time.Sleep(time.Hour)
			_, _ = io.WriteString(w, "end")
		})
		f := newFixture(t, httpdiscover.Config{
			Base: network.base(), Policy: first{"web-1"}, Hedge: httpdiscover.Hedge{Delay: time.Second}, Retry: httpdiscover.Retry{Timeout: 10 * time.Second},
		})
		f.Set("web", instance(1), instance(2))
		r := request(t, t.Context(), "GET", "http://web", nil)
		response, err := f.transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if response.Request != r {
			t.Error("the response is of another request")
		}
		if text, err := io.ReadAll(response.Body); string(text) != "begin end" || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
	})
}

// A caller that goes ends both, and Close waits for who lost.
func TestHedgeCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		var gone order
		network.serve(t, instance(1), takes(time.Minute, 200, &gone))
		network.serve(t, instance(2), takes(time.Minute, 200, &gone))
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}, Hedge: httpdiscover.Hedge{Delay: time.Second}})
		f.Set("web", instance(1), instance(2))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := f.client.Do(request(t, ctx, "GET", "http://web", nil))
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("got error %v after %s", err, took)
		}
		if err := f.transport.Close(); err != nil {
			t.Error(err)
		}
		if n := len(f.seen()); n != 2 {
			t.Errorf("%d attempts, want two", n)
		}
		synctest.Wait()
		if len(gone.what) != 2 {
			t.Errorf("%d servers saw their client go, want two", len(gone.what))
		}
	})
}

// Begin has its say before an attempt is sent, in the headers and in the
// context that Observe finds.
func TestBegin(t *testing.T) {
	type key struct{}
	seen := make(map[int]any)
	fail := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	fine := serve(t, "web-2", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Attempt")) })
	f := newFixture(t, httpdiscover.Config{
		Policy: first{"web-1"},
		Begin: func(a httpdiscover.Attempt, header http.Header) context.Context {
			header.Set("Attempt", a.Target.ID)
			return context.WithValue(a.Context, key{}, a.Target.ID)
		},
		Observe: func(a httpdiscover.Attempt) { seen[a.Number] = a.Context.Value(key{}) },
	})
	f.Set("web", fail.instance, fine.instance)
	r := request(t, t.Context(), "GET", "http://web", nil)
	if _, _, body := f.do(t, r); body != "web-2" || len(r.Header) != 0 || seen[1] != "web-1" || seen[2] != "web-2" {
		t.Errorf("got %q, the caller's headers %v, and observed %v", body, r.Header, seen)
	}
	attempts := f.seen()
	if len(attempts) != 2 || attempts[0].Cause != nil || attempts[1].Cause == nil || attempts[1].Cause.Error() != "status 503" {
		t.Errorf("got attempts %+v", attempts)
	}
}

// Many at once, real connections, bodies that are read, and a Close in the
// middle of it: nothing fails but for what comes after, and nothing is left.
func TestHedgeCrowd(t *testing.T) {
	var turns atomic.Int64
	slowly := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if turns.Add(1)%3 == 0 {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		_, _ = w.Write(append(body, make([]byte, 10_000)...))
	}
	one, two, three := serve(t, "web-1", slowly), serve(t, "web-2", slowly), serve(t, "web-3", slowly)
	lost := make(chan *balance.Target, 10_000)
	f := newFixture(t, httpdiscover.Config{
		Hedge: httpdiscover.Hedge{Delay: time.Millisecond},
		Retry: httpdiscover.Retry{Budget: retry.BudgetConfig{Share: 1}},
		Observe: func(a httpdiscover.Attempt) {
			if a.Lost {
				lost <- a.Target
			}
		},
	})
	f.Set("web", one.instance, two.instance, three.instance)
	var crowd sync.WaitGroup
	var closing sync.Once
	for caller := range 20 {
		crowd.Go(func() { // ends by itself; awaited below
			for n := range 25 {
				r := request(t, t.Context(), "PUT", "http://web", strings.NewReader("hello"))
				r.Header.Set("Idempotency-Key", "of the caller") // so it may be hedged
				response, err := f.client.Do(r)
				if err != nil {
					if !errors.Is(err, discover.ErrClosed) {
						t.Error(err)
					}
					return
				}
				text, err := io.ReadAll(response.Body)
				if response.Body.Close(); err != nil || len(text) != 10_005 || string(text[:5]) != "hello" {
					t.Errorf("got %d bytes, %v", len(text), err)
				}
				r.Header.Set("Of", "the caller again")
				if caller == 0 && n == 20 {
					closing.Do(func() { _ = f.transport.Close() }) // it has no error to give
				}
			}
		})
	}
	crowd.Wait()
	if len(lost) == 0 {
		t.Error("nobody lost: no attempt was hedged")
	}
	for range len(lost) {
		target := <-lost
		for deadline := time.Now().Add(20 * time.Second); target.Running() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d calls to %s are under way", target.Running(), target.ID)
			}
		}
	}
}
