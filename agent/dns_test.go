package agent_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"
	"github.com/miekg/dns"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// TestDNSAddressInUse is an error for who asked for DNS, and not for who did
// not.
func TestDNSAddressInUse(t *testing.T) {
	config := quiet()
	config.DNSAddr = agenttest.Start(t).DNSAddr
	var door *agent.DoorError
	if _, err := agent.New(config); !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &door) || door.Door != "dns" {
		t.Errorf("got %v, want that the address of DNS is in use", err)
	}
	config.DNSIfFree = true
	if got := run(t, config).DNSAddrs(); len(got) != 0 {
		t.Errorf("DNS is served at %q, and that is in use", got)
	}
}

func TestDNSFollowsTheConfiguration(t *testing.T) {
	config := quiet()
	config.Domain = "example.org"
	a := run(t, config)
	_, client := client(t, a.URLs()[0], nil)
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", Address: "10.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	ttl := func() uint32 {
		t.Helper()
		resolver := dns.Client{Timeout: 30 * time.Second}
		got, _, err := resolver.Exchange(new(dns.Msg).SetQuestion("web.service.example.org.", dns.TypeA), a.DNSAddrs()[0])
		if err != nil || len(got.Answer) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		return got.Answer[0].Header().Ttl
	}
	if got := ttl(); got != 0 {
		t.Errorf("the TTL is %d at first, want 0", got)
	}
	config.DNS.ServiceTTL = map[string]time.Duration{"web": time.Minute}
	if err := a.Reconfigure(config); err != nil {
		t.Fatal(err)
	}
	if got := ttl(); got != 60 {
		t.Errorf("the TTL is %d after a reload, want 60", got)
	}
	config.DNS.Recursors = []string{"no address"}
	if err := a.Reconfigure(config); err == nil {
		t.Error("a recursor that is none was taken")
	}
}
