package agent_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// TestOpenDoorsAreTold: one line for each door that others may come in by, and
// another one when another rule is in force there.
func TestOpenDoorsAreTold(t *testing.T) {
	log := &journal{}
	config := quiet()
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0 0.0.0.0:0", "0.0.0.0:0"
	a := run(t, config)
	tells := func(what string, wants ...string) {
		t.Helper()
		if err := a.Reconfigure(config); err != nil { // behind which the start has told what it tells
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "everybody who reaches") {
				got = append(got, line)
			}
		}
		if len(got) != len(wants) {
			t.Fatalf("%s: got %q, want %d lines", what, got, len(wants))
		}
		for n, want := range wants {
			if !strings.Contains(got[n], "level=WARN") || !strings.Contains(got[n], want) {
				t.Errorf("%s: got %s, want %s", what, got[n], want)
			}
		}
	}
	http, dns, some := "can read and change the registry\" door=http", "can ask which services there are and where\" door=dns", "guard=http_config.allow_write_http_from"
	tells("at the start", http, dns)
	config.AllowWriteFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	tells("with a guard", http, dns, some)
	config.AllowWriteFrom = nil
	tells("without it", http, dns, some, http)
}

// TestStrangersAtTheTLSPort: who speaks plain HTTP is told so, and who never
// finishes a handshake keeps nobody out.
func TestStrangersAtTheTLSPort(t *testing.T) {
	files, authority, _ := certificates(t)
	config := quiet()
	config.HTTPAddr, config.HTTPSAddr, config.TLS, config.MaxConnsPerClient = "", "127.0.0.1:0", files, 0
	a := run(t, config)
	at := strings.TrimPrefix(a.URLs()[0], "https://")
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for range 50 {
		dial() // and never say a word
	}
	plain := dial()
	if _, err := io.WriteString(plain, "GET /v1/status/leader HTTP/1.1\r\nHost: registry\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(plain), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP: got %d, %q, %v", answer.StatusCode, text, err)
	}
	_ = answer.Body.Close() // it was read
	endless := dial()
	if _, err := io.WriteString(endless, "\x16\x03\x01\x40\x00\x01\xff\xff\xff"+strings.Repeat("\x03", 1<<14-4)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, endless); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a hello of 16 MiB is awaited")
	}
	_, api := client(t, a.URLs()[0], &tls.Config{RootCAs: authority})
	if _, err := api.Status().Leader(); err != nil {
		t.Errorf("meanwhile: %v", err)
	}
}
