package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/realjf/muster/test/registry"
)

func TestNamesFollowHealth(t *testing.T) {
	t.Parallel()
	namesFollowHealth(newScene(t, registry.Agent(muster)))
}

// A service whose check fails leaves DNS, and comes back when it is well
// again; a node that is not well takes all its services along. Resolvers see
// it that know nothing of the registry: Go's own, and one that asks over TCP.
func namesFollowHealth(s *scene) {
	var sick atomic.Bool
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	s.Cleanup(health.Close)
	s.put("/v1/agent/service/register", fmt.Sprintf(`{"Name":"web","Address":"10.0.0.1","Port":8001,
		"Check":{"HTTP":%q,"Interval":"1s","Timeout":"10s","Status":"passing"}}`, health.URL))
	s.put("/v1/agent/service/register", `{"Name":"db","Address":"10.0.0.2","Port":8002}`)
	s.put("/v1/agent/check/register", `{"ID":"disk","Name":"disk","TTL":"1h","Status":"passing"}`)

	s.named("both are there", "web", "db")
	sick.Store(true)
	s.named("one is not well", "db")
	sick.Store(false)
	s.named("it is well again", "web", "db")
	s.put("/v1/agent/check/fail/disk", "")
	s.named("the node is not well")
	s.put("/v1/agent/check/warn/disk", "")
	s.named("the node is well enough", "web", "db")
	s.put("/v1/agent/service/deregister/db", "")
	s.named("one has left", "web")
}

// put tells the registry something.
func (s *scene) put(path, body string) {
	s.Helper()
	if err := s.registry.Put(s.Context(), path, strings.NewReader(body)); err != nil {
		s.Fatal(err)
	}
}

// namedLimit is how long it may take until names are as they should be: a
// check's interval, and the time that an agent of Consul's takes to tell its
// catalog.
const namedLimit = 30 * time.Second

// named waits until of web and db those are named that should be, whoever asks.
func (s *scene) named(what string, want ...string) {
	s.Helper()
	s.eventually(namedLimit, what, func(ctx context.Context) error {
		for _, ask := range []func(context.Context, string) (bool, error){s.resolverFinds, s.transportFinds} {
			for _, name := range []string{"web", "db"} {
				found, err := ask(ctx, name)
				if err != nil {
					return err
				}
				if found != slices.Contains(want, name) {
					return fmt.Errorf("%s is named: %t", name, found)
				}
			}
		}
		return nil
	})
}

// resolverFinds reports whether Go's resolver finds a service, by its address
// and by its port alike.
func (s *scene) resolverFinds(ctx context.Context, name string) (bool, error) {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.registry.DNSAddress())
	}}
	hosts, err := resolver.LookupHost(ctx, name+".service.consul.")
	if notFound := new(net.DNSError); errors.As(err, &notFound) && notFound.IsNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, services, err := resolver.LookupSRV(ctx, name, "tcp", "service.consul.")
	if err != nil {
		return false, err
	}
	want := map[string]string{"web": "10.0.0.1 8001", "db": "10.0.0.2 8002"}[name]
	if got := fmt.Sprintf("%s %d", strings.Join(hosts, " "), services[0].Port); got != want || len(services) != 1 {
		return false, fmt.Errorf("%s is at %s, want %s", name, got, want)
	}
	addresses, err := resolver.LookupHost(ctx, services[0].Target)
	if err != nil || !slices.Equal(addresses, hosts) {
		return false, fmt.Errorf("%s is at %v, %w; want %v", services[0].Target, addresses, err, hosts)
	}
	return true, nil
}

// transportFinds reports whether a client that asks over TCP finds a service.
func (s *scene) transportFinds(ctx context.Context, name string) (bool, error) {
	client := &dns.Client{Net: "tcp"}
	answer, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name+".service.consul.", dns.TypeSRV), s.registry.DNSAddress())
	switch {
	case err != nil:
		return false, err
	case answer.Rcode == dns.RcodeNameError && len(answer.Ns) == 1:
		return false, nil
	case answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 1 || len(answer.Extra) == 0:
		return false, fmt.Errorf("answer about %s:\n%v", name, answer)
	}
	return true, nil
}
