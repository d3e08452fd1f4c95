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
	for _, folder := range []string{"ca", "none"} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
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
		verify    bool
		version   uint16
	}{
		{"for it", `tls { https { ` + pair + `} }`, "127.0.0.1:8501", false, tls.VersionTLS12},
		{"for all", `tls { defaults { ` + pair + ` tls_min_version = "TLSv1_3" } }`, "127.0.0.1:8501", false, tls.VersionTLS13},
		{"in the old place", pair + `ca_file = "cert.pem" verify_incoming = true`, "127.0.0.1:8501", true, tls.VersionTLS12},
		{"for it over for all", `tls { defaults { ` + pair + ` verify_incoming = true } https { verify_incoming = false } }`, "127.0.0.1:8501", false, tls.VersionTLS12},
		{"for it in the old place", pair + `ca_path = "ca" verify_incoming_https = true verify_incoming = false`, "127.0.0.1:8501", true, tls.VersionTLS12},
		{"ciphers", pair + `tls_cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"`, "127.0.0.1:8501", false, tls.VersionTLS12},
		{"no certificate", ``, "", false, 0},
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
			if c := a.Registry.TLS; c.Cert != "cert.pem" || c.Key != "key.pem" || c.Verify != tc.verify || c.MinVersion != tc.version {
				t.Errorf("got %+v", c)
			}
		})
	}
	for _, tc := range []struct{ name, hcl, says string }{
		{"no key", `tls { https { cert_file = "cert.pem" key_file = "none.pem" } }`, "tls.https.key_file: open none.pem"},
		{"no certificate", `cert_file = "none.pem" key_file = "key.pem"`, "cert_file: open none.pem"},
		{"a certificate as key", `cert_file = "cert.pem" key_file = "cert.pem"`, "key_file: cert.pem: there is no private key in it, but a certificate"},
		{"nobody to trust", pair + `verify_incoming = true`, "verify_incoming: whom to trust is not said"},
		{"an empty authority", pair + `ca_file = "empty.pem"`, "ca_file: empty.pem: there is no certificate in it"},
		{"no authority", pair + `ca_file = "none.pem"`, "ca_file: open none.pem"},
		{"an empty folder of authorities", pair + `ca_path = "none" verify_incoming = true`, "ca_path: none: there is no file in this folder"},
		{"an unknown cipher", pair + `tls_cipher_suites = "TLS_RSA_WITH_RC4_128_SHA"`, "tls_cipher_suites: want some of TLS_ECDHE_"},
		{"an unknown version", pair + `tls_min_version = "x"`, "tls_min_version: want TLSv1_2 or TLSv1_3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := readAgent(t, "-dev", "-https-port", "8501", "-hcl", tc.hcl); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

// TestDNSOverTLS: it listens where it is asked to, with what HTTPS has where
// nobody says otherwise.
func TestDNSOverTLS(t *testing.T) {
	t.Chdir(t.TempDir())
	writeCertificate(t)
	const pair = `tls { defaults { cert_file = "cert.pem" key_file = "key.pem" ca_file = "cert.pem" verify_incoming = true } `
	for _, tc := range []struct {
		name, hcl string
		addr      string
		verify    bool
	}{
		{"not asked for", pair + `}`, "", false},
		{"a port", pair + `} ports { dns_tls = 8853 } client_addr = "127.0.0.1 ::1"`, "127.0.0.1:8853 [::1]:8853", true},
		{"an address", pair + `} addresses { dns_tls = "127.0.0.2" }`, "127.0.0.2:853", true},
		{"for it", pair + ` dns { verify_incoming = false } } ports { dns_tls = 8853 }`, "127.0.0.1:8853", false},
		{"of HTTPS", `tls { https { cert_file = "cert.pem" key_file = "key.pem" } } ports { dns_tls = 8853 }`, "127.0.0.1:8853", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _, err := readAgent(t, "-dev", "-hcl", tc.hcl)
			if err != nil {
				t.Fatal(err)
			}
			if a.Registry.DNSTLSAddr != tc.addr || a.Registry.DNSTLS.Verify != tc.verify || (a.Registry.DNSTLS.Cert == "cert.pem") != (tc.addr != "") {
				t.Errorf("it listens on %q with %+v", a.Registry.DNSTLSAddr, a.Registry.DNSTLS)
			}
		})
	}
	for _, tc := range []struct{ name, hcl, says string }{
		{"no certificate", `ports { dns_tls = 8853 }`, "ports.dns_tls: DNS over TLS needs a certificate"},
		{"no port", `addresses { dns_tls = "127.0.0.1" }`, "addresses.dns_tls: DNS over TLS needs a certificate"},
		{"a socket", pair + `} addresses { dns_tls = "unix:///x" }`, "addresses.dns_tls: \"unix:///x\""},
		{"no authority", pair + ` dns { ca_file = "empty.pem" } } ports { dns_tls = 8853 }`, "tls.dns.ca_file: empty.pem"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := readAgent(t, "-dev", "-hcl", tc.hcl); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}
