package test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/realjf/muster/test/registry"
)

// strangerLimit is how long it may take until something is answered or closed,
// on a slow machine.
const strangerLimit = time.Minute

// Whatever strangers do with the port of DNS, others have their answers: they
// send what is no question, open connections and say nothing, or speak so slowly
// that nobody knows what they want.
func TestStrangersAtDNS(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	s.put("/v1/agent/service/register", `{"Name":"web","Address":"10.0.0.1","Port":8001}`)
	s.answers("udp")
	s.answers("tcp")

	s.babble(20_000)
	s.answers("tcp")

	never, slow, half := s.stranger(), s.stranger(), s.stranger()
	if _, err := half.Write([]byte{0xff, 0xff, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- drip(slow) }() // ends when the registry closes the connection; awaited below
	s.closed("one that said nothing", never)
	s.closed("one that said half of something", half)
	if err := <-closed; err != nil {
		t.Errorf("one that sends a byte a second: %v", err)
	}

	// More than the registry has places for.
	var idle []net.Conn
	for range 1200 {
		idle = append(idle, s.stranger())
	}
	s.answers("udp")
	s.answers("tcp")
	s.closed("the first of many that said nothing", idle[0])
}

// answers asks the registry over a network, and waits for the answer.
func (s *scene) answers(network string) {
	s.Helper()
	client := dns.Client{Net: network, Timeout: strangerLimit}
	answer, _, err := client.Exchange(new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV), s.registry.DNSAddress())
	if err != nil || len(answer.Answer) != 1 {
		s.Errorf("asked over %s: %v, %v", network, answer, err)
	}
}

// stranger opens a connection to the registry's DNS, which ends with the story.
func (s *scene) stranger() net.Conn {
	s.Helper()
	conn, err := new(net.Dialer).DialContext(s.Context(), "tcp", s.registry.DNSAddress())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	return conn
}

// closed waits until the registry closes a connection.
func (s *scene) closed(what string, conn net.Conn) {
	s.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(strangerLimit)); err != nil {
		s.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		s.Errorf("%s: the connection is open still", what)
	}
}

// drip sends a byte a second of a message that is long, until the connection is
// closed.
func drip(conn net.Conn) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := time.After(strangerLimit); ; {
		if _, err := conn.Write([]byte{200}); err != nil {
			return nil // it was closed
		}
		select {
		case <-tick.C:
		case <-over:
			return fmt.Errorf("the connection is open still after %s", strangerLimit)
		}
	}
}

// babble sends packets of which most are no questions: those of a question with
// some bytes changed, or with the end missing.
func (s *scene) babble(packets int) {
	s.Helper()
	conn, err := net.Dial("udp", s.registry.DNSAddress())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	question := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV).SetEdns0(4096, true)
	proper, err := question.Pack()
	if err != nil {
		s.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	packet := make([]byte, len(proper))
	for n := range packets {
		if n%50 == 0 {
			s.answers("udp") // when those before are read: the system loses what comes faster than that
		}
		copy(packet, proper)
		for range random.IntN(4) {
			packet[random.IntN(len(packet))] = byte(random.Uint32())
		}
		// None of the answers is looked at.
		_, _ = conn.Write(packet[:len(packet)-max(0, random.IntN(2*len(packet))-len(packet))])
	}
}
