package credential_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/credential"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// made is a certificate that signed itself, and its key, in PEM.
type made struct{ cert, key []byte }

// certificate makes one with a number, for a time from now on.
func certificate(t *testing.T, number int64, life time.Duration) made {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: time.Now(), NotAfter: time.Now().Add(life), DNSNames: []string{"registry"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})}
}

func (m made) pair(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(m.cert, m.key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadSaysWhichFileIsWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	one, other := certificate(t, 1, time.Hour), certificate(t, 2, time.Hour)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})
	for name, text := range map[string][]byte{
		"cert.pem": one.cert, "key.pem": one.key, "other-key.pem": other.key, "empty.pem": nil, "text.pem": []byte("hello"),
		"encrypted.pem": encrypted, "broken.pem": broken, "chain.pem": append(bytes.Clone(one.cert), other.cert...), "both.pem": append(bytes.Clone(one.key), one.cert...),
	} {
		write(t, name, text)
	}
	for _, folder := range []string{"none", "ca", filepath.Join("ca", "..data")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join("ca", "one.pem"), one.cert)
	for _, tc := range []struct {
		name     string
		settings credential.Settings
		part     credential.Part // "" when nothing is wrong
		says     string
	}{
		{"a pair", credential.Settings{Cert: "cert.pem", Key: "key.pem"}, "", ""},
		{"a chain", credential.Settings{Cert: "chain.pem", Key: "key.pem"}, "", ""},
		{"one file for both", credential.Settings{Cert: "both.pem", Key: "both.pem"}, "", ""},
		{"a folder of authorities", credential.Settings{Cert: "cert.pem", Key: "key.pem", CAPath: "ca", Verify: true}, "", ""},
		{"a file of authorities over a folder", credential.Settings{Cert: "cert.pem", Key: "key.pem", CAFile: "cert.pem", CAPath: "none", Verify: true}, "", ""},
		{"nothing", credential.Settings{}, credential.Certificate, "there is no certificate"},
		{"no key", credential.Settings{Cert: "cert.pem"}, credential.Key, "there is no key for the certificate cert.pem"},
		{"no file", credential.Settings{Cert: "x.pem", Key: "key.pem"}, credential.Certificate, "open x.pem:"},
		{"no key file", credential.Settings{Cert: "cert.pem", Key: "x.pem"}, credential.Key, "open x.pem:"},
		{"an empty file", credential.Settings{Cert: "empty.pem", Key: "key.pem"}, credential.Certificate, "empty.pem: it is empty"},
		{"a text", credential.Settings{Cert: "cert.pem", Key: "text.pem"}, credential.Key, "text.pem: there is no private key in PEM in it"},
		{"swapped", credential.Settings{Cert: "key.pem", Key: "cert.pem"}, credential.Certificate, "key.pem: there is no certificate in it, but a private key"},
		{"another's key", credential.Settings{Cert: "cert.pem", Key: "other-key.pem"}, credential.Key, "other-key.pem: it is not the key of the certificate cert.pem"},
		{"an encrypted key", credential.Settings{Cert: "cert.pem", Key: "encrypted.pem"}, credential.Key, "encrypted.pem: the key is encrypted"},
		{"a broken certificate", credential.Settings{Cert: "broken.pem", Key: "key.pem"}, credential.Certificate, "broken.pem: x509:"},
		{"nobody to trust", credential.Settings{Cert: "cert.pem", Key: "key.pem", Verify: true}, credential.Authorities, "whom to trust is not said"},
		{"no authority", credential.Settings{Cert: "cert.pem", Key: "key.pem", CAFile: "key.pem"}, credential.Authorities, "key.pem: there is no certificate in it"},
		{"an empty folder", credential.Settings{Cert: "cert.pem", Key: "key.pem", CAPath: "none"}, credential.Authorities, "none: there is no file in this folder"},
		{"no folder", credential.Settings{Cert: "cert.pem", Key: "key.pem", CAPath: "x"}, credential.Authorities, "open x:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.settings.Read()
			var fault *credential.Fault
			switch {
			case tc.part == "" && err != nil:
				t.Errorf("got %v", err)
			case tc.part == "":
			case !errors.As(err, &fault) || fault.Part != tc.part || !strings.HasPrefix(fault.Error(), tc.says):
				t.Errorf("got %v (%+v), want %s: %q", err, fault, tc.part, tc.says)
			}
		})
	}
}

