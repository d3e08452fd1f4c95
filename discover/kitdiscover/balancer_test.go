package kitdiscover_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd/lb"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/kitdiscover"
)

// plant is a factory that counts what it made and what was closed. Its endpoints
// do what the request, a function, does with their address.
type plant struct {
	mu           sync.Mutex
	made, closed map[string]int
	broken       map[string]error
	asked        int
}

func newPlant() *plant {
	return &plant{made: map[string]int{}, closed: map[string]int{}, broken: map[string]error{}}
}

type request func(ctx context.Context, address string) (any, error)

func (p *plant) make(address string) (endpoint.Endpoint, io.Closer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if err := p.broken[address]; err != nil {
		return nil, nil, err
	}
	p.made[address]++
	return func(ctx context.Context, r any) (any, error) { return r.(request)(ctx, address) },
		closer(func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.closed[address]++
		}), nil
}

// counts returns how often an endpoint was made and closed, and all questions.
func (p *plant) counts(address string) (made, closed, asked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made[address], p.closed[address], p.asked
}

func (p *plant) breakDown(address string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken[address] = err
}

type closer func()

func (c closer) Close() error {
	c()
	return nil
}

// whoami answers with the address of the instance.
var whoami request = func(_ context.Context, address string) (any, error) { return address, nil }

// ask calls the endpoint that a balancer gives.
func ask(ctx context.Context, b lb.Balancer, r request) (any, error) {
	e, err := b.Endpoint()
	if err != nil {
		return nil, err
	}
	return e(ctx, r)
}

func settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}

func TestBalancerObeysWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		heavy := at("2001:db8::2")
		heavy.Weights.Passing = 3
		hand.Set("web", at("10.0.0.1"), heavy)
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{Policy: balance.RoundRobin()})
		defer b.Close()
		settle() // from then on there is one plan
		count := map[any]int{}
		for range 400 {
			by, err := ask(t.Context(), b, whoami)
			if err != nil {
				t.Fatal(err)
			}
			count[by]++
		}
		if count["10.0.0.1:80"] != 100 || count["[2001:db8::2]:80"] != 300 {
			t.Errorf("got %v, want 100 and 300", count)
		}
		if _, _, asked := p.counts(""); asked != 2 {
			t.Errorf("the factory was asked %d times, want once for each instance", asked)
		}
		hand.Set("web", at("10.0.0.1"), at("2001:db8::2")) // another weight is no other instance
		settle()
		_, _ = ask(t.Context(), b, whoami)
		_, _ = ask(t.Context(), b, whoami)
		if _, closed, asked := p.counts("[2001:db8::2]:80"); closed != 0 || asked != 2 {
			t.Errorf("after a new weight: %d closed, %d asked; want 0 and 2", closed, asked)
		}
	})
}

func TestBalancerClosesWhatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"))
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{})
		const first, second = "10.0.0.1:80", "10.0.0.2:80"
		begun, end := make(chan struct{}), make(chan struct{})
		answers := make(chan any)
		go func() { // ends with its call
			by, _ := ask(t.Context(), b, func(_ context.Context, address string) (any, error) {
				close(begun)
				<-end
				return address, nil
			})
			answers <- by
		}()
		<-begun
		hand.Set("web", at("10.0.0.2"))
		settle()
		if _, closed, _ := p.counts(first); closed != 0 {
			t.Error("the endpoint was closed under a call")
		}
		if by, err := ask(t.Context(), b, whoami); by != second {
			t.Errorf("got %v, error %v; want the instance that is there", by, err)
		}
		close(end)
		if by := <-answers; by != first {
			t.Errorf("got %v from the call under way, want %s", by, first)
		}
		synctest.Wait()
		if made, closed, _ := p.counts(first); made != 1 || closed != 1 {
			t.Errorf("after the call: %d made, %d closed; want 1 and 1", made, closed)
		}

		hand.Set("web", at("10.0.0.1"), at("10.0.0.2")) // it is back
		settle()
		for range 100 {
			_, _ = ask(t.Context(), b, whoami)
		}
		if made, closed, _ := p.counts(first); made != 2 || closed != 1 {
			t.Errorf("after it came back: %d made, %d closed; want 2 and 1", made, closed)
		}
		begun, end = make(chan struct{}), make(chan struct{})
		go func() { // ends with its call
			by, _ := ask(t.Context(), b, func(_ context.Context, address string) (any, error) {
				close(begun)
				<-end
				return address, nil
			})
			answers <- by
		}()
		<-begun
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := b.Endpoint(); !errors.Is(err, discover.ErrClosed) {
			t.Errorf("after Close: got error %v, want ErrClosed", err)
		}
		close(end)
		<-answers
		for _, address := range []string{first, second} {
			if made, closed, _ := p.counts(address); made != closed {
				t.Errorf("%s: %d made, %d closed", address, made, closed)
			}
		}
	})
}

func TestFactoryThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
		broken := errors.New("no such host")
		p.breakDown("10.0.0.1:80", broken)
		var lines bytes.Buffer
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{
			Policy: balance.RoundRobin(), Logger: slog.New(slog.NewTextHandler(&lines, nil)),
		})
		defer b.Close()
		for range 20 {
			if by, err := ask(t.Context(), b, whoami); by != "10.0.0.2:80" {
				t.Fatalf("got %v, error %v; want the other instance", by, err)
			}
		}
		if _, _, asked := p.counts(""); asked != 2 {
			t.Errorf("the factory was asked %d times at once, want 2", asked)
		}
		hand.Set("web", at("10.0.0.1"))
		settle()
		if _, err := ask(t.Context(), b, whoami); !errors.Is(err, broken) || !errors.Is(err, balance.ErrUnreachable) || !strings.Contains(err.Error(), "10.0.0.1:80") {
			t.Errorf("nobody else there: got error %v, want the factory's, with the address", err)
		}
		p.breakDown("10.0.0.1:80", nil)
		time.Sleep(time.Second)
		if by, err := ask(t.Context(), b, whoami); by != "10.0.0.1:80" {
			t.Errorf("a second later: got %v, error %v; want the instance", by, err)
		}
		if log := lines.String(); strings.Count(log, "level=ERROR") != 1 || strings.Count(log, "level=INFO") != 1 {
			t.Errorf("got log\n%swant one line that it fails and one that it does not any more", log)
		}
	})
}

// TestFactoryThatGivesNothing: neither an endpoint nor an error is an error.
func TestFactoryThatGivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		hand.Set("web", at("10.0.0.1"))
		b := kitdiscover.NewBalancer(watch(hand), func(string) (endpoint.Endpoint, io.Closer, error) { return nil, nil, nil }, kitdiscover.BalancerConfig{})
		defer b.Close()
		if _, err := ask(t.Context(), b, whoami); !errors.Is(err, balance.ErrUnreachable) || !strings.Contains(err.Error(), "10.0.0.1:80") || !strings.Contains(err.Error(), "nil endpoint") {
			t.Errorf("got error %v, want one that names the instance and what the factory returned", err)
		}
	})
}

// TestPortless: who has no port is not called.
func TestPortless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		portless := at("10.0.0.9")
		portless.Port = 0
		hand.Set("web", portless, at("10.0.0.1"))
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{Policy: balance.RoundRobin()})
		defer b.Close()
		for range 4 {
			if by, err := ask(t.Context(), b, whoami); by != "10.0.0.1:80" {
				t.Errorf("got %v, error %v; want the one that has a port", by, err)
			}
		}
		hand.Set("web", portless)
		settle()
		if _, err := b.Endpoint(); !errors.Is(err, lb.ErrNoEndpoints) || !strings.Contains(err.Error(), "no port") {
			t.Errorf("none has a port: got error %v, want ErrNoEndpoints and why", err)
		}
	})
}

// TestFactoryThatFailsCounts leaves an instance alone for which no endpoint can
// be made, as one that cannot be reached.
func TestFactoryThatFailsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
		p.breakDown("10.0.0.1:80", errors.New("no such host"))
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{
			Policy: balance.Outlier(balance.OutlierConfig{}, balance.RoundRobin()),
		})
		defer b.Close()
		settle()
		for range 10 { // within the half minute that it is out for
			if by, err := ask(t.Context(), b, whoami); by != "10.0.0.2:80" {
				t.Fatalf("got %v, error %v; want the other instance", by, err)
			}
			time.Sleep(2 * time.Second)
		}
		if _, _, asked := p.counts(""); asked != 2 {
			t.Errorf("the factory was asked %d times, want 2", asked)
		}
	})
}

func TestFactoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		hand.Set("web", at("10.0.0.1"))
		closed, let := 0, make(chan struct{})
		b := kitdiscover.NewBalancer(watch(hand), func(string) (endpoint.Endpoint, io.Closer, error) {
			<-let
			return endpoint.Nop, closer(func() { closed++ }), nil
		}, kitdiscover.BalancerConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ask(ctx, b, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want the context's", err)
		}
		time.AfterFunc(time.Minute, func() { close(let) })
		if err := b.Close(); err != nil { // waits for the factory
			t.Error(err)
		}
		if closed != 1 {
			t.Errorf("what came too late was closed %d times, want once", closed)
		}
	})
}

// failing is a response that holds an error, as go-kit's endpoints give it.
type failing struct{ error }

func (f failing) Failed() error { return f.error }

// TestOutcome calls two instances of which one fails until it is left alone for
// that, or is not.
func TestOutcome(t *testing.T) {
	broken := errors.New("broken")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		name    string
		ctx     context.Context
		failure func(context.Context, any, error) error
		answer  func(context.Context) (any, error)
		leaves  bool
	}{
		{"an error", context.Background(), nil, func(context.Context) (any, error) { return nil, broken }, true},
		{"a response that failed", context.Background(), nil, func(context.Context) (any, error) { return failing{broken}, nil }, true},
		{"a panic", context.Background(), nil, func(context.Context) (any, error) { panic("of a program") }, true},
		{"a response that did not fail", context.Background(), nil, func(context.Context) (any, error) { return failing{}, nil }, false},
		{"a caller that went away", gone, nil, func(ctx context.Context) (any, error) { return nil, ctx.Err() }, false},
		{"what the program says is no failure", context.Background(), func(context.Context, any, error) error { return nil },
			func(context.Context) (any, error) { return nil, broken }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hand, p := discovertest.NewHand(), newPlant()
				hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
				b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{
					Policy: balance.Outlier(balance.OutlierConfig{}, balance.RoundRobin()), Failure: test.failure,
				})
				defer b.Close()
				settle()
				bad := 0
				call := func() {
					defer func() { _ = recover() }()
					_, _ = ask(test.ctx, b, func(ctx context.Context, address string) (any, error) {
						if address == "10.0.0.1:80" {
							bad++
							return test.answer(ctx)
						}
						return address, nil
					})
				}
				for range 40 {
					call()
				}
				time.Sleep(time.Second) // the policy takes it in
				synctest.Wait()
				bad = 0
				for range 40 {
					call()
				}
				if want := map[bool]int{true: 0, false: 20}[test.leaves]; bad != want {
					t.Errorf("got %d of 40 calls to the instance afterwards, want %d", bad, want)
				}
			})
		})
	}
}

// TestObserve: who observes is told of each call, and how it counts.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"))
		var told []balance.Attempt
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{Observe: func(a balance.Attempt) { told = append(told, a) }})
		defer b.Close()
		settle()
		broken := errors.New("broken")
		for _, answer := range []error{nil, broken} {
			_, _ = ask(t.Context(), b, func(context.Context, string) (any, error) { time.Sleep(time.Second); return nil, answer })
		}
		if len(told) != 2 || told[0].Failed || told[0].Err != nil || told[0].Took != time.Second || !told[1].Failed || told[1].Err != broken || told[1].Target.Address != "10.0.0.1" {
			t.Errorf("got %+v", told)
		}
	})
}

// TestRemember: of a request that is remembered each attempt goes elsewhere, and
// says which it is and why it was made.
func TestRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"), at("10.0.0.3"))
		var told []balance.Attempt
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{
			Policy:  balance.Random(),
			Observe: func(a balance.Attempt) { told = append(told, a) },
		})
		defer b.Close()
		settle()
		var failures []error
		do := func(_ context.Context, address string) (any, error) {
			failures = append(failures, errors.New(address+" is broken"))
			return nil, failures[len(failures)-1]
		}
		for range 20 {
			told, failures = nil, nil
			_, err := kitdiscover.Remember(lb.Retry(3, time.Minute, b))(t.Context(), request(do))
			if err == nil || len(told) != 3 {
				t.Fatalf("got error %v after %d attempts, want three that fail", err, len(told))
			}
			seen := map[string]bool{}
			for n, a := range told {
				var cause error
				if n > 0 {
					cause = failures[n-1]
				}
				if a.Number != n+1 || a.Cause != cause || seen[a.Target.Address] {
					t.Errorf("attempt %d: got number %d of %s because of %v, want another instance because of %v", n+1, a.Number, a.Target.Address, a.Cause, cause)
				}
				seen[a.Target.Address] = true
			}
		}
	})
}

