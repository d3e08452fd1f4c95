package consul_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

func TestAddresses(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:8500", "localhost", "consul.example.com", "http://consul", "https://consul:8501", "http://consul:8500/", "https://proxy/consul/api",
		"[::1]:8500", "http://[::1]", "[fe80::1%eth0]:8500", ":8500", "a_b.c-d:1", "consul.:65535", "unix:///run/consul.sock", "unix://@abstract", "",
	} {
		c, err := consul.New(&api.Config{Address: address}, consul.Config{})
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		c.CloseIdleConnections()
	}
	for address, want := range map[string]string{
		"::bad::":                    "brackets",
		"::1":                        "brackets",
		"2001:db8::1:8500":           "brackets",
		"[::1":                       "brackets",
		"[web]:80":                   `"web" in brackets`,
		"[127.0.0.1]:80":             "no IPv6 address",
		"http://":                    "host is missing",
		"https:///ui":                "host is missing",
		" 127.0.0.1:8500":            `" 127.0.0.1" is no name`,
		"127.0.0.1:8500 ":            `port is "8500 "`,
		"127.0.0.1:8500\n":           "port is",
		"a b":                        "no name of a host",
		"consul:8500/ui":             "there must be http://",
		"consul:70000":               `port is "70000"`,
		"consul:0":                   `port is "0"`,
		"consul:":                    `port is ""`,
		"http://consul:http":         `port is "http"`,
		"http://consul?dc=dc2":       "settings of their own",
		"consul#a":                   "settings of their own",
		"ftp://consul":               "want http, https or unix",
		"HTTP://consul":              "want http, https or unix",
		"unix://":                    "path of the socket",
		"http://user:secret@consul":  "HttpAuth",
		"user:secret@consul:8500":    "HttpAuth",
		"http://user:12/secret@host": "HttpAuth",
		"ftp://user:secret@consul":   "HttpAuth",
	} {
		for name, refused := range map[string]func() error{
			"setting": func() error {
				_, err := consul.New(&api.Config{Address: address}, consul.Config{})
				return err
			},
			"setting beside a client": func() error {
				_, err := consul.New(&api.Config{Address: address, HttpClient: http.DefaultClient}, consul.Config{})
				return err
			},
			"environment": func() error {
				t.Setenv("CONSUL_HTTP_ADDR", address)
				_, err := consul.New(nil, consul.Config{})
				return err
			},
		} {
			err := refused()
			if !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s %q: got error %v, want one that says %q", name, address, err, want)
			}
		}
	}
	for want, at := range map[string]api.Config{
		`scheme "ftp"`: {Address: "consul", Scheme: "ftp"},
		"no-such.pem":  {Address: "consul", TLSConfig: api.TLSConfig{CAFile: filepath.Join(t.TempDir(), "no-such.pem")}},
	} {
		if _, err := consul.New(&at, consul.Config{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one that says %s", err, want)
		}
	}
}

// FuzzAddress: whatever an address says, it is refused as invalid, or questions can
// be asked there, and a password is never told back.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:8500", "http://[::1]:8500/a", "::", "http://", "unix:///a", "u:p@h", "a:b:c", "h:1/ui", "[fe80::1%eth0]:1", "http://%zz", "[::%\x91]"} {
		f.Add(seed)
	}
	errDown := errors.New("connection refused")
	f.Fuzz(func(t *testing.T, address string) {
		nobody := &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) { return nil, errDown })}
		c, err := consul.New(&api.Config{Address: address, HttpClient: nobody}, consul.Config{})
		if err != nil {
			if !errors.Is(err, discover.ErrInvalid) {
				t.Errorf("%q: error %v is not ErrInvalid", address, err)
			}
			return
		}
		if strings.HasPrefix(address, "unix://") {
			return // which would be dialled
		}
		if _, err := c.Next(t.Context(), web, 0); !errors.Is(err, errDown) {
			t.Errorf("%q: taken, and asking fails with %v", address, err)
		}
	})
}

// roundTripFunc is a transport made of its one method.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
