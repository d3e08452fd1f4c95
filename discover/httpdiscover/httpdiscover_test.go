package httpdiscover_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
	"github.com/realjf/muster/discover/retry"
)

func TestRoundTrip(t *testing.T) {
	web := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, body)
	})
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	r := request(t, t.Context(), "POST", "http://web/a%2Fb?c=d", strings.NewReader("hello"))
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if want := "POST web /a%2Fb?c=d hello"; err != nil || string(body) != want {
		t.Errorf("got %q, error %v, want %q", body, err, want)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.Request.URL.Host != "web" || r.URL.Host != "web" {
		t.Errorf("the request is now to %q, and the response to one to %q", r.URL, response.Request.URL)
	}
	got := f.seen()
	if len(got) != 1 || got[0].Status != 200 || got[0].Number != 1 || got[0].Service != "web" || got[0].Target.ID != "web-1" || got[0].Failed || got[0].Err != nil {
		t.Errorf("attempts: got %+v", got)
	}
	if n := got[0].Target.Running(); n != 0 {
		t.Errorf("%d calls are under way after the end", n)
	}
}

// The errors before anything is sent, which close the body.
func TestErrors(t *testing.T) {
	f := newFixture(t, httpdiscover.Config{})
	f.Set("out", discover.Instance{ID: "out-1", Address: "127.0.0.1", Port: 1, Status: discover.Critical, Reason: "check: broken"})
	closed := newFixture(t, httpdiscover.Config{})
	if err := closed.transport.Close(); err != nil {
		t.Fatal(err)
	}
	away := newFixture(t, httpdiscover.Config{})
	away.Fail(errors.New("away"))
	for _, test := range []struct {
		f    *fixture
		url  string
		want error
	}{
		{f, "http://none/", balance.ErrNoInstance},
		{f, "http://out/", balance.ErrNoInstance},
		{f, "http://web:80/", discover.ErrInvalid},
		{f, "ftp://web/", discover.ErrInvalid},
		{closed, "http://web/", discover.ErrClosed},
		{away, "http://web/", discover.ErrUnavailable},
	} {
		body := &body{Reader: strings.NewReader("text")}
		r := request(t, t.Context(), "POST", test.url, body)
		_, err := test.f.transport.RoundTrip(r)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got error %v, want %v", test.url, err, test.want)
		}
		if !body.closed.Load() {
			t.Errorf("%s: the body is open", test.url)
		}
	}
}

// An error of there being nobody says what was asked for, and an instance without
// a port is nobody: the registry says the port, and no other is dialled.
func TestNobodyToCall(t *testing.T) {
	web := serve(t, "web-1", ok)
	portless := nobody("web-0", 0)
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", portless, web.instance)
	f.Set("pipes", portless)
	for url, want := range map[string]string{
		"http://web.service.eu.consul/": `service "web" with datacenter=eu: no instance to choose: the registry knows none such`,
		"http://pipes/":                 `service "pipes": no instance to choose: all 1 known are out, the first because of its having no port`,
	} {
		_, err := f.transport.RoundTrip(request(t, t.Context(), "GET", url, nil))
		if !errors.Is(err, balance.ErrNoInstance) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one that says %s", url, err, want)
		}
	}
	for range 10 {
		if _, by, _ := f.do(t, request(t, t.Context(), "GET", "http://web/", nil)); by != "web-1" {
			t.Errorf("got an answer by %q, want the one that has a port", by)
		}
	}
	if attempts := f.seen(); len(attempts) != 10 {
		t.Errorf("got %d attempts, want 10: one was sent to nowhere", len(attempts))
	}
}

// body is one that cannot be had anew.
type body struct {
	io.Reader
	closed atomic.Bool
}

func (b *body) Close() error { b.closed.Store(true); return nil }

func (b *body) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, errors.New("read after Close")
	}
	return b.Reader.Read(p)
}