// TestUnmadeIsACause: an endpoint that cannot be made is why another is called.
func TestUnmadeIsACause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
		p.breakDown("10.0.0.1:80", errors.New("no such host"))
		var told []balance.Attempt
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{Policy: balance.RoundRobin(), Observe: func(a balance.Attempt) { told = append(told, a) }})
		defer b.Close()
		settle()
		for range 2 { // one of them comes to the first instance
			if _, err := ask(t.Context(), b, func(context.Context, string) (any, error) { return nil, nil }); err != nil {
				t.Fatal(err)
			}
		}
		causes := 0
		for _, a := range told {
			if errors.Is(a.Cause, balance.ErrUnreachable) {
				causes++
			}
		}
		if len(told) != 2 || causes == 0 {
			t.Errorf("got %d calls, %d of them because of an endpoint that could not be made, want 2 and 1 at least", len(told), causes)
		}
	})
}

func TestFailureToConnect(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	err := kitdiscover.Failure(t.Context(), nil, fmt.Errorf("call: %w", refused))
	if !errors.Is(err, balance.ErrUnreachable) || !errors.Is(err, refused) {
		t.Errorf("got %v, want ErrUnreachable and why", err)
	}
}

func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"))
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic of an endpoint was hidden")
				}
			}()
			_, _ = ask(t.Context(), b, func(context.Context, string) (any, error) { panic("of a program") })
		}()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if made, closed, _ := p.counts("10.0.0.1:80"); made != 1 || closed != 1 {
			t.Errorf("%d made, %d closed; want 1 and 1", made, closed)
		}
	})
}

func TestNothingToChoose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		down := errors.New("registry is down")
		hand.Fail(down)
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{})
		defer b.Close()
		if _, err := ask(t.Context(), b, whoami); !errors.Is(err, discover.ErrUnavailable) || !errors.Is(err, down) {
			t.Errorf("the registry never answered: got error %v, want ErrUnavailable and why", err)
		}
		if _, err := b.Endpoint(); !errors.Is(err, discover.ErrUnavailable) {
			t.Errorf("Endpoint while it does not: got error %v, want ErrUnavailable", err)
		}
		hand.Fail(nil)
		settle()
		if _, err := b.Endpoint(); !errors.Is(err, lb.ErrNoEndpoints) || !errors.Is(err, balance.ErrNoInstance) {
			t.Errorf("a service without instances: got error %v, want ErrNoEndpoints", err)
		}
		sick := at("10.0.0.1")
		sick.Status, sick.Reason = discover.Critical, "door: stuck"
		hand.Set("web", sick)
		settle()
		if _, err := b.Endpoint(); !errors.Is(err, lb.ErrNoEndpoints) || !strings.Contains(err.Error(), "door: stuck") {
			t.Errorf("all are out: got error %v, want ErrNoEndpoints and why", err)
		}
		hand.Set("web", at("10.0.0.1"))
		settle()
		hand.Fail(down)
		settle()
		if by, err := ask(t.Context(), b, whoami); by != "10.0.0.1:80" {
			t.Errorf("the registry went down: got %v, error %v; want the last list", by, err)
		}
	})
}

// TestRetry puts a balancer into go-kit's retries.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{Policy: balance.RoundRobin()})
		defer b.Close()
		settle() // from then on there is one plan
		retry := lb.Retry(3, time.Second, b)
		for range 10 {
			by, err := retry(t.Context(), request(func(_ context.Context, address string) (any, error) {
				if address == "10.0.0.1:80" {
					return nil, errors.New("connection refused")
				}
				return address, nil
			}))
			if by != "10.0.0.2:80" {
				t.Errorf("got %v, error %v; want the instance that works", by, err)
			}
		}
		_, err := retry(t.Context(), request(func(ctx context.Context, _ string) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want the time-out", err)
		}
		hung := kitdiscover.NewBalancer(discover.Watch(hanging{}, web, discover.WatchConfig{}), p.make, kitdiscover.BalancerConfig{})
		defer hung.Close()
		if _, err := lb.Retry(3, time.Second, hung)(t.Context(), whoami); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the registry hangs: got error %v, want the time-out", err)
		}
		synctest.Wait() // nothing of the retries is left, which the end of the test would miss
	})
}

func TestKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"), at("10.0.0.3"))
		type user struct{}
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{
			Policy: balance.ConsistentHash(balance.HashConfig{}),
			Key:    func(ctx context.Context, _ any) string { return ctx.Value(user{}).(string) },
		})
		defer b.Close()
		all := map[any]bool{}
		for n := range 50 {
			ctx := context.WithValue(t.Context(), user{}, fmt.Sprint(n))
			first, err := ask(ctx, b, whoami)
			if err != nil {
				t.Fatal(err)
			}
			all[first] = true
			for range 5 {
				if again, _ := ask(ctx, b, whoami); again != first {
					t.Errorf("user %d: got %v and %v", n, first, again)
				}
			}
		}
		if len(all) != 3 {
			t.Errorf("50 users went to %d instances, want 3", len(all))
		}
	})
}

// TestCrowd calls while instances come and go: everything that is made is closed
// once, and nothing is called after that.
func TestCrowd(t *testing.T) {
	hand := discovertest.NewHand()
	hand.Set("web", at("10.0.0.0"))
	var mu sync.Mutex
	open := 0
	b := kitdiscover.NewBalancer(watch(hand), func(string) (endpoint.Endpoint, io.Closer, error) {
		mu.Lock()
		defer mu.Unlock()
		open++
		closed := false
		return func(context.Context, any) (any, error) {
				mu.Lock()
				defer mu.Unlock()
				if closed {
					t.Error("a closed endpoint was called")
				}
				return nil, nil
			}, closer(func() {
				mu.Lock()
				defer mu.Unlock()
				if closed {
					t.Error("an endpoint was closed twice")
				}
				closed = true
				open--
			}), nil
	}, kitdiscover.BalancerConfig{})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() { // ends after its calls; the test waits
			for range 2000 {
				if _, err := ask(t.Context(), b, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 50 {
		var instances []discover.Instance
		for i := range 1 + n%5 {
			instances = append(instances, at(fmt.Sprintf("10.0.0.%d", n%3+i)))
		}
		hand.Set("web", instances...)
	}
	callers.Wait()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if open != 0 {
		t.Errorf("%d endpoints are open after Close, want none", open)
	}
}

func TestCallAllocates(t *testing.T) {
	hand := discovertest.NewHand()
	hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
	b := kitdiscover.NewBalancer(watch(hand), func(string) (endpoint.Endpoint, io.Closer, error) {
		return func(context.Context, any) (any, error) { return nil, nil }, nil, nil
	}, kitdiscover.BalancerConfig{})
	defer b.Close()
	for range 100 { // every endpoint is made
		if _, err := ask(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = ask(context.Background(), b, nil) }); n != 0 {
		t.Errorf("a call allocates %v times, want 0", n)
	}
}

// A caller that goes away says nothing of the instance, not that it is well either.
func TestWhoGoesAwaySaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand, p := discovertest.NewHand(), newPlant()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
		var ejections balance.Ejections
		b := kitdiscover.NewBalancer(watch(hand), p.make, kitdiscover.BalancerConfig{Policy: ejections.Outlier(balance.OutlierConfig{InARow: 2}, balance.RoundRobin())})
		defer b.Close()
		settle() // from then on they are called in turn
		broken := func(context.Context, string) (any, error) { return nil, errors.New("broken") }
		leaves := func(ctx context.Context, _ string) (any, error) { return nil, ctx.Err() }
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for _, call := range []struct {
			ctx context.Context
			do  request
		}{{t.Context(), broken}, {t.Context(), whoami}, {gone, leaves}, {t.Context(), whoami}, {t.Context(), broken}} {
			_, _ = ask(call.ctx, b, call.do) // what became of it is for the policy to see
		}
		time.Sleep(time.Second)
		if got := ejections.Services()["web"]; got.Total != 1 {
			t.Errorf("%d were ejected, want the one that failed twice with a call between that was left", got.Total)
		}
	})
}
