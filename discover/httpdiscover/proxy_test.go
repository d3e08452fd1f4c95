package httpdiscover_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/httpdiscover"
)

// gateway starts a server with a reverse proxy to http://web/base.
func gateway(t *testing.T, f *fixture, logger *slog.Logger) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(f.transport.ReverseProxy(&url.URL{Scheme: "http", Host: "web", Path: "/base"}, logger))
	t.Cleanup(server.Close)
	return server
}

// What every request would be answered 500 for is said where it is written.
func TestReverseProxyToNoService(t *testing.T) {
	f := newFixture(t, httpdiscover.Config{})
	for target, want := range map[string]string{
		"http://web:80":    "leave the port out",
		"http://10.0.0.1/": "an address",
		"web":              "http://web/path",
		"http://":          "service name",
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.transport.Validate(u); !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want an invalid one that says %s", target, err, want)
		}
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, want) {
					t.Errorf("%s: panics with %q, want it to say %s", target, said, want)
				}
			}()
			f.transport.ReverseProxy(u, nil)
		}()
	}
	if err := f.transport.Validate(&url.URL{Scheme: "https", Host: "canary.web.service.consul"}); err != nil {
		t.Error(err)
	}
}

func TestReverseProxy(t *testing.T) {
	web := serve(t, "web-1", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-Ip", "Forwarded"} {
			w.Header()["Got-"+name] = r.Header.Values(name)
		}
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, body)
	})
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", web.instance)
	server := gateway(t, f, nil)

	r := request(t, t.Context(), "POST", server.URL+"/path?a=b", strings.NewReader("hello"))
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-Ip", "Forwarded"} {
		r.Header.Set(name, "forged")
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if want := "POST web /base/path?a=b hello"; err != nil || string(body) != want {
		t.Errorf("got %q, error %v, want %q", body, err, want)
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": strings.TrimPrefix(server.URL, "http://"), "X-Forwarded-Proto": "http",
		"X-Forwarded-Port": "", "X-Real-Ip": "", "Forwarded": "",
	} {
		if got := strings.Join(response.Header["Got-"+name], ", "); got != want {
			t.Errorf("the service got %s %q, want %q", name, got, want)
		}
	}

	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(conn)
	switched, err := http.ReadResponse(reader, nil)
	if err != nil || switched.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, error %v", switched, err)
	}
	talk(t, struct {
		io.Reader
		io.Writer
	}{reader, conn})
}

func TestReverseProxySaysWhy(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, f *fixture, network *pipes)
		body    string
		status  int
		retry   string
		text    string
	}{
		{"no instance", func(t *testing.T, f *fixture, _ *pipes) {}, "", 503, "5", "there is no healthy instance of web"},
		{"no registry", func(t *testing.T, f *fixture, _ *pipes) { f.Fail(errors.New("connection refused")) }, "", 503, "5", "the instances of web are not known yet"},
		{"closed", func(t *testing.T, f *fixture, _ *pipes) { _ = f.transport.Close() }, "", 503, "5", "the instances of web are not known yet"},
		{"refused", func(t *testing.T, f *fixture, _ *pipes) { f.Set("web", instance(1)) }, "", 502, "", "web did not answer"},
		{"slow", func(t *testing.T, f *fixture, network *pipes) {
			network.serve(t, instance(1), hang)
			f.Set("web", instance(1))
		}, "", 504, "", "web took too long to answer"},
		{"too large", func(t *testing.T, f *fixture, network *pipes) {
			network.serve(t, instance(1), hang)
			f.Set("web", instance(1))
		}, "more than ten bytes", 413, "", "the request is too large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network pipes
				f := newFixture(t, httpdiscover.Config{Base: network.base()})
				test.prepare(t, f, &network)
				var log bytes.Buffer
				proxy := f.transport.ReverseProxy(&url.URL{Scheme: "http", Host: "web"}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
				if test.body != "" {
					r = httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(test.body))
				}
				w := httptest.NewRecorder()
				r.Body = http.MaxBytesReader(w, r.Body, 10)
				proxy.ServeHTTP(w, r)
				var got struct{ Error string }
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != test.status || got.Error != test.text || w.Header().Get("Retry-After") != test.retry {
					t.Errorf("got %d %q, Retry-After %q, want %d %q, %q", w.Code, w.Body, w.Header().Get("Retry-After"), test.status, test.text, test.retry)
				}
				if !strings.Contains(log.String(), "service=web") {
					t.Errorf("the log says %q", log.String())
				}
			})
		})
	}
}
