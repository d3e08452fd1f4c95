package consul_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/discovertest"
)

// authority signs certificates.
type authority struct {
	pair tls.Certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	return &authority{signed(t, name, nil)}
}

// signed returns a certificate of by's, or of its own.
func signed(t *testing.T, name string, by *authority) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: by == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.pair.Leaf, by.pair.PrivateKey
	}
	text, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key, Leaf: leaf}
}

// write puts a certificate, and its key if there is a path for it, in files.
func write(t *testing.T, pair tls.Certificate, path, keyPath string) {
	t.Helper()
	put := func(path, kind string, text []byte) {
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: text}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(path, "CERTIFICATE", pair.Certificate[0])
	if keyPath != "" {
		key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		put(keyPath, "PRIVATE KEY", key)
	}
}

// TestCertificatesAreReadAgain: the client's certificate and the authority it
// trusts change in their files, and the next connections are made with them,
// while a watch goes on. What cannot be used changes nothing.
func TestCertificatesAreReadAgain(t *testing.T) {
	var mu sync.Mutex
	var secure *tls.Config
	var shown []string // whose certificates clients showed
	index := "1"
	serve := func(own tls.Certificate, clients *authority) {
		pool := x509.NewCertPool()
		pool.AddCert(clients.pair.Leaf)
		mu.Lock()
		defer mu.Unlock()
		secure = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, SessionTicketsDisabled: true}
	}
	last := func() string {
		mu.Lock()
		defer mu.Unlock()
		return shown[len(shown)-1]
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		shown = append(shown, r.TLS.PeerCertificates[0].Subject.CommonName)
		now := index
		mu.Unlock()
		if r.URL.Query().Get("index") == now {
			<-r.Context().Done()
			return
		}
		w.Header().Set("X-Consul-Index", now)
		_, _ = io.WriteString(w, twoInstances)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return secure, nil
	}}
	old, young := newAuthority(t, "old"), newAuthority(t, "young")
	serve(signed(t, "server", old), old)
	server.StartTLS()
	defer server.Close()

	folder := t.TempDir()
	settings := api.TLSConfig{
		CertFile: filepath.Join(folder, "cert"), KeyFile: filepath.Join(folder, "key"), CAFile: filepath.Join(folder, "ca"),
	}
	write(t, signed(t, "first", old), settings.CertFile, settings.KeyFile)
	write(t, old.pair, settings.CAFile, "")
	registry, err := consul.New(&api.Config{Address: server.URL, TLSConfig: settings}, consul.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.CloseIdleConnections()
	w := discover.Watch(registry, web, discover.WatchConfig{})
	defer w.Close()
	if _, err := w.First(t.Context()); err != nil || last() != "first" {
		t.Fatalf("got error %v, with the certificate of %q", err, last())
	}
	ask := func(want string) {
		t.Helper()
		registry.CloseIdleConnections()
		if _, err := registry.Next(t.Context(), web, 0); err != nil || last() != want {
			t.Errorf("got error %v, with the certificate of %q, want %q", err, last(), want)
		}
	}

	write(t, signed(t, "second", old), settings.CertFile, settings.KeyFile)
	ask("second")
	if err := os.WriteFile(settings.CertFile, []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask("second")

	// All is another authority's, at once; and the registry starts anew.
	serve(signed(t, "server", young), young)
	write(t, young.pair, settings.CAFile, "")
	write(t, signed(t, "third", young), settings.CertFile, settings.KeyFile)
	ask("third")
	before, _ := w.Snapshot()
	mu.Lock()
	index = "2"
	mu.Unlock()
	server.CloseClientConnections()
	for s, _ := w.Snapshot(); s.Index == before.Index; s, _ = w.Snapshot() {
		time.Sleep(time.Millisecond)
	}
	if s, _ := w.Snapshot(); s.Err != nil || discovertest.IDs(s.Instances) != "a" {
		t.Errorf("the watch has %+v", s)
	}
}