// What is sent again after what, and what is not.
func TestRetry(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "failed", code)
		}
	}
	reset := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
	for _, test := range []struct {
		name    string
		bad     http.HandlerFunc // nil refuses connections
		method  string
		key     bool // an Idempotency-Key
		body    bool
		getBody bool
		again   bool
		failed  bool // the target's failure
	}{
		{"refused", nil, "GET", false, false, false, true, true},
		{"refused, not idempotent", nil, "POST", false, true, true, true, true},
		{"refused, body not to be had anew", nil, "POST", false, true, false, true, true},
		{"reset", reset, "GET", false, false, false, true, true},
		{"reset, PUT", reset, "PUT", false, true, true, true, true},
		{"reset, body not to be had anew", reset, "PUT", false, true, false, false, true},
		{"reset, not idempotent", reset, "POST", false, true, true, false, true},
		{"reset, with a key", reset, "POST", true, true, true, true, true},
		{"502", status(502), "GET", false, false, false, true, true},
		{"503", status(503), "DELETE", false, false, false, true, true},
		{"504", status(504), "POST", true, true, true, true, true},
		{"503, not idempotent", status(503), "POST", false, true, true, false, true},
		{"500", status(500), "GET", false, false, false, false, false},
		{"404", status(404), "GET", false, false, false, false, false},
		{"429", status(429), "GET", false, false, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			good := serve(t, "good", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
			bad := nobody("bad", 1)
			if test.bad != nil {
				bad = serve(t, "bad", test.bad).instance
			}
			f := newFixture(t, httpdiscover.Config{Policy: first{"bad"}})
			f.Set("web", bad, good.instance)
			want := ""
			var r *http.Request
			switch {
			case test.body && test.getBody:
				want = "all of it"
				r = request(t, t.Context(), test.method, "http://web/", strings.NewReader(want))
			case test.body:
				want = "all of it"
				r = request(t, t.Context(), test.method, "http://web/", &body{Reader: strings.NewReader(want)})
			default:
				r = request(t, t.Context(), test.method, "http://web/", nil)
			}
			if test.key {
				r.Header.Set("Idempotency-Key", "1")
			}
			response, err := f.client.Do(r)
			attempts := f.seen()
			if attempts[0].Target.ID != "bad" || attempts[0].Failed != test.failed {
				t.Errorf("the first attempt: got %+v, want the failure of bad: %t", attempts[0], test.failed)
			}
			if !test.again {
				if len(attempts) != 1 {
					t.Errorf("it was sent %d times", len(attempts))
				}
				if err == nil {
					response.Body.Close()
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got, err := io.ReadAll(response.Body)
			if err != nil || response.Header.Get("Served-By") != "good" || string(got) != want || len(attempts) != 2 {
				t.Errorf("got %q from %q, error %v, after %d attempts; want %q from good after 2", got, response.Header.Get("Served-By"), err, len(attempts), want)
			}
		})
	}
}

// wanted is a policy that sends to the instance whose id is the key.
type wanted struct{}

func (wanted) Plan(candidates []balance.Candidate, _ time.Time) balance.Plan {
	return balance.Plan{Picker: wantedPicker(candidates)}
}

type wantedPicker []balance.Candidate

func (p wantedPicker) Pick(r balance.Request) *balance.Target {
	for _, c := range p {
		if balance.Key(c.ID) == r.Key {
			return c.Target
		}
	}
	return p[0].Target
}

// first is a policy that sends to the instance of an id at first.
type first struct{ id string }

func (p first) Plan(candidates []balance.Candidate, _ time.Time) balance.Plan {
	return balance.Plan{Picker: firstPicker{p.id, candidates}, Feedback: balance.Outcome}
}

type firstPicker struct {
	id         string
	candidates []balance.Candidate
}

func (p firstPicker) Pick(r balance.Request) *balance.Target {
	for _, c := range p.candidates {
		if len(r.Tried) > 0 != (c.ID == p.id) {
			return c.Target
		}
	}
	return p.candidates[0].Target
}

// A body is closed once nobody sends it any more, if nothing was read of it too.
func TestBodyIsClosed(t *testing.T) {
	early := serve(t, "early", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusUnauthorized) })
	f := newFixture(t, httpdiscover.Config{})
	f.Set("none", nobody("1", 1), nobody("2", 2))
	f.Set("early", early.instance)
	for _, host := range []string{"none", "early"} {
		body := &body{Reader: strings.NewReader("text")}
		response, err := f.client.Do(request(t, t.Context(), "POST", "http://"+host, body))
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		waitFor(t, "the body of a request to "+host+" to be closed", body.closed.Load)
	}
	if n := len(f.seen()); n != 4 {
		t.Errorf("%d attempts, want 3 to none and 1 to early", n)
	}
}

