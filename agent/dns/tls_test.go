package dns_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/realjf/muster/agent/dns"
	"github.com/realjf/muster/agent/state"
)

// secure returns how a server and a client of it speak TLS.
func secure(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"dot"}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: pool, NextProtos: []string{"dot"}, MinVersion: tls.VersionTLS12}
}

// serveTLS runs a server on a free port of its own for TLS until the test ends.
func serveTLS(t testing.TB, store *state.Store) (at string, client *tls.Config) {
	t.Helper()
	s, err := dns.New(store, func() state.Node { return here }, dns.Config{}, dns.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	server, client := secure(t)
	if err := s.ListenTLS("127.0.0.1:0", server); err != nil {
		t.Fatal(err)
	}
	if len(s.Addrs()) != 0 || len(s.TLSAddrs()) != 1 {
		t.Fatalf("it listens on %q, and over TLS on %q", s.Addrs(), s.TLSAddrs())
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
	return s.TLSAddrs()[0], client
}

// dialTLS returns a connection that speaks TLS.
func dialTLS(t *testing.T, at string, client *tls.Config) *miekg.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", at, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "dot" {
		t.Errorf("the protocol is %q, want dot", got)
	}
	return &miekg.Conn{Conn: conn}
}

func TestServesOverTLS(t *testing.T) {
	at, secure := serveTLS(t, holding(t, instances(3)))
	client := miekg.Client{Net: "tcp-tls", TLSConfig: secure, Timeout: 30 * time.Second}
	for _, name := range []string{"web.service.consul.", "WEB.service.consul."} { // one that is kept, and one that is not
		got, _, err := client.Exchange(question(name, miekg.TypeSRV), at)
		if err != nil || len(got.Answer) != 3 || !got.Authoritative {
			t.Fatalf("%s: got %v, %v", name, got, err)
		}
	}

	// Several questions before any answer, on one connection.
	conn := dialTLS(t, at, secure)
	const many = 20
	for id := range uint16(many) {
		m := question("web.service.consul.", miekg.TypeA)
		m.Id = id
		if err := conn.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint16(many) {
		got, err := conn.ReadMsg()
		if err != nil || got.Id != id || len(got.Answer) != 3 {
			t.Fatalf("question %d: got %v, %v", id, got, err)
		}
	}
}

// TestAnswersOverTLSArePadded: to who speaks EDNS, and to nobody else; so their
// lengths tell little.
func TestAnswersOverTLSArePadded(t *testing.T) {
	store := holding(t, instances(30))
	at, secure := serveTLS(t, store)
	_, open := serve(t, store, dns.Defaults())
	padding := &miekg.EDNS0_PADDING{Padding: make([]byte, 20)}
	for _, tc := range []struct {
		name    string
		options []miekg.EDNS0
		edns    bool
	}{
		{"without EDNS", nil, false},
		{"with EDNS", nil, true},
		{"with a padded question", []miekg.EDNS0{padding}, true},
		{"with a subnet", []miekg.EDNS0{&miekg.EDNS0_SUBNET{Code: miekg.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(10, 0, 0, 0).To4()}}, true},
	} {
		for _, name := range []string{"web.service.consul.", "nobody.service.consul.", "example.org."} {
			m := question(name, miekg.TypeA)
			if tc.edns {
				m.SetEdns0(4096, false)
				m.IsEdns0().Option = tc.options
			}
			conn := dialTLS(t, at, secure)
			if err := conn.WriteMsg(m); err != nil {
				t.Fatal(err)
			}
			raw, err := conn.ReadMsgHeader(nil)
			if err != nil {
				t.Fatal(err)
			}
			got := new(miekg.Msg)
			if err := got.Unpack(raw); err != nil {
				t.Fatalf("%s, %s: %v", tc.name, name, err)
			}
			padded := false
			if option := got.IsEdns0(); option != nil {
				for _, o := range option.Option {
					padded = padded || o.Option() == miekg.EDNS0PADDING
				}
				if !padded || len(raw)%468 != 0 {
					t.Errorf("%s, %s: %d bytes, padded: %v", tc.name, name, len(raw), padded)
				}
			} else if tc.edns && name != "example.org." { // which is refused without more ado
				t.Errorf("%s, %s: nothing is said of EDNS", tc.name, name)
			}
			plain := ask(t, "tcp", open, m)
			if option := plain.IsEdns0(); option != nil {
				for _, o := range option.Option {
					if o.Option() == miekg.EDNS0PADDING {
						t.Errorf("%s, %s: padded in the open", tc.name, name)
					}
				}
			}
			if len(plain.Answer) != len(got.Answer) || plain.Rcode != got.Rcode {
				t.Errorf("%s, %s: got %v, want as over TCP %v", tc.name, name, got, plain)
			}
		}
	}
}

// TestStrangersAtTheTLSPort: who does not speak TLS, or another protocol over
// it, is let go, and others are answered meanwhile.
func TestStrangersAtTheTLSPort(t *testing.T) {
	at, secure := serveTLS(t, holding(t, instances(1)))
	mute, err := net.Dial("tcp", at) // never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for name, text := range map[string]string{
		"DNS in the open":      "\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x07service\x06consul\x00\x00\x01\x00\x01",
		"HTTP":                 "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a hello without end":  "\x16\x03\x01\xff\xff\x01\xff\xff\xff\x03\x03",
		"a hello that is none": "\x16\x03\x01\x00\x04\x01\x00\x00\x00",
	} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		// Perhaps an alert, and then the end.
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is kept", name)
		}
	}
	other := secure.Clone()
	other.NextProtos = []string{"h2"}
	if conn, err := tls.Dial("tcp", at, other); err == nil {
		_ = conn.Close()
		t.Error("HTTP/2 was agreed upon")
	}
	client := miekg.Client{Net: "tcp-tls", TLSConfig: secure, Timeout: 30 * time.Second}
	if got, _, err := client.Exchange(question("web.service.consul.", miekg.TypeA), at); err != nil || len(got.Answer) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}
