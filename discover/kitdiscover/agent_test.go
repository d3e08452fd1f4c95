package kitdiscover_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	httptransport "github.com/go-kit/kit/transport/http"
	"github.com/go-kit/log"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/kitdiscover"
)

// TestOnAnAgent has two services register themselves, and calls them through
// go-kit's balancer and through ours.
func TestOnAnAgent(t *testing.T) {
	registry, err := consul.New(agenttest.Start(t).ConfigFor(""), consul.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.CloseIdleConnections)
	registrars := map[string]*kitdiscover.Registrar{}
	for _, id := range []string{"web-1", "web-2"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, id) }))
		t.Cleanup(server.Close)
		host, port, err := net.SplitHostPort(server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		registrars[id] = kitdiscover.NewRegistrar(announce.NewRegistrar(registry,
			announce.Registration{ID: id, Service: "web", Address: host, Port: number}, announce.RegistrarConfig{}), kitdiscover.RegistrarConfig{})
		registrars[id].Register()
		t.Cleanup(registrars[id].Deregister)
	}
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	factory := func(address string) (endpoint.Endpoint, io.Closer, error) {
		decode := func(_ context.Context, r *http.Response) (any, error) {
			body, err := io.ReadAll(r.Body)
			return string(body), err
		}
		return httptransport.NewClient(http.MethodGet, &url.URL{Scheme: "http", Host: address}, httptransport.EncodeJSONRequest, decode,
			httptransport.SetClient(client)).Endpoint(), nil, nil
	}
	instancer := kitdiscover.NewInstancer(t.Context(), discover.Watch(registry, web, discover.WatchConfig{}))
	defer instancer.Stop()
	endpointer := sd.NewEndpointer(instancer, factory, log.NewNopLogger())
	defer endpointer.Close()
	for late := time.Now().Add(time.Minute); ; { // it has the event, and takes a moment to make its endpoints
		if endpoints, err := endpointer.Endpoints(); err == nil && len(endpoints) == 2 {
			break
		}
		if time.Now().After(late) {
			t.Fatal("go-kit's endpointer has no endpoints")
		}
		runtime.Gosched()
	}
	ours := kitdiscover.NewBalancer(discover.Watch(registry, web, discover.WatchConfig{}), factory, kitdiscover.BalancerConfig{})
	defer ours.Close()

	reach := func(want ...string) {
		t.Helper()
		for name, balancer := range map[string]lb.Balancer{"go-kit's": lb.NewRoundRobin(endpointer), "ours": ours} {
			call := lb.Retry(3, time.Minute, balancer)
			late := time.Now().Add(time.Minute)
			for reached := map[any]bool{}; ; {
				clear(reached)
				for range 40 {
					by, err := call(t.Context(), nil)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					reached[by] = true
				}
				all := len(reached) == len(want)
				for _, one := range want {
					all = all && reached[one]
				}
				if all {
					break
				}
				if time.Now().After(late) {
					t.Fatalf("%s: got answers of %v, want %v", name, reached, want)
				}
			}
		}
	}
	reach("web-1", "web-2")
	registrars["web-1"].Deregister()
	reach("web-2")
}
