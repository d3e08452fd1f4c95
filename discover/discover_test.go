package discover_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// Consul's client is all that a source may be.
var _ interface {
	discover.Source
	discover.Opener
	discover.Reacher
} = (*consul.Client)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	web     = discover.Query{Service: "web"}
	errDown = errors.New("connection refused")
)

func TestHostPort(t *testing.T) {
	for want, i := range map[string]discover.Instance{
		"10.0.0.1:80":      {Address: "10.0.0.1", Port: 80},
		"[2001:db8::1]:80": {Address: "2001:db8::1", Port: 80},
		"web.local:0":      {Address: "web.local"},
	} {
		if got := i.HostPort(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The answer of GET /discovery is made of instances: Consul users know these
// names, and the reason has a place of its own there.
func TestInstanceJSON(t *testing.T) {
	got, err := json.Marshal(discover.Instance{ID: "1", Tags: []string{}, Meta: map[string]string{}, Reason: "broken"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"ID":"1","Service":"","Address":"","Port":0,"Tags":[],"Meta":{},"Weights":{"Passing":0,"Warning":0},"Datacenter":"","Node":"","Status":""}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// sourceFunc is a source made of its one method.
type sourceFunc func(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error)

func (f sourceFunc) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	return f(ctx, q, after)
}