// place is a folder with the files of a certificate, and a keeper of it.
type place struct {
	t        *testing.T
	settings credential.Settings
	keeper   *credential.Keeper
	log      *log
}

// log is what was logged. It is safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// count returns how often something was logged.
func (l *log) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// keep runs a keeper of m in a bubble, until the function that it returns is
// called.
func keep(t *testing.T, m made) (*place, func()) {
	t.Helper()
	folder := t.TempDir()
	p := &place{t: t, log: &log{}, settings: credential.Settings{Cert: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem")}}
	p.put(m)
	set, err := p.settings.Read()
	if err != nil {
		t.Fatal(err)
	}
	p.keeper = credential.New(set, slog.New(slog.NewTextHandler(p.log, nil)))
	return p, p.run()
}

func (p *place) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends with ctx; awaited by stop
		defer close(ended)
		p.keeper.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

func (p *place) put(m made) {
	p.t.Helper()
	write(p.t, p.settings.Cert, m.cert)
	write(p.t, p.settings.Key, m.key)
}

// shown returns the number of the certificate that somebody is shown who
// connects as client says.
func (p *place) shown(client *tls.Config) (int64, error) {
	p.t.Helper()
	near, far := net.Pipe()
	shaken := make(chan error, 1)
	go func() { // ends with the pipe; awaited below
		server := tls.Server(far, p.keeper.Server("dot"))
		err := server.Handshake()
		_ = far.Close()
		shaken <- err
	}()
	client.InsecureSkipVerify = true
	conn := tls.Client(near, client)
	err := conn.Handshake()
	if err == nil {
		// A client of TLS 1.3 is told afterwards that it is not let in.
		_, err = conn.Read(make([]byte, 1))
	}
	_ = near.Close()
	if refused := <-shaken; refused != nil {
		return 0, refused
	}
	if state := conn.ConnectionState(); len(state.PeerCertificates) > 0 {
		return state.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	return 0, err
}

func (p *place) wants(what string, number int64) {
	p.t.Helper()
	if got, err := p.shown(&tls.Config{}); got != number || err != nil {
		p.t.Errorf("%s: certificate %d is shown, %v, want %d", what, got, err, number)
	}
}

// pass lets time go by until the files were looked at.
func pass() { time.Sleep(6 * time.Second); synctest.Wait() }

func TestFilesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two, three := certificate(t, 1, 1000*time.Hour), certificate(t, 2, 2000*time.Hour), certificate(t, 3, 1000*time.Hour)
		p, stop := keep(t, one)
		defer stop()
		p.wants("at first", 1)

		// One file after the other: half a pair is none.
		write(t, p.settings.Cert, two.cert)
		pass()
		p.wants("with another's key", 1)
		pass()
		pass()
		if got := p.log.count("certificate stays as it was"); got != 1 {
			t.Errorf("half a pair was logged %d times, want once:\n%s", got, p.log.text.String())
		}
		write(t, p.settings.Key, two.key)
		pass()
		p.wants("with its key", 2)
		if ends := "ends=" + p.keeper.Ends().UTC().Format(time.RFC3339); p.log.count("certificate is renewed") != 1 || p.log.count(ends) != 1 {
			t.Errorf("the new end, %s, was not logged:\n%s", ends, p.log.text.String())
		}

		// Gone, and the same again.
		if err := os.Remove(p.settings.Key); err != nil {
			t.Fatal(err)
		}
		pass()
		p.wants("without a key", 2)
		write(t, p.settings.Key, two.key)
		pass()
		if got := p.log.count("certificate is in its files again"); got != 1 {
			t.Errorf("that all is well was logged %d times, want once", got)
		}

		// By renaming.
		for path, text := range map[string][]byte{p.settings.Cert: three.cert, p.settings.Key: three.key} {
			write(t, path+".new", text)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}
		pass()
		p.wants("renamed", 3)

		// What is put is in force at once.
		p.put(one)
		set, err := p.settings.Read()
		if err != nil {
			t.Fatal(err)
		}
		p.keeper.Put(set)
		p.wants("put", 1)
		before := p.log.count("renewed")
		pass()
		if p.log.count("renewed") != before {
			t.Error("what was put was renewed once more")
		}
	})
}

