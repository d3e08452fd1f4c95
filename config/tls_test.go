package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes cert.pem and key.pem, and the former as a whole
// authority into the folder ca.
func writeCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("ca", 0o700); err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{
		"cert.pem": certificate, "ca/ca.pem": certificate, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), "empty.pem": nil,
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHTTPS(t *testing.T) {
	t.Chdir(t.TempDir())
	writeCertificate(t)
	const pair = `cert_file = "cert.pem" key_file = "key.pem" `
	for _, tc := range []struct {
		name, hcl string
		addr      string
		auth      tls.ClientAuthType
		version   uint16
	}{
		{"for it", `tls { https { ` + pair + `} }`, "127.0.0.1:8501", tls.NoClientCert, tls.VersionTLS12},
		{"for all", `tls { defaults { ` + pair + ` tls_min_version = "TLSv1_3" } }`, "127.0.0.1:8501", tls.NoClientCert, tls.VersionTLS13},
		{"in the old place", pair + `ca_file = "cert.pem" verify_incoming = true`, "127.0.0.1:8501", tls.RequireAndVerifyClientCert, tls.VersionTLS12},
		{"for it over for all", `tls { defaults { ` + pair + ` verify_incoming = true } https { verify_incoming = false } }`, "127.0.0.1:8501", tls.NoClientCert, tls.VersionTLS12},
		{"for it in the old place", pair + `ca_path = "ca" verify_incoming_https = true verify_incoming = false`, "127.0.0.1:8501", tls.RequireAndVerifyClientCert, tls.VersionTLS12},
		{"no certificate", ``, "", tls.NoClientCert, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _, err := readAgent(t, "-dev", "-https-port", "8501", "-hcl", tc.hcl)
			if err != nil {
				t.Fatal(err)
			}
			if a.Registry.HTTPSAddr != tc.addr {
				t.Errorf("it listens on %q, want %q", a.Registry.HTTPSAddr, tc.addr)
			}
			if tc.addr == "" {
				if len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "nothing listens there without a certificate") {
					t.Errorf("got the warnings %q", a.Warnings)
				}
				return
			}
			if c := a.Registry.TLS; len(c.Certificates) != 1 || c.ClientAuth != tc.auth || c.MinVersion != tc.version {
				t.Errorf("got %d certificates, %v, version %x", len(c.Certificates), c.ClientAuth, c.MinVersion)
			}
		})
	}
	for _, tc := range []struct{ name, hcl, says string }{
		{"no key", `tls { https { cert_file = "cert.pem" key_file = "none.pem" } }`, "tls.https.cert_file: open none.pem"},
		{"the wrong key", `cert_file = "cert.pem" key_file = "cert.pem"`, "cert_file: tls: "},
		{"nobody to trust", pair + `verify_incoming = true`, "verify_incoming: whom to trust is not said"},
		{"an empty authority", pair + `ca_file = "empty.pem"`, "ca_file: empty.pem: there is no certificate in it"},
		{"no authority", pair + `ca_file = "none.pem"`, "ca_file: open none.pem"},
		{"an unknown version", pair + `tls_min_version = "x"`, "tls_min_version: want TLSv1_2 or TLSv1_3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := readAgent(t, "-dev", "-https-port", "8501", "-hcl", tc.hcl); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}
