package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/realjf/muster/agent/credential"
)

// certificates returns the files of a certificate for 127.0.0.1, for servers
// and clients, which signed itself; it as an authority, and as itself.
func certificates(t *testing.T) (credential.Settings, *x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
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
	folder := t.TempDir()
	files := credential.Settings{Cert: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem"), CAFile: filepath.Join(folder, "cert.pem")}
	write := func(path, kind string, bytes []byte) {
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(files.Cert, "CERTIFICATE", der)
	write(files.Key, "PRIVATE KEY", secret)
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	return files, pool, pair
}

func TestReconfigureTLS(t *testing.T) {
	files, authority, _ := certificates(t)
	config := quiet()
	config.HTTPSAddr, config.TLS = "127.0.0.1:0", files
	a := run(t, config)
	trusts := func(authority *x509.CertPool) bool {
		_, api := client(t, a.URLs()[1], &tls.Config{RootCAs: authority})
		_, err := api.Status().Leader()
		return err == nil
	}
	if !trusts(authority) {
		t.Fatal("the first certificate is not shown")
	}
	without := config
	without.HTTPSAddr, without.TLS = "", credential.Settings{}
	if err := a.Reconfigure(without); err != nil {
		t.Fatal(err)
	}
	if !trusts(authority) {
		t.Error("without another certificate the first one is not shown any more")
	}
	files, next, _ := certificates(t)
	config.TLS = files
	if err := a.Reconfigure(config); err != nil {
		t.Fatal(err)
	}
	if !trusts(next) || trusts(authority) {
		t.Error("the next certificate is not shown")
	}
}