// waitFor waits until what is so that will be so, by what net/http does aside.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestAttemptsAndBudget(t *testing.T) {
	bad := serve(t, "bad", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "failed", http.StatusServiceUnavailable) })
	for _, test := range []struct {
		name  string
		retry httpdiscover.Retry
		calls int
		want  int // attempts
	}{
		{"three", httpdiscover.Retry{}, 1, 3},
		{"one", httpdiscover.Retry{Attempts: 1}, 1, 1},
		{"a budget for half", httpdiscover.Retry{Attempts: 2, Budget: retry.BudgetConfig{Share: 0.5, PerSecond: -1, Window: time.Hour}}, 10, 15},
		{"another status", httpdiscover.Retry{Statuses: []int{500}}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, httpdiscover.Config{Retry: test.retry})
			f.Set("web", bad.instance)
			for range test.calls {
				if status, _, body := f.do(t, request(t, t.Context(), "GET", "http://web", nil)); status != 503 || body != "failed\n" {
					t.Errorf("got %d %q, want the last response", status, body)
				}
			}
			if n := len(f.seen()); n != test.want {
				t.Errorf("%d attempts, want %d", n, test.want)
			}
		})
	}
}

// A caller that went away, or sent what cannot be sent, is no failure of the
// target; one whose time was up is.
func TestJudgement(t *testing.T) {
	arrived := make(chan struct{}, 10)
	web := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	saying := func(length int64) func(*testing.T) error { // that a body of 4 bytes has so many
		return func(t *testing.T) error {
			r := request(t, t.Context(), "POST", "http://web", io.MultiReader(strings.NewReader("text")))
			r.ContentLength = length
			_, err := f.client.Do(r)
			return err
		}
	}
	for _, test := range []struct {
		name   string
		send   func(*testing.T) error
		failed bool
	}{
		{"cancelled", func(t *testing.T) error {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }() // ends with the request, which the handler sees
			_, err := f.client.Do(request(t, ctx, "GET", "http://web", nil))
			return err
		}, false},
		{"deadline", func(t *testing.T) error {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := f.client.Do(request(t, ctx, "GET", "http://web", nil))
			return err
		}, true},
		{"the client's timeout", func(t *testing.T) error {
			client := &http.Client{Transport: f.transport, Timeout: 50 * time.Millisecond}
			_, err := client.Do(request(t, t.Context(), "GET", "http://web", nil))
			var timeout interface{ Timeout() bool }
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("got error %v, want a timeout", err)
			}
			return err
		}, true},
		{"a header that cannot be sent", func(t *testing.T) error {
			r := request(t, t.Context(), "GET", "http://web", nil)
			r.Header["a b"] = []string{"c"}
			_, err := f.client.Do(r)
			return err
		}, false},
		{"a method that cannot be sent", func(t *testing.T) error {
			r := request(t, t.Context(), "GET", "http://web", nil)
			r.Method = "a b"
			_, err := f.client.Do(r)
			return err
		}, false},
		{"a body that cannot be read", func(t *testing.T) error {
			_, err := f.client.Do(request(t, t.Context(), "POST", "http://web", io.MultiReader(strings.NewReader("text"), broken{})))
			return err
		}, false},
		{"a body longer than it says", saying(3), false},
		{"a body shorter than it says", saying(5), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.send(t); err == nil {
				t.Error("got no error")
			}
			if got := f.seen(); len(got) != 1 || got[0].Failed != test.failed || got[0].Err == nil {
				t.Errorf("got %+v, want one attempt, the target's failure: %t", got, test.failed)
			}
		})
	}
}

