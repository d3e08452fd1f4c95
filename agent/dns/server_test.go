package dns_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"errors"

	miekg "github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/dns"
	"github.com/realjf/muster/agent/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// here is the node that the tests' servers are on.
var here = state.Node{Node: "n1", Address: "127.0.0.1", Datacenter: "dc1", Meta: map[string]string{"rack": "r1"}}

// holding returns a state with a server of the zone and what put puts there.
func holding(t testing.TB, put func(w *state.Writer) error) *state.Store {
	t.Helper()
	store := state.New()
	err := store.Write(func(w *state.Writer) error {
		return errors.Join(
			w.PutNode(here),
			w.PutService(state.Service{Node: "n1", ID: "consul", Service: "consul", Port: 8300}),
			put(w),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// instances puts instances of "web", one on each of n nodes.
func instances(n int) func(w *state.Writer) error {
	return func(w *state.Writer) error {
		var faults []error
		for k := range n {
			node := fmt.Sprintf("m%d", k)
			faults = append(faults,
				w.PutNode(state.Node{Node: node, Address: fmt.Sprintf("10.0.%d.%d", k/250, k%250+1), Datacenter: "dc1"}),
				w.PutService(state.Service{Node: node, ID: "web", Service: "web", Port: 8000 + k, Weights: state.Weights{Passing: 1, Warning: 1}}))
		}
		return errors.Join(faults...)
	}
}

// serve runs a server on a free port until the test ends, and returns it and
// its address.
func serve(t testing.TB, store *state.Store, settings dns.Settings) (*dns.Server, string) {
	t.Helper()
	s, err := dns.New(store, func() state.Node { return here }, dns.Config{AltDomain: "alt.example"}, settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx; awaited in the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	return s, s.Addrs()[0]
}

// ask asks a server, and fails the test when it does not answer.
func ask(t testing.TB, network, at string, m *miekg.Msg) *miekg.Msg {
	t.Helper()
	client := miekg.Client{Net: network, Timeout: 30 * time.Second}
	answer, _, err := client.Exchange(m, at)
	if err != nil {
		t.Fatalf("%s over %s: %v", m.Question[0].Name, network, err)
	}
	return answer
}

func question(name string, qtype uint16) *miekg.Msg { return new(miekg.Msg).SetQuestion(name, qtype) }

func TestServes(t *testing.T) {
	_, at := serve(t, holding(t, instances(3)), dns.Defaults())
	for _, network := range []string{"udp", "tcp"} {
		for range 2 { // found the first time, kept the second
			got := ask(t, network, at, question("web.service.consul.", miekg.TypeSRV))
			if got.Rcode != 0 || !got.Authoritative || got.RecursionAvailable || len(got.Answer) != 3 || len(got.Extra) != 3 {
				t.Errorf("%s: got %v", network, got)
			}
		}
	}
	if got := ask(t, "udp", at, question("nosuch.service.consul.", miekg.TypeA)); got.Rcode != miekg.RcodeNameError || len(got.Ns) != 1 {
		t.Errorf("nobody: got %v", got)
	}
	if got := ask(t, "udp", at, question("example.org.", miekg.TypeA)); got.Rcode != miekg.RcodeRefused || got.Authoritative {
		t.Errorf("elsewhere: got %v", got)
	}
}

// TestLargeQuestion: readers have room for usual questions at first. One that
// has none is lost, and answered when it is asked again, by whichever reader.
func TestLargeQuestion(t *testing.T) {
	_, at := serve(t, holding(t, instances(3)), dns.Defaults())
	large := question("web.service.consul.", miekg.TypeA).SetEdns0(4096, false)
	large.IsEdns0().Option = append(large.IsEdns0().Option, &miekg.EDNS0_PADDING{Padding: make([]byte, 10_000)})
	packed, err := large.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 4096)
	for range 100 {
		if _, err := conn.Write(packed); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err = conn.Read(answer); err == nil {
			return
		}
	}
	t.Errorf("a question of %d bytes was never answered: %v", len(packed), err)
}

// TestSeesChanges: what is kept holds no longer than what it is about.
func TestSeesChanges(t *testing.T) {
	store := holding(t, instances(2))
	server, at := serve(t, store, dns.Defaults())
	addresses := func() (all []string) {
		for _, rr := range ask(t, "udp", at, question("web.service.consul.", miekg.TypeA)).Answer {
			all = append(all, rr.(*miekg.A).A.String())
		}
		slices.Sort(all)
		return all
	}
	write := func(change func(w *state.Writer) error) {
		t.Helper()
		if err := store.Write(change); err != nil {
			t.Fatal(err)
		}
	}
	check := state.Check{Node: "m0", CheckID: "c", ServiceID: "web", Status: state.Critical}
	for _, step := range []struct {
		what   string
		change func(w *state.Writer) error
		want   string
	}{
		{"at first", func(*state.Writer) error { return nil }, "10.0.0.1 10.0.0.2"},
		{"one is critical", func(w *state.Writer) error { return w.PutCheck(check) }, "10.0.0.2"},
		{"it is well", func(w *state.Writer) error { check.Status = state.Passing; return w.PutCheck(check) }, "10.0.0.1 10.0.0.2"},
		{"its node moves", func(w *state.Writer) error {
			return w.PutNode(state.Node{Node: "m0", Address: "10.0.0.9", Datacenter: "dc1"})
		}, "10.0.0.2 10.0.0.9"},
		{"it goes", func(w *state.Writer) error { w.DeleteService("m0", "web"); return nil }, "10.0.0.2"},
		{"all go", func(w *state.Writer) error { w.DeleteNode("m1"); return nil }, ""},
		{"one comes", func(w *state.Writer) error {
			return w.PutService(state.Service{Node: "m0", ID: "web", Service: "web", Address: "10.1.1.1"})
		}, "10.1.1.1"},
	} {
		write(step.change)
		for range 2 {
			if got := strings.Join(addresses(), " "); got != step.want {
				t.Errorf("%s: got %q, want %q", step.what, got, step.want)
			}
		}
	}
	settings := dns.Defaults()
	settings.ServiceTTL = map[string]time.Duration{"*": 7 * time.Second}
	if err := server.Adjust(settings); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, "udp", at, question("web.service.consul.", miekg.TypeA)).Answer[0].Header().Ttl; got != 7 {
		t.Errorf("the TTL is %d after a change of the settings, want 7", got)
	}
}

func TestListenNamesAnAddressInUse(t *testing.T) {
	_, at := serve(t, holding(t, instances(0)), dns.Defaults())
	other, err := dns.New(state.New(), func() state.Node { return here }, dns.Config{}, dns.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Listen(at); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want that the address is in use", err)
	}
}
