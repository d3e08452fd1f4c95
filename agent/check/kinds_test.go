package check

import (
	"testing"
	"time"
)

// TestSeveralKindsAtOnce: which one is run and which one is named are Consul's
// choices.
func TestSeveralKindsAtOnce(t *testing.T) {
	for _, tc := range []struct {
		definition   Definition
		runs, called string
	}{
		{Definition{HTTP: "x", TCP: "x", UDP: "x", GRPC: "x"}, "http", "grpc"},
		{Definition{TCP: "x", UDP: "x"}, "tcp", "tcp"},
		{Definition{UDP: "x", GRPC: "x"}, "udp", "grpc"},
		{Definition{GRPC: "x", H2PING: "x"}, "grpc", "grpc"},
		{Definition{OSService: "x", ScriptArgs: []string{"x"}}, "os_service", "script"},
		{Definition{OSService: "x", H2PING: "x"}, "os_service", "h2ping"},
		{Definition{H2PING: "x", ScriptArgs: []string{"x"}}, "script", "script"},
		{Definition{AliasNode: "x"}, "alias", "alias"},
	} {
		if got := tc.definition.kind().name; got != tc.runs {
			t.Errorf("%+v runs %s, want %s", tc.definition, got, tc.runs)
		}
		if got := tc.definition.Kind(); got != tc.called {
			t.Errorf("%+v is called %s, want %s", tc.definition, got, tc.called)
		}
	}
	if got := (Definition{TTL: time.Second}).Kind(); got != "ttl" {
		t.Errorf("a TTL is called %s", got)
	}
}