// TestGarbage: who answers with garbage has failed, whatever words stand in it.
func TestGarbage(t *testing.T) {
	for _, garbage := range []string{
		"some garbage\r\n\r\n", "http: ContentLength=0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: http: ContentLength=\r\n\r\n",
		"HTTP/1.1 200 OK\r\n http: ContentLength=\r\n\r\n", "HTTP/1.1 net/http: invalid x\r\n\r\n",
	} {
		web := serve(t, "web-1", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, garbage)
			_ = conn.Close()
		})
		f := newFixture(t, httpdiscover.Config{})
		f.Set("web", web.instance)
		if _, err := f.client.Do(request(t, t.Context(), "POST", "http://web", strings.NewReader("x"))); err == nil {
			t.Errorf("%q: got no error", garbage)
		}
		if got := f.seen(); len(got) != 1 || !got[0].Failed {
			t.Errorf("%q: got %+v, want one attempt, the target's failure", garbage, got)
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }

// A call is under way until its response has been read, or closed.
func TestCallLastsAsLongAsTheBody(t *testing.T) {
	more := make(chan struct{})
	web := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Sum")
		_, _ = io.WriteString(w, "begin ")
		http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "end")
		w.Header().Set("Sum", "9")
	})
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	for _, closed := range []bool{false, true} {
		response, err := f.client.Get("http://web")
		if err != nil {
			t.Fatal(err)
		}
		target := f.seen()[0].Target
		if n := target.Running(); n != 1 {
			t.Errorf("while the response comes %d calls are under way", n)
		}
		if closed {
			response.Body.Close()
			more <- struct{}{}
		} else {
			more <- struct{}{}
			if body, err := io.ReadAll(response.Body); string(body) != "begin end" || err != nil {
				t.Errorf("got %q, error %v", body, err)
			}
			if got := response.Trailer.Get("Sum"); got != "9" {
				t.Errorf("got the trailer %q", got)
			}
		}
		if n := target.Running(); n != 0 {
			t.Errorf("after the end of the response %d calls are under way", n)
		}
		response.Body.Close()
		if n := target.Running(); n != 0 {
			t.Errorf("after its second end %d calls are under way", n)
		}
	}
}

// An instance that leaves finishes its requests, and has no connections left.
func TestInstanceLeaves(t *testing.T) {
	arrived, more := make(chan struct{}, 2), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(more) })
	slow := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			ok(w, r)
			return
		}
		_, _ = io.WriteString(w, "begin ")
		http.NewResponseController(w).Flush()
		arrived <- struct{}{}
		<-more
		_, _ = io.WriteString(w, "end")
	}
	leaves, stays := serve(t, "leaves", slow), serve(t, "stays", slow)
	t.Cleanup(goOn) // before the servers close, which wait for it
	f := newFixture(t, httpdiscover.Config{Policy: wanted{}, Key: func(r *http.Request) string { return r.URL.Query().Get("to") }})
	f.Set("web", leaves.instance, stays.instance)
	var slowOnes []*http.Response
	for _, to := range []string{"leaves", "stays"} {
		response, err := f.client.Get("http://web/slow?to=" + to)
		if err != nil {
			t.Fatal(err)
		}
		<-arrived
		slowOnes = append(slowOnes, response)
	}
	for _, to := range []string{"leaves", "stays", "leaves", "stays"} {
		f.do(t, request(t, t.Context(), "GET", "http://web/?to="+to, nil))
	}
	if n := leaves.open.Load(); n != 2 {
		t.Fatalf("%d connections to the one that leaves, want one busy and one idle", n)
	}
	f.Set("web", stays.instance)
	<-leaves.closed // the idle one
	goOn()
	for _, response := range slowOnes {
		body, err := io.ReadAll(response.Body)
		if string(body) != "begin end" || err != nil {
			t.Errorf("a request that was under way got %q, error %v", body, err)
		}
		response.Body.Close()
	}
	<-leaves.closed // the other, once it has become idle
	inTurn := 0
	waitFor(t, "two answers in turn by the one that stays", func() bool {
		_, by, _ := f.do(t, request(t, t.Context(), "GET", "http://web/?to=leaves", nil))
		if inTurn++; by != "stays" {
			inTurn = 0
		}
		return inTurn == 2
	})
	if n := stays.open.Load(); n != 2 {
		t.Errorf("%d connections to the one that stays, want its 2", n)
	}
	f.Set("web", leaves.instance) // it comes back
	waitFor(t, "the one that came back", func() bool {
		_, by, _ := f.do(t, request(t, t.Context(), "GET", "http://web/", nil))
		return by == "leaves"
	})
}

