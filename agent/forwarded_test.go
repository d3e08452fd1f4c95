package agent_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// forwarded are the headers in which proxies tell whom they ask for, and in
// which everybody may lie.
var forwarded = http.Header{
	"X-Forwarded-For": {"10.0.0.1"}, "X-Real-Ip": {"10.0.0.1"}, "Forwarded": {"for=10.0.0.1"}, "True-Client-Ip": {"10.0.0.1"},
}

func TestNobodyIsBelievedWhereTheyAre(t *testing.T) {
	registry := agenttest.Start(t, func(c *agent.Config) { c.AllowWriteFrom = prefixes("10.0.0.0/8") })
	if response, body := send(t, registry, call{method: http.MethodPut, path: "/v1/kv/a", header: forwarded}); response.StatusCode != http.StatusForbidden || body != "Access is restricted" {
		t.Errorf("a write in the name of another address: got %d %s, want 403", response.StatusCode, body)
	}

	// Who is one connection too many is told before they can name anybody.
	registry = agenttest.Start(t, func(c *agent.Config) { c.MaxConnsPerClient = 1 })
	first, err := net.Dial("tcp", registry.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := io.WriteString(first, "GET /v1/status/leader HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", registry.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	for conn, want := range map[net.Conn]int{first: http.StatusOK, second: http.StatusTooManyRequests} {
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want {
			t.Errorf("got %d, want %d", response.StatusCode, want)
		}
	}
}
