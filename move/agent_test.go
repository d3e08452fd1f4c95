package move

import (
	"strings"
	"testing"
)

// TestServiceOfAnotherMachine: what it takes for a service, and for what looks
// at it, to mean the same where the agent has another address.
func TestServiceOfAnotherMachine(t *testing.T) {
	check := func(definition row) []AgentCheck { return []AgentCheck{{row{"CheckID": "c"}, definition}} }
	for name, c := range map[string]struct {
		service                AgentService
		from, to               string
		same, bare             bool
		obstacle, note, atLast string // part of each; its address
	}{
		"one machine":                {service: AgentService{Checks: check(row{"TCP": "127.0.0.1:1"})}, from: "10.0.0.1", to: "10.0.0.1"},
		"no address":                 {from: "10.0.0.1", to: "10.0.0.2", note: "it gets the address that its node had, 10.0.0.1", atLast: "10.0.0.1"},
		"no address, said to be one": {from: "10.0.0.1", to: "10.0.0.2", same: true},
		"no address but loopback":    {from: "127.0.0.1", to: "10.0.0.2", obstacle: "-same-machine"},
		"loopback":                   {service: AgentService{Service: row{"Address": "127.0.0.1"}}, from: "10.0.0.1", to: "10.0.0.2", obstacle: "-same-machine"},
		"an address of its own":      {service: AgentService{Service: row{"Address": "10.9.9.9"}}, from: "127.0.0.1", to: "10.0.0.2", atLast: "10.9.9.9"},
		"a check of loopback":        {service: AgentService{Checks: check(row{"HTTP": "http://localhost:80/x"})}, from: "10.0.0.1", to: "10.0.0.2", obstacle: "from within"},
		"without it":                 {service: AgentService{Checks: check(row{"HTTP": "http://[::1]:80"})}, from: "10.0.0.1", to: "10.0.0.2", bare: true, note: "without check c", atLast: "10.0.0.1"},
		"a check of an address":      {service: AgentService{Checks: check(row{"GRPC": "10.0.0.1:1/s"})}, from: "10.0.0.1", to: "10.0.0.2", note: "it gets", atLast: "10.0.0.1"},
		"a check that nobody told":   {service: AgentService{Checks: check(nil)}, obstacle: "-without-checks"},
		"a check of the machine":     {service: AgentService{Checks: check(row{"Host": "memory<90%"})}, obstacle: "muster's own"},
		"a script":                   {service: AgentService{Checks: check(row{"Args": []any{"true"}})}, obstacle: "enable_script_checks"},
	} {
		t.Run(name, func(t *testing.T) {
			b := bringing{to: &registry{}, choice: Choice{SameMachine: c.same, WithoutChecks: c.bare}, from: Source{Node: "n", Address: c.from}}
			b.to.self.Member.Addr = c.to
			if c.service.Service == nil {
				c.service.Service = row{"ID": "web"}
			}
			wanted, obstacle, notes := b.settle(c.service)
			if (obstacle == "") != (c.obstacle == "") || !strings.Contains(obstacle, c.obstacle) {
				t.Errorf("obstacle: got %q, want %q", obstacle, c.obstacle)
			}
			if note := strings.Join(notes, "; "); obstacle == "" && ((note == "") != (c.note == "") || !strings.Contains(note, c.note)) {
				t.Errorf("note: got %q, want %q", note, c.note)
			}
			if obstacle == "" && wanted.Service.text("Address") != c.atLast {
				t.Errorf("address: got %q, want %q", wanted.Service.text("Address"), c.atLast)
			}
		})
	}
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b any
		want bool
	}{
		{row{"Meta": nil, "Port": 80}, row{"Meta": row{}, "Port": 80, "Timeout": "0s"}, true},
		{row{"Tags": []string{}}, row{}, true},
		{row{"Tags": []string{"a"}}, row{"Tags": []any{"a"}}, true},
		{row{"Tags": []string{"a", "b"}}, row{"Tags": []string{"b", "a"}}, false},
		{row{"Port": 80}, row{"Port": 81}, false},
		{row{"Weights": row{"Passing": 1}}, row{}, false},
	} {
		if got := alike(c.a, c.b); got != c.want {
			t.Errorf("%v and %v: got %t", c.a, c.b, got)
		}
	}
}

func TestServiceBodyIsLessWhatARegistryAdds(t *testing.T) {
	got := serviceBody(row{
		"ID": "web", "Address": "10.0.0.1", "Port": 80, "ModifyIndex": 7, "Datacenter": "dc1",
		"TaggedAddresses": map[string]any{
			"lan_ipv4": map[string]any{"Address": "10.0.0.1", "Port": 80}, "consul-virtual": map[string]any{"Address": "240.0.0.1", "Port": 80},
			"wan_ipv4": map[string]any{"Address": "1.2.3.4", "Port": 80}, "lan": map[string]any{"Address": "10.0.0.1", "Port": 80},
		},
	})
	want := row{
		"ID": "web", "Address": "10.0.0.1", "Port": 80,
		"TaggedAddresses": row{"wan_ipv4": row{"Address": "1.2.3.4", "Port": 80}, "lan": row{"Address": "10.0.0.1", "Port": 80}},
	}
	if !alike(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
