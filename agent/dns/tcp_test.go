package dns

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// crowded runs a server with places for so many connections, and returns where it
// listens over TCP and over TLS, for a certificate that nobody needs.
func crowded(t *testing.T, places int, handshake time.Duration) (tcp, secure string) {
	t.Helper()
	s, err := New(state.New(), func() state.Node { return state.Node{} }, Config{}, Defaults())
	if err != nil {
		t.Fatal(err)
	}
	s.conns, s.idle, s.handshake = make(chan struct{}, places), time.Hour, handshake
	if err := errors.Join(s.Listen("127.0.0.1:0"), s.ListenTLS("127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx; awaited in the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Addrs()[0], s.TLSAddrs()[0]
}

// TestSilentConnectionsGiveWay: however many connections say nothing, one more
// has its answer, at the cost of the one that has been silent longest. It is the
// same for those from which a handshake is awaited.
func TestSilentConnectionsGiveWay(t *testing.T) {
	tcp, secure := crowded(t, 2, time.Hour)
	t.Run("TCP", func(t *testing.T) { silentGiveWay(t, tcp, tcp, 4) })
	t.Run("TLS", func(t *testing.T) { silentGiveWay(t, secure, tcp, 3) }) // one who asks over TCP may come before the last
}

// TestHandshakesEnd: who never speaks is not awaited for ever.
func TestHandshakesEnd(t *testing.T) {
	_, secure := crowded(t, 2, time.Millisecond)
	conn, err := net.Dial("tcp", secure)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the connection to be closed", err)
	}
}

// silentGiveWay connects to an address without a word, asks over TCP, and wants
// so many to have gone.
func silentGiveWay(t *testing.T, address, tcp string, gone int) {
	const others = 5
	var silent []net.Conn
	for range others {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	client := dns.Client{Net: "tcp", Timeout: time.Minute}
	if _, _, err := client.Exchange(new(dns.Msg).SetQuestion("none.service.consul.", dns.TypeA), tcp); err != nil {
		t.Fatalf("one more connection: %v", err)
	}
	for n, conn := range silent[:gone] {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("connection %d that said nothing: %v, want it to be closed", n, err)
		}
	}
}
