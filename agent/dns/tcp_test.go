package dns

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// TestSilentConnectionsGiveWay: however many connections say nothing, one more
// has its answer, at the cost of the one that has been silent longest.
func TestSilentConnectionsGiveWay(t *testing.T) {
	s, err := New(state.New(), func() state.Node { return state.Node{} }, Config{}, Defaults())
	if err != nil {
		t.Fatal(err)
	}
	s.conns, s.idle = make(chan struct{}, 2), time.Hour
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx; awaited below
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	const others = 5
	var silent []net.Conn
	for range others {
		conn, err := net.Dial("tcp", s.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	client := dns.Client{Net: "tcp", Timeout: time.Minute}
	if _, _, err := client.Exchange(new(dns.Msg).SetQuestion("none.service.consul.", dns.TypeA), s.Addrs()[0]); err != nil {
		t.Fatalf("one more connection: %v", err)
	}
	for n, conn := range silent[:others-1] {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("connection %d that said nothing: %v, want it to be closed", n, err)
		}
	}
}