// Instances stop at once and start again while requests run: none fails.
func TestNoRequestFails(t *testing.T) {
	f := newFixture(t, httpdiscover.Config{})
	backends := make([]*backend, 3)
	list := func() (instances []discover.Instance) {
		for _, b := range backends {
			if b != nil {
				instances = append(instances, b.instance)
			}
		}
		return instances
	}
	for i := range backends {
		backends[i] = serve(t, fmt.Sprint(i), ok)
	}
	f.Set("web", list()...)
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var sent, failed atomic.Int64
	for range 8 {
		callers.Go(func() { // ends after stop
			for ctx.Err() == nil {
				sent.Add(1)
				response, err := f.client.Get("http://web")
				if err == nil {
					_, err = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				if err != nil || response.StatusCode != 200 {
					failed.Add(1)
					t.Errorf("got %v, error %v", response, err)
				}
			}
		})
	}
	for round := range 9 {
		i := round % len(backends)
		target := sent.Load() + 100
		waitFor(t, "requests", func() bool { return sent.Load() > target || failed.Load() > 0 })
		backends[i].CloseClientConnections() // as a process that dies
		backends[i].Close()
		target = sent.Load() + 50
		waitFor(t, "requests after a death that the registry does not know of", func() bool { return sent.Load() > target || failed.Load() > 0 })
		backends[i] = nil
		f.Set("web", list()...)
		backends[i] = serve(t, fmt.Sprint(i), ok)
		f.Set("web", list()...)
		waitFor(t, "requests to the new one", func() bool { return backends[i].requests.Load() > 0 || failed.Load() > 0 })
	}
	stop()
	callers.Wait()
	t.Logf("%d requests, %d failed, %d attempts", sent.Load(), failed.Load(), len(f.seen()))
}

func TestServicesAreShared(t *testing.T) {
	web := serve(t, "web-1", ok)
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	for _, url := range []string{"http://web/a", "http://web/b", "http://web.service.consul/c"} {
		f.do(t, request(t, t.Context(), "GET", url, nil))
	}
	if n := f.Asked("web"); n > 2 { // the answer, and the wait for the next one
		t.Errorf("%d questions", n)
	}
	if n := web.open.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	f.client.CloseIdleConnections()
	<-web.closed
}

// There are no more services than the limit, and none is closed while it is
// called.
func TestLimit(t *testing.T) {
	more := make(chan struct{})
	web := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		if r.URL.Path == "/slow" {
			<-more
		}
		ok(w, r)
	})
	f := newFixture(t, httpdiscover.Config{Limit: 1})
	f.Set("a", web.instance)
	f.Set("b", web.instance)
	for range 3 {
		f.do(t, request(t, t.Context(), "GET", "http://a/", nil))
		f.do(t, request(t, t.Context(), "GET", "http://b/", nil))
	}
	response, err := f.client.Get("http://a/slow")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.client.Get("http://b/"); !errors.Is(err, discover.ErrUnavailable) || !strings.Contains(err.Error(), "Config.Limit") {
		t.Errorf("while another service is called: got error %v", err)
	}
	close(more)
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	f.do(t, request(t, t.Context(), "GET", "http://b/", nil))
}

