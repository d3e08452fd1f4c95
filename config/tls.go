package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"

	"github.com/realjf/muster/agent"
)

// tls takes how to speak HTTPS, which reads the certificates.
func (s *settler) tls(into *agent.Config) {
	certFile, keyFile := s.tlsKey("cert_file"), s.tlsKey("key_file")
	if into.HTTPSAddr == "" {
		return
	}
	if !s.has(certFile) || !s.has(keyFile) {
		s.warn("ports.https: nothing listens there without a certificate: give tls.https.cert_file and tls.https.key_file")
		into.HTTPSAddr = ""
		return
	}
	var cert, key string
	s.text(certFile, &cert)
	s.text(keyFile, &key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		s.wrong(certFile, "%w", err)
		return
	}
	into.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: s.tlsVersion(), NextProtos: []string{"h2", "http/1.1"}}

	verify := s.tlsKey("verify_incoming")
	if !s.has("tls.https.verify_incoming") && s.has("verify_incoming_https") {
		verify = "verify_incoming_https"
	}
	var mustVerify bool
	s.flag(verify, &mustVerify)
	into.TLS.ClientCAs = s.authorities()
	switch {
	case !mustVerify:
	case into.TLS.ClientCAs == nil:
		s.wrong(verify, "whom to trust is not said: give tls.https.ca_file or tls.https.ca_path")
	default:
		into.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if s.has(s.tlsKey("tls_cipher_suites")) {
		s.warn("%s is without effect: Go's choice of ciphers is kept", s.tlsKey("tls_cipher_suites"))
	}
}

// tlsKey returns where a setting of HTTPS is given: for it, for all protocols,
// or in the old place.
func (s *settler) tlsKey(name string) string {
	for _, key := range []string{"tls.https." + name, "tls.defaults." + name, name} {
		if s.has(key) {
			return key
		}
	}
	return "tls.https." + name
}

func (s *settler) tlsVersion() uint16 {
	key := s.tlsKey("tls_min_version")
	version := "TLSv1_2"
	s.text(key, &version)
	switch version {
	case "TLSv1_3", "tls13":
		return tls.VersionTLS13
	case "TLSv1_2", "tls12", "TLS_AUTO", "":
	case "TLSv1_0", "TLSv1_1", "tls10", "tls11":
		s.warn("%s: TLS before 1.2 is broken, and not spoken", key)
	default:
		s.wrong(key, "want TLSv1_2 or TLSv1_3, got %q", version)
	}
	return tls.VersionTLS12
}

// authorities returns whose certificates are trusted, nil when nobody said.
func (s *settler) authorities() *x509.CertPool {
	fileKey, pathKey := s.tlsKey("ca_file"), s.tlsKey("ca_path")
	var file, path string
	s.text(fileKey, &file)
	s.text(pathKey, &path)
	var files []string
	key := fileKey
	switch {
	case file != "":
		files = []string{file}
	case path != "":
		key = pathKey
		files, _ = filepath.Glob(filepath.Join(path, "*")) // fails for wrong patterns only
	default:
		return nil
	}
	pool := x509.NewCertPool()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			s.wrong(key, "%w", err)
			continue
		}
		if !pool.AppendCertsFromPEM(text) {
			s.wrong(key, "%s: there is no certificate in it", file)
		}
	}
	return pool
}
