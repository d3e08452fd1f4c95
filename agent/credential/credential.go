// Package credential keeps what a door shows of itself, and whose certificates
// it asks of clients: from files in PEM, which it reads again by itself when
// they change. What cannot be used leaves what was there in force. It makes no
// certificates, and asks nobody whether one was revoked.
package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Settings say which files there are, and how TLS is spoken.
type Settings struct {
	// Cert is a file with the certificate, and behind it those that lead to one
	// that clients trust. Key is a file with its key.
	Cert, Key string
	// CAFile is a file with the certificates of those who sign the clients'.
	// Where it is empty, CAPath is a folder of such files.
	CAFile, CAPath string
	// Verify lets in only clients with a certificate that one of those signed.
	Verify bool
	// MinVersion is the oldest version of TLS that is spoken; 0 is 1.2.
	MinVersion uint16
	// Ciphers are those that are spoken up to TLS 1.2; none leaves it to Go.
	Ciphers []uint16
}

// Part is what a file is for.
type Part string

// The parts.
const (
	Certificate Part = "certificate"
	Key         Part = "key"
	Authorities Part = "authorities"
)

// Fault is what is wrong with a part of the settings. Err names the file.
type Fault struct {
	Part Part
	Err  error
}

func (f *Fault) Error() string { return f.Err.Error() }

func (f *Fault) Unwrap() error { return f.Err }

func fault(part Part, format string, args ...any) error {
	return &Fault{part, fmt.Errorf(format, args...)}
}

// Set is what the files held at one moment, ready for use. It does not change.
type Set struct {
	settings Settings
	print    print
	config   *tls.Config
	leaf     *x509.Certificate
}

// Read returns what the files hold. Its error is a [*Fault], which names the
// file.
func (s Settings) Read() (*Set, error) {
	files, err := s.gather()
	if err != nil {
		return nil, err
	}
	return s.parse(files)
}

// file is one of those that a set is made of.
type file struct {
	part Part
	path string
	text []byte
}

// gather reads all files, each once: what is judged is what will be in force.
func (s Settings) gather() ([]file, error) {
	var all []file
	add := func(part Part, path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return &Fault{part, err} // which names the file
		}
		all = append(all, file{part, path, text})
		return nil
	}
	switch {
	case s.Cert == "":
		return nil, fault(Certificate, "there is no certificate")
	case s.Key == "":
		return nil, fault(Key, "there is no key for the certificate %s", s.Cert)
	}
	if err := errors.Join(add(Certificate, s.Cert), add(Key, s.Key)); err != nil {
		return nil, first(err)
	}
	authorities, err := s.authorities()
	if err != nil {
		return nil, err
	}
	for _, path := range authorities {
		if err := add(Authorities, path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// first returns the first of errors that were joined.
func first(err error) error {
	if all, several := err.(interface{ Unwrap() []error }); several {
		return all.Unwrap()[0]
	}
	return err
}

// authorities returns the files of those who sign the clients' certificates.
func (s Settings) authorities() ([]string, error) {
	switch {
	case s.CAFile != "":
		return []string{s.CAFile}, nil
	case s.CAPath == "" && s.Verify:
		return nil, fault(Authorities, "whom to trust is not said: give a file or a folder of authorities")
	case s.CAPath == "":
		return nil, nil
	}
	entries, err := os.ReadDir(s.CAPath)
	if err != nil {
		return nil, &Fault{Authorities, err}
	}
	var all []string
	for _, entry := range entries {
		path := filepath.Join(s.CAPath, entry.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue // as Kubernetes has beside the links to what is in it
		}
		all = append(all, path)
	}
	if len(all) == 0 {
		return nil, fault(Authorities, "%s: there is no file in this folder", s.CAPath)
	}
	return all, nil
}

// print tells contents of files apart.
type print [sha256.Size]byte

func printOf(files []file) (p print) {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s %q %d\n", f.part, f.path, len(f.text))
		h.Write(f.text) // a hash never fails
	}
	h.Sum(p[:0])
	return p
}

// parse makes a set of what the files hold.
func (s Settings) parse(files []file) (*Set, error) {
	var cert, key file
	pool := x509.NewCertPool()
	trusted := false
	for _, f := range files {
		switch f.part {
		case Certificate:
			cert = f
		case Key:
			key = f
		case Authorities:
			if !pool.AppendCertsFromPEM(f.text) {
				return nil, fault(Authorities, "%s: there is no certificate in it", f.path)
			}
			trusted = true
		}
	}
	if err := errors.Join(cert.holds("CERTIFICATE"), key.holds("PRIVATE KEY")); err != nil {
		return nil, first(err)
	}
	pair, err := tls.X509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, judge(cert, key, err)
	}
	version := s.MinVersion
	if version == 0 {
		version = tls.VersionTLS12
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, CipherSuites: s.Ciphers} // #nosec G402 -- 1.2, unless an older one was asked for
	if trusted {
		config.ClientCAs = pool
	}
	if s.Verify {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		// A ticket would let in again whose authority is not trusted any more.
		config.SessionTicketsDisabled = true
	}
	return &Set{settings: s, print: printOf(files), config: config, leaf: pair.Leaf}, nil
}

// holds reports what is wrong with a file that should hold a block in PEM, whose
// type ends so.
func (f file) holds(kind string) error {
	var others []string
	for rest := f.text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, kind) {
			if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
				return fault(f.part, "%s: the key is encrypted, and nobody is there to give a passphrase: decrypt it, and keep the file to yourself", f.path)
			}
			return nil
		}
		others = append(others, strings.ToLower(block.Type))
	}
	switch {
	case len(bytes.TrimSpace(f.text)) == 0:
		return fault(f.part, "%s: it is empty", f.path)
	case len(others) > 0:
		return fault(f.part, "%s: there is no %s in it, but a %s", f.path, strings.ToLower(kind), others[0])
	default:
		return fault(f.part, "%s: there is no %s in PEM in it", f.path, strings.ToLower(kind))
	}
}

// judge says which of two files is to blame for a pair that is none.
func judge(cert, key file, err error) error {
	for block, rest := pem.Decode(cert.text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, broken := x509.ParseCertificate(block.Bytes); broken != nil {
			return fault(Certificate, "%s: %w", cert.path, broken)
		}
		break
	}
	if strings.Contains(err.Error(), "does not match") {
		return fault(Key, "%s: it is not the key of the certificate %s", key.path, cert.path)
	}
	return fault(Key, "%s: %w", key.path, err)
}
