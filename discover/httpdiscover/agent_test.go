package httpdiscover_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/httpdiscover"
)

// On a real registry: a service is called as soon as it is announced, and when
// it withdraws nobody is called.
func TestOnARegistry(t *testing.T) {
	agent := agenttest.Start(t)
	registry := agent.Client()
	source, err := consul.New(agent.ConfigFor(""), consul.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.CloseIdleConnections()
	cache := discover.NewCache(source, discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, httpdiscover.Config{})
	defer transport.Close()
	client := &http.Client{Transport: transport}

	status := func() int {
		response, err := client.Get("http://blue.web.service.consul/")
		if err != nil {
			return 0
		}
		response.Body.Close()
		return response.StatusCode
	}
	if got := status(); got != 0 {
		t.Errorf("before anybody is announced: got %d", got)
	}
	blue, green := serve(t, "blue", ok), serve(t, "green", ok)
	for _, b := range []*backend{blue, green} {
		err := registry.Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: b.instance.ID, Name: "web", Address: b.instance.Address, Port: b.instance.Port, Tags: []string{b.instance.ID},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "an answer", func() bool { return status() == 200 })
	if err := registry.Agent().ServiceDeregister("blue"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := announce.AwaitAbsence(ctx, source, discover.Query{Service: "web"}, "blue"); err != nil {
		t.Fatal(err)
	}
	<-blue.closed // its connections too
	waitFor(t, "no answer", func() bool { return status() == 0 })
	if n := green.requests.Load(); n != 0 {
		t.Errorf("an instance without the tag got %d requests", n)
	}
}