// TestLinksAreFollowed: as Kubernetes swaps a secret, one link for all files.
func TestLinksAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		versions := []made{certificate(t, 1, 1000*time.Hour), certificate(t, 2, 1000*time.Hour)}
		for n, version := range versions {
			at := filepath.Join(folder, "..v"+string(rune('0'+n)))
			if err := os.Mkdir(at, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(at, "tls.crt"), version.cert)
			write(t, filepath.Join(at, "tls.key"), version.key)
		}
		link := func(to, from string) {
			if err := os.Symlink(to, filepath.Join(folder, from)); err != nil {
				t.Skip(err) // not everybody may, on Windows
			}
		}
		link("..v0", "..data")
		link(filepath.Join("..data", "tls.crt"), "tls.crt")
		link(filepath.Join("..data", "tls.key"), "tls.key")
		p := &place{t: t, log: &log{}, settings: credential.Settings{
			Cert: filepath.Join(folder, "tls.crt"), Key: filepath.Join(folder, "tls.key"), CAPath: folder,
		}}
		if _, err := p.settings.Read(); err == nil || !strings.Contains(err.Error(), "tls.key: there is no certificate in it") {
			t.Errorf("a key among authorities: got %v", err)
		}
		p.settings.CAPath = ""
		set, err := p.settings.Read()
		if err != nil {
			t.Fatal(err)
		}
		p.keeper = credential.New(set, slog.New(slog.NewTextHandler(p.log, nil)))
		defer p.run()()
		p.wants("at first", 1)
		link("..v1", "..next")
		if err := os.Rename(filepath.Join(folder, "..next"), filepath.Join(folder, "..data")); err != nil {
			t.Fatal(err)
		}
		pass()
		p.wants("swapped", 2)
		if p.log.count("stays as it was") != 0 {
			t.Errorf("a swap of all at once was not one:\n%s", p.log.text.String())
		}
	})
}

// TestWhoIsTrusted: clients are held against the authorities that the files hold
// now.
func TestWhoIsTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, one, two := certificate(t, 1, 1000*time.Hour), certificate(t, 11, 1000*time.Hour), certificate(t, 12, 1000*time.Hour)
		p, stop := keep(t, server)
		stop()
		p.settings.CAFile, p.settings.Verify = filepath.Join(filepath.Dir(p.settings.Cert), "ca.pem"), true
		write(t, p.settings.CAFile, one.cert)
		set, err := p.settings.Read()
		if err != nil {
			t.Fatal(err)
		}
		p.keeper.Put(set)
		defer p.run()()
		tickets := tls.NewLRUClientSessionCache(1)
		lets := func(what string, m *made, want bool) {
			t.Helper()
			client := &tls.Config{ServerName: "registry", ClientSessionCache: tickets}
			if m != nil {
				client.Certificates = []tls.Certificate{m.pair(t)}
			}
			if _, err := p.shown(client); (err == nil) != want {
				t.Errorf("%s: %v, want it let in: %v", what, err, want)
			}
		}
		lets("nobody", nil, false)
		lets("one", &one, true)
		lets("two", &two, false)
		write(t, p.settings.CAFile, two.cert)
		pass()
		lets("one, not trusted any more", &one, false)
		lets("two, trusted now", &two, true)
		write(t, p.settings.CAFile, nil)
		pass()
		lets("two, while there is nobody", &two, true)
	})
}