// Close ends while a response is read, and what is read goes on.
func TestClose(t *testing.T) {
	more := make(chan struct{})
	web := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		<-more
		ok(w, r)
	})
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	response, err := f.client.Get("http://web")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.transport.Close(); err != nil {
			t.Error(err)
		}
	}
	close(more)
	if body, err := io.ReadAll(response.Body); string(body) != "ok" || err != nil {
		t.Errorf("got %q, error %v", body, err)
	}
	<-web.closed
	if _, err := f.client.Get("http://web"); !errors.Is(err, discover.ErrClosed) {
		t.Errorf("after Close: got error %v", err)
	}
}

// What was not sent takes nothing from the budget.
func TestUnsentIsNoRetry(t *testing.T) {
	good := serve(t, "good", ok)
	f := newFixture(t, httpdiscover.Config{Policy: first{"bad"}, Retry: httpdiscover.Retry{Budget: retry.BudgetConfig{Share: -1, PerSecond: -1}}})
	f.Set("web", nobody("bad", 1), good.instance)
	if _, by, _ := f.do(t, request(t, t.Context(), "GET", "http://web/", nil)); by != "good" {
		t.Errorf("answered by %q", by)
	}
}

func TestPolicyAndKey(t *testing.T) {
	one, two := serve(t, "1", ok), serve(t, "2", ok)
	f := newFixture(t, httpdiscover.Config{
		Key: func(r *http.Request) string { return r.Header.Get("User") },
		PolicyFor: func(service string) balance.Policy {
			if service == "sticky" {
				return balance.ConsistentHash(balance.HashConfig{})
			}
			return nil
		},
		Policy: balance.RoundRobin(),
	})
	f.Set("sticky", one.instance, two.instance)
	f.Set("turns", one.instance, two.instance)
	by := func(service, user string) string {
		r := request(t, t.Context(), "GET", "http://"+service, nil)
		r.Header.Set("User", user)
		_, by, _ := f.do(t, r)
		return by
	}
	places, turns := map[string]bool{}, map[string]bool{}
	for n := range 20 {
		user := fmt.Sprint(n)
		place := by("sticky", user)
		places[place] = true
		if again := by("sticky", user); again != place {
			t.Errorf("user %s went to %s and to %s", user, place, again)
		}
		turns[by("turns", "the same")] = true
	}
	if len(places) != 2 || len(turns) != 2 {
		t.Errorf("all users went to %v, and one that does not matter to %v", places, turns)
	}
}

// A protocol that is switched to is a stream in both directions.
func TestUpgrade(t *testing.T) {
	web := serve(t, "web-1", echo)
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	r := request(t, t.Context(), "GET", "http://web", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "echo")
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	stream, isStream := response.Body.(io.ReadWriteCloser)
	if !isStream || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got status %d and a %T", response.StatusCode, response.Body)
	}
	talk(t, stream)
	target := f.seen()[0].Target
	if n := target.Running(); n != 1 {
		t.Errorf("while a stream is open %d calls are under way", n)
	}
	if err := stream.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Errorf("close the writing side: %v", err)
	}
	if rest, err := io.ReadAll(stream); len(rest) > 0 || err != nil {
		t.Errorf("after the end: got %q, error %v", rest, err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if n := target.Running(); n != 0 {
		t.Errorf("after the end of a stream %d calls are under way", n)
	}
}

// echo switches to a protocol that says everything back.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(conn, buffered)
}

// talk says something over a stream to echo, twice.
func talk(t *testing.T, stream io.ReadWriter) {
	t.Helper()
	for _, word := range []string{"hello", "again"} {
		if _, err := io.WriteString(stream, word); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(word))
		if _, err := io.ReadFull(stream, got); err != nil || !bytes.Equal(got, []byte(word)) {
			t.Fatalf("said %q, got %q, error %v", word, got, err)
		}
	}
}

func TestNoCache(t *testing.T) {
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "needs a cache") {
			t.Errorf("got a panic with %q", said)
		}
	}()
	httpdiscover.New(nil, httpdiscover.Config{})
}
