package dns_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/realjf/muster/agent/dns"
	"github.com/realjf/muster/agent/state"
)

// startOther serves DNS with a handler until the test ends, and returns where.
func startOther(t *testing.T, handle miekg.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*miekg.Server{{Listener: l, Handler: handle}, {PacketConn: p, Handler: handle}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		server.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }() // ends at Shutdown; awaited in the cleanup
		<-started
		t.Cleanup(func() {
			if err := errors.Join(server.Shutdown(), <-ended); err != nil {
				t.Error(err)
			}
		})
	}
	return l.Addr().String()
}

// saying answers every question with an address, or with a code.
func saying(ip string, rcode int) miekg.HandlerFunc {
	return func(w miekg.ResponseWriter, r *miekg.Msg) {
		m := new(miekg.Msg).SetRcode(r, rcode)
		if ip != "" {
			m.Answer = []miekg.RR{&miekg.A{Hdr: miekg.RR_Header{Name: r.Question[0].Name, Rrtype: miekg.TypeA, Class: 1, Ttl: 300}, A: net.ParseIP(ip)}}
		}
		_ = w.WriteMsg(m) // the test sees that there is no answer
	}
}

func TestRecursors(t *testing.T) {
	fails, knows := startOther(t, saying("", miekg.RcodeServerFailure)), startOther(t, saying("192.0.2.1", 0))
	none := startOther(t, saying("", miekg.RcodeNameError))
	store := holding(t, func(w *state.Writer) error {
		return w.PutService(state.Service{Node: "n1", ID: "ext", Service: "ext", Address: "example.org"})
	})
	for _, c := range []struct {
		name      string
		recursors []string
		rcode     int
		answers   int
	}{
		{"the first that knows", []string{fails, knows, none}, 0, 1},
		{"that there is none is an answer", []string{none, knows}, miekg.RcodeNameError, 0},
		{"nobody knows", []string{fails, fails}, miekg.RcodeServerFailure, 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			settings := dns.Defaults()
			settings.Recursors = c.recursors
			_, at := serve(t, store, settings)
			got := ask(t, network, at, question("example.org.", miekg.TypeA))
			if got.Rcode != c.rcode || len(got.Answer) != c.answers || got.Authoritative {
				t.Errorf("%s, over %s: got %v", c.name, network, got)
			}
		}
	}
	settings := dns.Defaults()
	settings.Recursors = []string{fails, knows}
	settings.ServiceTTL = map[string]time.Duration{"*": 5 * time.Second}
	_, at := serve(t, store, settings)
	got := ask(t, "udp", at, question("ext.service.consul.", miekg.TypeA))
	if len(got.Answer) != 1 { // the first to answer that it failed was asked, and that is what it said
		t.Errorf("a service that is reached by a name: got %v", got)
	}
}

// TestEndsUnderWay: an answer that waits for others when the server is asked to
// end is still given.
func TestEndsUnderWay(t *testing.T) {
	asked, answers := make(chan struct{}, 2), make(chan struct{})
	other := startOther(t, func(w miekg.ResponseWriter, r *miekg.Msg) {
		asked <- struct{}{}
		<-answers
		saying("192.0.2.1", 0)(w, r)
	})
	settings := dns.Defaults()
	settings.Recursors, settings.RecursorTimeout = []string{other}, 30*time.Second
	s, err := dns.New(holding(t, instances(0)), func() state.Node { return here }, dns.Config{}, settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx; awaited below
	got := make(chan error, 2)
	for _, network := range []string{"udp", "tcp"} {
		go func() { // ends with its answer; awaited below
			client := miekg.Client{Net: network, Timeout: 30 * time.Second}
			m, _, err := client.Exchange(question("example.org.", miekg.TypeA), s.Addrs()[0])
			if err == nil && len(m.Answer) != 1 {
				err = errors.New(m.String())
			}
			got <- err
		}()
	}
	for range 2 {
		<-asked
	}
	cancel()
	close(answers)
	for range 2 {
		if err := <-got; err != nil {
			t.Errorf("got %v, want an answer", err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestEndsWithoutOthers: the server ends though others never answer.
func TestEndsWithoutOthers(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	settings := dns.Defaults()
	settings.Recursors, settings.RecursorTimeout = []string{silent.LocalAddr().String()}, time.Hour
	s, err := dns.New(holding(t, instances(0)), func() state.Node { return here }, dns.Config{}, settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx; awaited below
	conn, err := miekg.Dial("udp", s.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMsg(question("example.org.", miekg.TypeA)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := silent.ReadFrom(make([]byte, 512)); err != nil { // the question has arrived
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTCPTakesSeveralQuestions on one connection, also at once, and ends with
// one that is cut short.
func TestTCPTakesSeveralQuestions(t *testing.T) {
	_, at := serve(t, holding(t, instances(3)), dns.Defaults())
	conn, err := miekg.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for id := range uint16(3) {
		m := question("web.service.consul.", miekg.TypeA)
		m.Id = id
		if err := conn.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint16(3) {
		got, err := conn.ReadMsg()
		if err != nil || got.Id != id || len(got.Answer) != 3 {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if _, err := conn.Conn.Write([]byte{0, 200, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.ReadMsg(); err == nil {
		t.Errorf("half a question was answered: %v", got)
	}
}

// TestAnswersFromWhereItWasAsked: a server on all addresses answers from the
// one that the question was sent to.
func TestAnswersFromWhereItWasAsked(t *testing.T) {
	s, err := dns.New(holding(t, instances(3)), func() state.Node { return here }, dns.Config{}, dns.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen("0.0.0.0:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx; awaited below
	_, port, _ := net.SplitHostPort(s.Addrs()[0])
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		at := net.JoinHostPort(host, port)
		if conn, err := net.Dial("udp", at); err != nil {
			continue // a system with one loopback address
		} else if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, "udp", at, question("web.service.consul.", miekg.TypeA)); len(got.Answer) != 3 {
			t.Errorf("%s: got %v", host, got)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
