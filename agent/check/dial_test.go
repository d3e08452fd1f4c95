package check

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/realjf/muster/agent/state"
)

// resolve makes every name resolve to the addresses, until the test ends.
func resolve(t *testing.T, addresses []net.IP) {
	t.Helper()
	before := net.DefaultResolver
	var answering sync.WaitGroup
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		asker, server := net.Pipe() // a stream, as DNS over TCP is
		answering.Go(func() {       // ends when the asker hangs up; awaited by the cleanup
			defer server.Close()
			answerDNS(server, addresses)
		})
		return asker, nil
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		answering.Wait()
	})
}

// answerDNS answers questions of RFC 1035 with addresses, those of IPv6 with
// none.
func answerDNS(conn net.Conn, addresses []net.IP) {
	for {
		var length uint16
		if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
			return
		}
		question := make([]byte, length)
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		end := 12 // of the one question: its name, its type and its class
		for question[end] != 0 {
			end += int(question[end]) + 1
		}
		end += 5
		given := addresses
		if binary.BigEndian.Uint16(question[end-4:]) != 1 {
			given = nil
		}
		answer := append([]byte{}, question[:end]...)
		answer[2], answer[3] = 0x81, 0x80
		binary.BigEndian.PutUint16(answer[6:], uint16(len(given)))
		binary.BigEndian.PutUint32(answer[8:], 0)
		for _, ip := range given {
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
			answer = append(answer, ip.To4()...)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// TestNameOfManyAddresses: one of them that answers is enough, and where none
// does the answer is as quick.
func TestNameOfManyAddresses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var dead []net.IP
	for n := range 250 {
		dead = append(dead, net.IPv4(127, 9, 9, byte(n+2)))
	}
	at := net.JoinHostPort("many.example.", port)
	kinds := []Definition{{HTTP: "http://" + at}, {TCP: at}, {GRPC: at}, {H2PING: at}}
	resolve(t, dead)
	for _, d := range kinds {
		if got := d.probe(t.Context()); got.Status != state.Critical {
			t.Errorf("%s: got %+v where nobody listens", d.Kind(), got)
		}
	}
	resolve(t, append(dead, net.IPv4(127, 0, 0, 1)))
	for _, d := range kinds[:2] {
		if got := d.probe(t.Context()); got.Status != state.Passing {
			t.Errorf("%s: got %+v where the last address listens", d.Kind(), got)
		}
	}
}

func TestUDPProbe(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var echo sync.WaitGroup
	echo.Go(func() { // ends with the port
		for {
			n, from, err := conn.ReadFrom(make([]byte, 1))
			if err != nil {
				return
			}
			if n != 0 {
				t.Errorf("got a datagram of %d bytes, want an empty one", n)
			}
			_, _ = conn.WriteTo([]byte("pong"), from)
		}
	})
	defer echo.Wait()
	defer conn.Close()
	address := conn.LocalAddr().String()
	want := Result{state.Passing, fmt.Sprintf("UDP connect %s: Success", address)}
	if got := (Definition{UDP: address}).probe(t.Context()); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
